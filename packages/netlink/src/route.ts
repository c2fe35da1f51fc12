import { NETLINK_ROUTE, NetlinkSocket, SystemCallError } from '@corten/host';
import {
  attribute,
  attributesOf,
  message,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  nested,
  type Received,
  split,
  text,
  u32,
} from './message.ts';

/** rtnetlink(7) message types, flags and attributes, from the kernel's uapi headers. */
const RTM = { NEWLINK: 16, DELLINK: 17, GETLINK: 18, NEWADDR: 20, GETADDR: 22, NEWROUTE: 24, GETROUTE: 26 };
const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  MASTER: 10,
  LINKINFO: 18,
  NET_NS_FD: 28,
  INFO_KIND: 1,
  INFO_DATA: 2,
  VETH_PEER: 1,
};
const IFA = { ADDRESS: 1, LOCAL: 2, BROADCAST: 4 };
const RTA = { DST: 1, OIF: 4, GATEWAY: 5 };
const IFF_UP = 1;
const AF_INET = 2;

export interface Link {
  index: number;
  name: string;
  up: boolean;
}

const bytesOf = (address: string): Buffer => Buffer.from(address.split('.').map(Number));
const macOf = (mac: string): Buffer => Buffer.from(mac.replaceAll(':', ''), 'hex');

function interfaceInfo(index: number, flags = 0, change = 0): Buffer {
  const info = Buffer.alloc(16);
  info.writeInt32LE(index, 4);
  info.writeUInt32LE(flags, 8);
  info.writeUInt32LE(change, 12);
  return info;
}

/**
 * Links, addresses and routes of one network namespace: the one in which it was made, for good. Calls are synchronous
 * (0.05 to 0.5 ms each); errors are SystemCallErrors with the kernel's own explanation where it gives one.
 */
export class RouteSocket {
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE);
  #sequence = 1;

  close(): void {
    this.#socket.close();
  }

  #request(what: string, type: number, flags: number, ...parts: Uint8Array[]): void {
    const sequence = this.#sequence++;
    this.#socket.send(message(type, NLM_F_REQUEST | NLM_F_ACK | flags, sequence, ...parts));
    for (;;) {
      for (const answer of split(this.#socket.receive())) {
        if (answer.sequence !== sequence || answer.type !== NLMSG_ERROR) continue;
        const code = answer.body.readInt32LE(0);
        if (code === 0) return;
        throw new SystemCallError(what, -code, explanation(answer.body));
      }
    }
  }

  #dump(type: number, body: Uint8Array): Received[] {
    const sequence = this.#sequence++;
    this.#socket.send(message(type, NLM_F_REQUEST | NLM_F_DUMP, sequence, body));
    const found: Received[] = [];
    for (;;) {
      for (const answer of split(this.#socket.receive())) {
        if (answer.sequence !== sequence) continue;
        if (answer.type === NLMSG_DONE) return found;
        found.push(answer);
      }
    }
  }

  links(): Link[] {
    return this.#dump(RTM.GETLINK, interfaceInfo(0)).map(({ body }) => {
      const name = attributesOf(body.subarray(16)).get(IFLA.IFNAME);
      return {
        index: body.readInt32LE(4),
        up: (body.readUInt32LE(8) & IFF_UP) !== 0,
        name: name?.toString('latin1').replace(/\0.*$/, '') ?? '',
      };
    });
  }

  link(name: string): Link | undefined {
    return this.links().find((l) => l.name === name);
  }

  addBridge(name: string, mac: string, mtu?: number): void {
    const kind = nested(IFLA.LINKINFO, text(IFLA.INFO_KIND, 'bridge'));
    const more = mtu === undefined ? [] : [u32(IFLA.MTU, mtu)];
    this.#request(
      `add bridge ${name}`,
      RTM.NEWLINK,
      NLM_F_CREATE | NLM_F_EXCL,
      interfaceInfo(0),
      text(IFLA.IFNAME, name),
      attribute(IFLA.ADDRESS, macOf(mac)),
      ...more,
      kind,
    );
  }

  /** A veth pair: `name` here, a port of the bridge `master`, up; `peer` in another namespace, down until it is set up from inside. */
  addVeth(pair: {
    name: string;
    master: number;
    mtu?: number;
    peer: { name: string; mac: string; namespace: number };
  }): void {
    const mtu = pair.mtu === undefined ? [] : [u32(IFLA.MTU, pair.mtu)];
    const { peer } = pair;
    const other = [
      interfaceInfo(0),
      text(IFLA.IFNAME, peer.name),
      attribute(IFLA.ADDRESS, macOf(peer.mac)),
      u32(IFLA.NET_NS_FD, peer.namespace),
      ...mtu,
    ];
    const info = nested(
      IFLA.LINKINFO,
      text(IFLA.INFO_KIND, 'veth'),
      nested(IFLA.INFO_DATA, nested(IFLA.VETH_PEER, ...other)),
    );
    this.#request(
      `add veth ${pair.name}`,
      RTM.NEWLINK,
      NLM_F_CREATE | NLM_F_EXCL,
      interfaceInfo(0, IFF_UP, IFF_UP),
      text(IFLA.IFNAME, pair.name),
      u32(IFLA.MASTER, pair.master),
      ...mtu,
      info,
    );
  }

  setUp(index: number): void {
    this.#request(`set link ${index} up`, RTM.NEWLINK, 0, interfaceInfo(index, IFF_UP, IFF_UP));
  }

  /** Removes a link; for a veth 32 ms and more, since the kernel waits for its readers. */
  remove(index: number): void {
    this.#request(`remove link ${index}`, RTM.DELLINK, 0, interfaceInfo(index));
  }

  addAddress(index: number, address: string, prefix: number, broadcast?: string): void {
    const info = Buffer.alloc(8);
    info[0] = AF_INET;
    info[1] = prefix;
    info.writeUInt32LE(index, 4);
    const more = broadcast ? [attribute(IFA.BROADCAST, bytesOf(broadcast))] : [];
    this.#request(
      `add address ${address}/${prefix}`,
      RTM.NEWADDR,
      NLM_F_CREATE | NLM_F_EXCL,
      info,
      attribute(IFA.LOCAL, bytesOf(address)),
      attribute(IFA.ADDRESS, bytesOf(address)),
      ...more,
    );
  }

  /** IPv4 addresses with their prefix lengths, per link index. */
  addresses(): { index: number; address: string; prefix: number }[] {
    const info = Buffer.alloc(8);
    info[0] = AF_INET;
    return this.#dump(RTM.GETADDR, info).map(({ body }) => {
      const address = attributesOf(body.subarray(8)).get(IFA.LOCAL);
      return { index: body.readUInt32LE(4), prefix: body[1]!, address: address ? [...address].join('.') : '' };
    });
  }

  addDefaultRoute(gateway: string, index: number): void {
    const info = Buffer.alloc(12);
    info[0] = AF_INET;
    info[4] = 254; // RT_TABLE_MAIN
    info[5] = 3; // RTPROT_BOOT
    info[7] = 1; // RTN_UNICAST
    this.#request(
      `add route via ${gateway}`,
      RTM.NEWROUTE,
      NLM_F_CREATE | NLM_F_EXCL,
      info,
      attribute(RTA.GATEWAY, bytesOf(gateway)),
      u32(RTA.OIF, index),
    );
  }

  /** Destinations of the IPv4 routes, `0.0.0.0/0` for the default. */
  routes(): { destination: string; prefix: number }[] {
    const info = Buffer.alloc(12);
    info[0] = AF_INET;
    return this.#dump(RTM.GETROUTE, info)
      .filter(({ body }) => body[0] === AF_INET && body[4] === 254)
      .map(({ body }) => {
        const destination = attributesOf(body.subarray(12)).get(RTA.DST);
        return { destination: destination ? [...destination].join('.') : '0.0.0.0', prefix: body[1]! };
      });
  }
}

/** The extended acknowledgement's text (NLMSGERR_ATTR_MSG), when the kernel sent one. */
function explanation(body: Buffer): string {
  const original = body.readUInt32LE(4);
  for (const at of [4 + original, 4 + 16]) {
    const found = at < body.length ? attributesOf(body.subarray(at)).get(1) : undefined;
    if (found) return `(${found.toString('latin1').replace(/\0.*$/, '')})`;
  }
  return '';
}

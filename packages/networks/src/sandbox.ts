import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { inNetworkNamespace, newNetworkNamespace } from '@corten/host';
import { RouteSocket } from '@corten/netlink';

/** One interface that goes into a sandbox. */
export interface Interface {
  /** Name of the pair's side on the host. */
  hostName: string;
  bridgeIndex: number;
  address: string;
  prefix: number;
  broadcast: string;
  mac: string;
  mtu?: number;
  gateway?: string;
}

const LOOPBACK = 1;

/**
 * A container's network namespace, held by a descriptor until the container's process holds it. All calls are
 * synchronous on this thread, 1.5 ms together; the namespace is only ever entered to open a socket in it.
 */
export class NetworkSandbox {
  readonly #fd: number;
  readonly #inside: RouteSocket;
  #closed = false;

  private constructor(fd: number, inside: RouteSocket) {
    this.#fd = fd;
    this.#inside = inside;
  }

  static create(): NetworkSandbox {
    const { fd, result } = newNetworkNamespace(() => {
      // no network here has IPv6 yet; without it bringing links up is twice as fast
      const ipv6 = '/proc/sys/net/ipv6/conf/all/disable_ipv6';
      if (existsSync(ipv6)) for (const which of ['all', 'default']) writeFileSync(ipv6.replace('all', which), '1');
      return new RouteSocket();
    });
    const sandbox = new NetworkSandbox(fd, result);
    sandbox.#inside.setUp(LOOPBACK);
    return sandbox;
  }

  /** The namespace of a running process. */
  static of(pid: number): NetworkSandbox {
    const path = `/proc/${pid}/ns/net`;
    return new NetworkSandbox(
      openSync(path, 'r'),
      inNetworkNamespace(path, () => new RouteSocket()),
    );
  }

  /** For OCI `linux.namespaces[].path`; valid while this is not closed. */
  get path(): string {
    return `/proc/${process.pid}/fd/${this.#fd}`;
  }

  /** Puts an interface in; named eth0, eth1 … by the first that is free. */
  plug(host: RouteSocket, plug: Interface): string {
    const names = new Set(this.#inside.links().map((l) => l.name));
    let number = 0;
    while (names.has(`eth${number}`)) number++;
    const name = `eth${number}`;
    host.addVeth({
      name: plug.hostName,
      master: plug.bridgeIndex,
      mtu: plug.mtu,
      peer: { name, mac: plug.mac, namespace: this.#fd },
    });
    allowHairpin(plug.hostName);
    const { index } = this.#inside.link(name)!;
    this.#inside.addAddress(index, plug.address, plug.prefix, plug.broadcast);
    this.#inside.setUp(index);
    if (plug.gateway) this.#inside.addDefaultRoute(plug.gateway, index);
    return name;
  }

  /** Takes out the interface with this address. */
  unplug(address: string): void {
    const found = this.#inside.addresses().find((a) => a.address === address);
    if (found) this.#inside.remove(found.index);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#inside.close();
    closeSync(this.#fd);
  }
}

/**
 * Where bridged packets pass the IP hooks (br_netfilter), a container's call to its own published port is turned round inside the
 * bridge, which sends nothing back through the port it came from unless told to.
 */
function allowHairpin(port: string): void {
  const filtered = '/proc/sys/net/bridge/bridge-nf-call-iptables';
  if (!existsSync(filtered) || readFileSync(filtered, 'utf8').trim() !== '1') return;
  writeFileSync(`/sys/class/net/${port}/brport/hairpin_mode`, '1');
}

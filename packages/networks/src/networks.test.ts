import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { emptyEndpoint, NetworkCreateBodySchema, parse } from '@corten/api-types';
import { createEvents } from '@corten/events';
import { openDatabase } from '@corten/state';
import { createLogger, randomId } from '@corten/util';
import { contains, freeSubnet, macOf, overlaps, parseSubnet, toAddress, toNumber } from './address.ts';
import { openNetworks } from './networks.ts';

test('IPv4 arithmetic', () => {
  assert.equal(toAddress(toNumber('192.168.255.1')), '192.168.255.1');
  assert.deepEqual(parseSubnet('10.1.2.3/8'), { base: toNumber('10.0.0.0'), prefix: 8, size: 2 ** 24 });
  assert.ok(overlaps(parseSubnet('172.16.0.0/12'), parseSubnet('172.17.0.0/16')));
  assert.ok(!overlaps(parseSubnet('172.17.0.0/16'), parseSubnet('172.18.0.0/16')));
  assert.ok(contains(parseSubnet('172.17.0.0/16'), '172.17.255.255'));
  assert.equal(macOf('172.17.0.2'), '02:42:ac:11:00:02');
  assert.equal(
    freeSubnet([{ base: '10.9.0.0/16', size: 24 }], [parseSubnet('10.9.0.0/24')])?.base,
    toNumber('10.9.1.0'),
  );
  for (const bad of ['10.0.0.0', '10.0.0/8', '10.0.0.0/33', 'x/8'])
    assert.throws(() => parseSubnet(bad), { kind: 'invalid' });
});

const busybox = ['/bin/busybox', '/usr/bin/busybox'].find(existsSync);
const why = !busybox ? 'busybox is not installed' : !existsSync('/usr/sbin/nft') ? 'nftables is not installed' : false;

describe('networks in the kernel', { skip: why }, () => {
  const dir = mkdtempSync('/dev/shm/corten-networks-');
  const instance = randomId().slice(0, 6);
  const db = openDatabase(join(dir, 'db'));
  const log = createLogger(() => 'warn');
  const open = () =>
    openNetworks({
      db,
      events: createEvents(),
      log,
      execRoot: dir,
      instance,
      bridgeName: `ct-${instance}`,
      defaultAddressPools: [{ base: '10.201.0.0/16', size: 24 }],
    });
  const started: ChildProcess[] = [];
  const request = (more: object = {}) => ({
    containerId: randomId(),
    name: '/c',
    hostname: 'c',
    endpoints: { bridge: emptyEndpoint() },
    ports: {},
    exposed: [],
    dns: { servers: [], search: [], options: [] },
    ...more,
  });
  const inside = (path: string, ...args: string[]) =>
    execFileSync('nsenter', [`--net=${path}`, ...args], { encoding: 'utf8' });
  const serve = async (path: string) => {
    writeFileSync(join(dir, 'index.html'), 'served');
    started.push(
      spawn('nsenter', [`--net=${path}`, busybox!, 'httpd', '-f', '-p', '80', '-h', dir], { stdio: 'ignore' }),
    );
    await new Promise((resolve) => setTimeout(resolve, 150));
  };
  // bash speaks TCP by itself; busybox-static's wget crashes in glibc's resolver
  const fetchFrom = (path: string, host: string, port = 80) =>
    inside(
      path,
      'timeout',
      '2',
      'bash',
      '-c',
      `exec 3<>/dev/tcp/${host}/${port}; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3`,
    ).split('\r\n\r\n')[1];
  const page = (host: string, port: number) =>
    new Promise<string>((resolve, reject) => {
      get({ host, port, agent: false, timeout: 2000 }, (res) => res.setEncoding('utf8').on('data', resolve)).on(
        'error',
        reject,
      );
    });
  let networks = undefined as never as Awaited<ReturnType<typeof open>>;
  const linkNames = () =>
    execFileSync('ip', ['-br', 'link'], { encoding: 'utf8' })
      .split('\n')
      .map((l) => l.split(/[\s@]/)[0]!);
  const tables = () => execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' });
  after(async () => {
    for (const child of started) child.kill();
    for (const { Containers } of networks.list()) for (const id of Object.keys(Containers)) await networks.detach(id);
    await networks.close();
    assert.ok(!linkNames().includes(`ct-${instance}`));
    assert.ok(!tables().includes(instance));
    db.close();
    rmSync(dir, { recursive: true });
  });

  test('an engine without containers leaves the host alone', async () => {
    networks = await open();
    await networks.reconcile([]);
    assert.ok(!linkNames().includes(`ct-${instance}`));
    assert.ok(!tables().includes(instance));
    assert.deepEqual(
      networks.list().map((n) => [n.Name, n.Driver]),
      [
        ['host', 'host'],
        ['none', 'null'],
        ['bridge', 'bridge'],
      ],
    );
  });

  test('a container gets an address, a route and a name server; two reach each other', async () => {
    const one = await networks.attach(request());
    const two = await networks.attach(request());
    const { IPAddress, Gateway, IPPrefixLen, MacAddress } = one.endpoints['bridge']!;
    assert.deepEqual(
      [IPAddress, Gateway, IPPrefixLen, MacAddress],
      ['10.201.0.2', '10.201.0.1', 24, '02:42:0a:c9:00:02'],
    );
    const [link] = JSON.parse(inside(one.namespacePath, 'ip', '-j', 'addr', 'show', 'eth0'));
    assert.equal(link.address, MacAddress);
    assert.equal(link.addr_info[0].local, IPAddress);
    assert.match(inside(one.namespacePath, 'ip', 'route'), /^default via 10\.201\.0\.1 dev eth0/);
    assert.match(one.resolvConf, /^nameserver /m);
    await serve(two.namespacePath);
    assert.equal(fetchFrom(one.namespacePath, two.endpoints['bridge']!.IPAddress), 'served');
    assert.equal(await page(two.endpoints['bridge']!.IPAddress, 80), 'served');
    assert.equal(Object.keys(networks.get('bridge').Containers).length, 2);
  });

  test('a published port answers on every address of the host, from another container and from itself', async () => {
    const id = randomId();
    const sandbox = await networks.attach(
      request({ containerId: id, ports: { '80/tcp': [{ HostIp: '', HostPort: '' }] } }),
    );
    const client = await networks.attach(request());
    const port = Number(sandbox.ports['80/tcp']![0]!.HostPort);
    await serve(sandbox.namespacePath);
    assert.equal(await page('127.0.0.1', port), 'served');
    assert.equal(await page('10.201.0.1', port), 'served');
    assert.equal(fetchFrom(client.namespacePath, '10.201.0.1', port), 'served');
    assert.equal(fetchFrom(sandbox.namespacePath, '10.201.0.1', port), 'served');
    await assert.rejects(networks.attach(request({ ports: { '80/tcp': [{ HostIp: '', HostPort: String(port) }] } })), {
      message: new RegExp(`Bind for 0\\.0\\.0\\.0:${port} failed: port is already allocated`),
    });
    await networks.detach(id);
    await assert.rejects(page('127.0.0.1', port));
    const again = await networks.attach(
      request({ ports: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] } }),
    );
    await serve(again.namespacePath);
    assert.equal(await page('127.0.0.1', port), 'served');
    await assert.rejects(page('10.201.0.1', port));
  });

  test('a port that another process has is refused, and nothing is left', async () => {
    const server = createServer().listen(0);
    const { port } = server.address() as AddressInfo;
    const before = Object.keys(networks.get('bridge').Containers).length;
    await assert.rejects(networks.attach(request({ ports: { '80/tcp': [{ HostIp: '', HostPort: String(port) }] } })), {
      message: /bind: address already in use/,
    });
    assert.equal(Object.keys(networks.get('bridge').Containers).length, before);
    server.close();
  });

  test('networks are isolated from each other; connect joins, disconnect leaves', async () => {
    const { id } = await networks.create(
      parse(NetworkCreateBodySchema, { Name: 'other', IPAM: { Config: [{ Subnet: '10.202.0.0/24' }] } }),
    );
    const there = await networks.attach(
      request({
        endpoints: {
          other: { ...emptyEndpoint(), IPAMConfig: { IPv4Address: '10.202.0.77', IPv6Address: '', LinkLocalIPs: [] } },
        },
      }),
    );
    assert.equal(there.endpoints['other']!.IPAddress, '10.202.0.77');
    const here = await networks.attach(request());
    await serve(there.namespacePath);
    assert.throws(() => fetchFrom(here.namespacePath, '10.202.0.77'));
    await assert.rejects(networks.remove('other'), { kind: 'forbidden', message: /has active endpoints/ });
    const holder = spawn('nsenter', [`--net=${here.namespacePath}`, 'sleep', '100']);
    started.push(holder);
    const container = { id: randomId(), name: '/h', pid: holder.pid! };
    await new Promise((resolve) => setTimeout(resolve, 50));
    await networks.connect(id, container, emptyEndpoint());
    assert.equal(fetchFrom(here.namespacePath, '10.202.0.77'), 'served');
    await networks.disconnect('other', container.id, false);
  });

  test('none has only loopback, host is the host', async () => {
    const none = await networks.attach(request({ endpoints: { none: emptyEndpoint() } }));
    assert.deepEqual(
      JSON.parse(inside(none.namespacePath, 'ip', '-j', 'link')).map((l: { ifname: string }) => l.ifname),
      ['lo'],
    );
    const host = await networks.attach(request({ endpoints: { host: emptyEndpoint() } }));
    assert.equal(host.namespacePath, `/proc/${process.pid}/ns/net`);
  });

  test('bad requests name what is wrong', async () => {
    const create = (fields: object) => networks.create(parse(NetworkCreateBodySchema, fields));
    const config = (Subnet: string, more: object = {}) => ({ Name: 'x', IPAM: { Config: [{ Subnet, ...more }] } });
    for (const [fields, kind, message] of [
      [{ Name: '' }, 'invalid', /name is empty/],
      [{ Name: 'bridge' }, 'forbidden', /predefined bridge network/],
      [{ Name: 'other' }, 'conflict', /network with name other already exists/],
      [config('10.202.0.0/25'), 'forbidden', /Pool overlaps with other one on this address space/],
      [config('10.3.0.0/33'), 'invalid', /10\.3\.0\.0\/33/],
      [config('10.203.0.0/24', { Gateway: '10.9.0.1' }), 'invalid', /gateway 10\.9\.0\.1/],
      [{ Name: 'x', Driver: 'nosuch' }, 'notFound', /could not resolve driver nosuch/],
    ] as const)
      await assert.rejects(create(fields), { kind, message });
    await assert.rejects(networks.remove('bridge'), {
      kind: 'forbidden',
      message: 'bridge is a pre-defined network and cannot be removed',
    });
    assert.throws(() => networks.get('nosuch'), { kind: 'notFound', message: 'network nosuch not found' });
  });

  test('after a crash: what belongs to running containers stays, the rest is freed', async () => {
    const kept = request({ ports: { '80/tcp': [{ HostIp: '', HostPort: '' }] } });
    const sandbox = await networks.attach(kept);
    const port = Number(sandbox.ports['80/tcp']![0]!.HostPort);
    await serve(sandbox.namespacePath);
    const pid = started.at(-1)!.pid!;
    const before = execFileSync('nft', ['list', 'table', 'inet', `corten_${instance}`], { encoding: 'utf8' });
    assert.match(before, new RegExp(`tcp \\. ${port}`));
    // a second instance on the same rows stands for the next engine; the first one's sockets are closed as by a crash
    await networks.detach(randomId());
    (networks as unknown as { close(): Promise<void> }).close = async () => {};
    execFileSync('nft', ['delete', 'table', 'inet', `corten_${instance}`]);
    const next = await open();
    await next.reconcile([{ id: kept.containerId, name: 'c', pid }]);
    assert.equal(await page('127.0.0.1', port), 'served');
    assert.deepEqual(Object.keys(next.get('bridge').Containers), [kept.containerId]);
    networks = next;
  });
});

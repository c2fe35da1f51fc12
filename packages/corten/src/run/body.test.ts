import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFlags } from '../cli/flags.ts';
import { createBody } from './body.ts';
import { runFlags } from './flags.ts';
import { parseMount, parseVolumes } from './mounts.ts';
import { parsePublish } from './ports.ts';

function body(line: string) {
  const { flags, given, args } = parseFlags(line.split(' '), runFlags, false);
  return createBody(flags, given, args, flags.detach);
}
const host = (line: string) => body(line).HostConfig as Record<string, unknown>;

test('what is attached', () => {
  const attached = (line: string) => {
    const b = body(line);
    return [b.AttachStdin, b.AttachStdout, b.AttachStderr, b.OpenStdin, b.StdinOnce];
  };
  assert.deepEqual(attached('image'), [false, true, true, false, false]);
  assert.deepEqual(attached('-i image'), [true, true, true, true, true]);
  assert.deepEqual(attached('-d -i image'), [false, false, false, true, false]);
  assert.deepEqual(attached('-a stderr image'), [false, false, true, false, false]);
});

test('resources, devices, restart, health', () => {
  const h = host(
    '--cpus 1.5 -m 64m --memory-swap -1 --pids-limit 5 --ulimit nofile=1:2 --restart on-failure:3 --device /dev/x:/dev/y:r --init=false image',
  );
  assert.equal(h.NanoCpus, 1_500_000_000);
  assert.equal(h.Memory, 67_108_864);
  assert.equal(h.MemorySwap, -1);
  assert.equal(h.PidsLimit, 5);
  assert.deepEqual(h.Ulimits, [{ Name: 'nofile', Soft: 1, Hard: 2 }]);
  assert.deepEqual(h.RestartPolicy, { Name: 'on-failure', MaximumRetryCount: 3 });
  assert.deepEqual(h.Devices, [{ PathOnHost: '/dev/x', PathInContainer: '/dev/y', CgroupPermissions: 'r' }]);
  assert.equal(h.Init, false);
  assert.equal(host('image').Init, undefined);
  assert.deepEqual(body('--health-cmd true --health-interval 5s image').Healthcheck, {
    Test: ['CMD-SHELL', 'true'],
    Interval: 5e9,
    Timeout: 0,
    StartPeriod: 0,
    StartInterval: undefined,
    Retries: 0,
  });
  assert.throws(() => body('--restart always --rm image'), /cannot specify both --restart and --rm/);
});

test('the command and the entrypoint', () => {
  assert.deepEqual(body('--entrypoint sh image -c x').Cmd, ['-c', 'x']);
  assert.deepEqual(body('--entrypoint= image').Entrypoint, ['']);
  assert.equal(body('image').Entrypoint, undefined);
});

test('networks', () => {
  assert.equal(host('image').NetworkMode, 'default');
  const b = body('--net mine --net-alias a --ip 10.0.0.2 --network name=two,alias=b image');
  assert.equal((b.HostConfig as { NetworkMode: string }).NetworkMode, 'mine');
  assert.deepEqual(b.NetworkingConfig, {
    EndpointsConfig: { mine: { Aliases: ['a'], IPAMConfig: { IPv4Address: '10.0.0.2' } }, two: { Aliases: ['b'] } },
  });
  assert.throws(() => body('--network host --network x image'), /cannot attach both/);
});

test('published ports', () => {
  const bindings = (...specs: string[]) => parsePublish(specs).bindings;
  assert.deepEqual(bindings('8080:80'), { '80/tcp': [{ HostIp: '', HostPort: '8080' }] });
  assert.deepEqual(bindings('80', '127.0.0.1::81/udp'), {
    '80/tcp': [{ HostIp: '', HostPort: '' }],
    '81/udp': [{ HostIp: '127.0.0.1', HostPort: '' }],
  });
  assert.deepEqual(bindings('[::1]:1-2:3-4'), {
    '3/tcp': [{ HostIp: '::1', HostPort: '1' }],
    '4/tcp': [{ HostIp: '::1', HostPort: '2' }],
  });
  assert.deepEqual(bindings('8000-8010:80'), { '80/tcp': [{ HostIp: '', HostPort: '8000-8010' }] });
  assert.deepEqual(bindings('target=80,published=8080,protocol=udp'), { '80/udp': [{ HostIp: '', HostPort: '8080' }] });
  for (const [spec, message] of [
    ['x:y', /invalid containerPort: y/],
    ['70000', /invalid containerPort/],
    ['1:2/foo', /invalid proto: foo/],
    ['a.b:1:2', /invalid IP address: a\.b/],
    ['1-2:1-3', /invalid ranges/],
    ['80:', /no port specified/],
    ['-1:80', /invalid hostPort/],
  ] as const)
    assert.throws(() => parsePublish([spec]), message, spec);
});

test('volumes and mounts', () => {
  assert.deepEqual(parseVolumes(['/data', 'name:/x:ro', './y:/y']), {
    binds: ['name:/x:ro', `${process.cwd()}/y:/y`],
    volumes: { '/data': {} },
  });
  assert.deepEqual(parseMount('type=bind,src=/a,dst=/b,ro,bind-propagation=rshared'), {
    Type: 'bind',
    Source: '/a',
    Target: '/b',
    ReadOnly: true,
    BindOptions: { Propagation: 'rshared' },
  });
  assert.deepEqual(parseMount('type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1777'), {
    Type: 'tmpfs',
    Target: '/t',
    TmpfsOptions: { SizeBytes: 1 << 20, Mode: 0o1777 },
  });
  for (const [spec, message] of [
    ['type=bind,src=/a', /target is required/],
    ['type=bind,dst=/b,foo=1', /unexpected key 'foo'/],
    ['src', /must be a key=value pair/],
    ['type=bind,src=/a,dst=/b,volume-nocopy', /cannot mix/],
  ] as const)
    assert.throws(() => parseMount(spec), message, spec);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerCapabilities, DEFAULT_CAPABILITIES, hostCapabilities } from './capabilities.ts';
import { cgroupsPath } from './cgroup.ts';
import { deviceRule } from './devices.ts';
import { arrangeMounts, tmpfsMount } from './mounts.ts';
import { capabilitySets, environment, mergeEnv } from './process.ts';
import { ociResources, ociRlimits } from './resources.ts';
import { defaultSeccomp, parseSeccompProfile } from './seccomp.ts';
import { parseSecurityOpt } from './security-opt.ts';

const held = (names: readonly string[]) => names.filter((n) => hostCapabilities().has(n));

test('capabilities: defaults, add, drop, ALL', () => {
  const of = (add: string[], drop: string[]) => containerCapabilities({ privileged: false, add, drop });
  assert.deepEqual(of([], []), held(DEFAULT_CAPABILITIES));
  assert.equal(DEFAULT_CAPABILITIES.length, 14);
  assert.ok(!of([], ['chown']).includes('CAP_CHOWN'));
  assert.deepEqual(of(['NET_ADMIN'], ['ALL']), held(['CAP_NET_ADMIN']));
  assert.ok(!of(['ALL'], ['SYS_ADMIN']).includes('CAP_SYS_ADMIN'));
  assert.throws(() => of(['NOPE'], []), /invalid CapAdd: unknown capability: "NOPE"/);
  assert.deepEqual(capabilitySets(['CAP_CHOWN'], 1000).effective, []);
});

test('environment: order, override, HOME', () => {
  const env = environment({ hostname: 'h', tty: true, env: ['PATH=/x', 'A=1'], home: '/root' });
  assert.deepEqual(env, ['PATH=/x', 'HOSTNAME=h', 'TERM=xterm', 'A=1', 'HOME=/root']);
  assert.deepEqual(mergeEnv(['A=1', 'B=2'], ['B', 'C=3']), ['A=1', 'C=3']);
});

test('seccomp: the default policy depends on capabilities', () => {
  const plain = defaultSeccomp(['CAP_CHOWN']);
  assert.equal(plain.defaultAction, 'SCMP_ACT_ERRNO');
  const allowed = (p: typeof plain, name: string) =>
    p.syscalls!.some((r) => r.names.includes(name) && r.action === 'SCMP_ACT_ALLOW' && !r.args);
  assert.ok(allowed(plain, 'openat2') && !allowed(plain, 'mount') && !allowed(plain, 'keyctl'));
  assert.ok(plain.syscalls!.some((r) => r.names[0] === 'clone3' && r.errnoRet === 38));
  assert.ok(allowed(defaultSeccomp(['CAP_SYS_ADMIN']), 'mount'));
});

test("seccomp: a profile in Docker's format", () => {
  const text = JSON.stringify({
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [
      { names: ['read'], action: 'SCMP_ACT_ALLOW' },
      { names: ['mount'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_SYS_ADMIN'] } },
      { names: ['clone'], action: 'SCMP_ACT_ALLOW', excludes: { caps: ['CAP_SYS_ADMIN'] } },
      { names: ['x'], action: 'SCMP_ACT_ALLOW', includes: { arches: ['none'] } },
    ],
  });
  const names = (caps: string[]) => parseSeccompProfile(text, caps).syscalls!.flatMap((r) => r.names);
  assert.deepEqual(names([]), ['read', 'clone']);
  assert.deepEqual(names(['CAP_SYS_ADMIN']), ['read', 'mount']);
  assert.throws(() => parseSeccompProfile('{', []), /Decoding seccomp profile failed/);
});

test('security options', () => {
  assert.deepEqual(parseSecurityOpt(['no-new-privileges', 'seccomp=unconfined', 'label:disable']), {
    noNewPrivileges: true,
    seccomp: 'unconfined',
    labels: ['disable'],
    systemPathsUnconfined: false,
  });
  assert.throws(() => parseSecurityOpt(['what']), /invalid --security-opt 1: "what"/);
  assert.throws(() => parseSecurityOpt(['a=b']), /invalid --security-opt 2: "a=b"/);
});

test('resources, rlimits, device rules, cgroup path', () => {
  assert.deepEqual(ociResources({ NanoCpus: 1.5e9, Memory: 1 << 26, MemorySwap: -1, PidsLimit: 10 }), {
    memory: { limit: 1 << 26, swap: -1 },
    cpu: { period: 100000, quota: 150000 },
    pids: { limit: 10 },
  });
  const text = JSON.stringify(
    ociRlimits([{ Name: 'nofile', Soft: 1, Hard: 2 }], [{ Name: 'core', Soft: -1, Hard: -1 }]),
  );
  assert.match(text, /"type":"RLIMIT_NOFILE","hard":2,"soft":1/);
  assert.match(text, /"type":"RLIMIT_CORE","hard":18446744073709551615/);
  assert.deepEqual(deviceRule('c 42:* rmw'), { allow: true, type: 'c', major: 42, access: 'rmw' });
  assert.throws(() => deviceRule('x'), /invalid device cgroup rule format/);
  assert.equal(cgroupsPath('i', '', ''), '/docker/i');
  assert.equal(cgroupsPath('i', 'a/b/', ''), '/a/b/i');
});

test('mounts: user mounts replace system ones and are sorted by depth', () => {
  const at = (destination: string) => ({ destination, type: 'bind', source: '/s', options: [] });
  const all = arrangeMounts([at('/proc'), at('/dev/shm')], [at('/a/b'), at('/dev/shm'), at('/a')]);
  assert.deepEqual(
    all.map((m) => m.destination),
    ['/proc', '/a', '/a/b', '/dev/shm'],
  );
  assert.deepEqual(tmpfsMount('/t', 'exec,size=1m').options, ['nosuid', 'nodev', 'exec', 'size=1m', 'rprivate']);
});

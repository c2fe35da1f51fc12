import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZERO_TIME } from '@corten/util';
import { parseDetachKeys } from '../detach-keys.ts';
import { containerChanges } from '../files/changes.ts';
import { nextHealth } from '../health.ts';
import { nextDelay } from '../lifecycle/restart-policy.ts';
import { newState } from '../record.ts';
import { hostsText, overrideResolvConf } from '../rootfs/network-files.ts';
import { parseGroup, parsePasswd, resolveUser } from '../rootfs/users.ts';
import { ioStat } from '../stats/cgroup-reader.ts';
import { parseNetDev } from '../stats/stats.ts';
import { humanDuration, statusText } from './status.ts';
import { parsePs } from './top.ts';

const NOW = Date.parse('2024-01-01T01:00:00Z');
const ago = (seconds: number) => new Date(NOW - seconds * 1000).toISOString();

test("status in Docker's words", () => {
  const of = (change: object) => statusText({ ...newState(), ...change }, NOW);
  assert.equal(of({}), 'Created');
  assert.equal(of({ status: 'running', startedAt: ago(3) }), 'Up 3 seconds');
  assert.equal(
    of({ status: 'running', startedAt: ago(60), health: { Status: 'starting', FailingStreak: 0, Log: [] } }),
    'Up About a minute (health: starting)',
  );
  assert.equal(of({ status: 'paused', startedAt: ago(7300) }), 'Up 2 hours (Paused)');
  assert.equal(of({ status: 'exited', exitCode: 2, finishedAt: ago(120) }), 'Exited (2) 2 minutes ago');
  assert.equal(of({ status: 'restarting', exitCode: 1, finishedAt: ago(5) }), 'Restarting (1) 5 seconds ago');
  assert.equal(of({ status: 'exited', finishedAt: ZERO_TIME }), '');
  assert.equal(humanDuration(86400_000 * 40), '5 weeks');
});

test('users and groups', () => {
  const passwd = parsePasswd('root:x:0:0:r:/root:/bin/sh\nu:x:5:6::/home/u:\nbroken\n');
  const groups = () => parseGroup('root:x:0:\nu:x:6:\nextra:x:7:u,x\n');
  const of = (spec: string, add: string[] = []) => resolveUser(passwd, groups, spec, add);
  assert.deepEqual(of(''), { uid: 0, gid: 0, additionalGids: [], home: '/root' });
  assert.deepEqual(of('u'), { uid: 5, gid: 6, additionalGids: [7], home: '/home/u' });
  assert.deepEqual(of('5:extra'), { uid: 5, gid: 7, additionalGids: [], home: '/home/u' });
  assert.deepEqual(of('99:98'), { uid: 99, gid: 98, additionalGids: [], home: '/' });
  assert.deepEqual(of('u', ['extra', '44']).additionalGids, [7, 44]);
  assert.throws(() => of('nobody'), /unable to find user nobody: no matching entries in passwd file/);
  assert.throws(() => of('u:nope'), /unable to find group nope: no matching entries in group file/);
  assert.throws(() => of('4294967295'), /uids and gids must be in range 0-2147483647/);
});

test('network files', () => {
  assert.match(hostsText({ hosts: [{ ip: '1.2.3.4', names: ['a', 'b'] }] }), /localhost\n[\s\S]*1\.2\.3\.4\ta b\n$/);
  assert.equal(
    overrideResolvConf('nameserver 1.1.1.1\nsearch old\n', ['9.9.9.9'], [], ['ndots:1']),
    'search old\nnameserver 9.9.9.9\noptions ndots:1\n',
  );
});

test('health and restart delays', () => {
  const bad = { Start: '', End: '', ExitCode: 1, Output: '' };
  let health = { Status: 'starting' as const, FailingStreak: 0, Log: [] };
  assert.equal(nextHealth(health, bad, { retries: 1 }, true).Status, 'starting');
  assert.equal(nextHealth(health, bad, { retries: 1 }, false).Status, 'unhealthy');
  assert.equal(nextHealth(health, { ...bad, ExitCode: 0 }, { retries: 1 }, false).Status, 'healthy');
  for (let i = 0; i < 9; i++) health = nextHealth(health, bad, { retries: 99 }, false) as typeof health;
  assert.deepEqual([health.Log.length, health.FailingStreak], [5, 9]);
  assert.deepEqual(
    [nextDelay(0, 0), nextDelay(100, 5), nextDelay(50_000, 5), nextDelay(6400, 10_000)],
    [100, 200, 60_000, 100],
  );
});

test('parsers of what the kernel and ps say', () => {
  const top = parsePs('UID PID CMD\nroot 1 init x\nroot 2 other\n', new Set([1]));
  assert.deepEqual(top, { Titles: ['UID', 'PID', 'CMD'], Processes: [['root', '1', 'init x']] });
  const net = parseNetDev('head|\n lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0: 10 2 0 1 0 0 0 0 20 4 0 0 0 0 0 0\n');
  assert.deepEqual(net, {
    eth0: {
      rx_bytes: 10,
      rx_packets: 2,
      rx_errors: 0,
      rx_dropped: 1,
      tx_bytes: 20,
      tx_packets: 4,
      tx_errors: 0,
      tx_dropped: 0,
    },
  });
  assert.deepEqual(ioStat('8:0 rbytes=1 wbytes=2 rios=3 wios=4\n').operations, [
    { major: 8, minor: 0, op: 'read', value: 3 },
    { major: 8, minor: 0, op: 'write', value: 4 },
  ]);
});

test("diff leaves out the engine's mount points; detach keys", () => {
  const changes = [
    { Path: '/etc', Kind: 0 as const },
    { Path: '/etc/hosts', Kind: 1 as const },
    { Path: '/x', Kind: 1 as const },
  ];
  assert.deepEqual(containerChanges(changes), [{ Path: '/x', Kind: 1 }]);
  assert.deepEqual([...parseDetachKeys('ctrl-p,ctrl-q')], [16, 17]);
  assert.throws(() => parseDetachKeys('ctrl-'), /Invalid detach keys/);
});

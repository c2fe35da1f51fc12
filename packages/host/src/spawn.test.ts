import assert from 'node:assert/strict';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pipe } from './fds.ts';
import { mount, mountInfo } from './mount.ts';
import { newMountNamespace } from './namespaces.ts';
import { spawnProcess } from './spawn.ts';

const dir = mkdtempSync('/dev/shm/corten-spawn-');
after(() => rmSync(dir, { recursive: true }));
const none = openSync('/dev/null', 'r+');

async function output(args: string[]): Promise<{ code: number; text: string }> {
  const { read, write } = pipe();
  const child = spawnProcess({
    path: '/bin/sh',
    args: ['-c', ...args],
    env: { A: 'b' },
    fds: { 0: none, 1: write, 2: none },
  });
  closeSync(write);
  const chunks = (await new Socket({ fd: read }).toArray()) as Buffer[];
  return { code: await child.exited, text: Buffer.concat(chunks).toString() };
}

test('a program runs with exactly its descriptors and environment, and its end is seen', async () => {
  assert.deepEqual(await output(['echo $A; exit 3']), { code: 3, text: 'b\n' });
  assert.equal((await output(['kill -9 $$'])).code, 137);
  assert.equal((await output(['ls /proc/self/fd | wc -l'])).text.trim(), '4'); // 0, 1, 2 and ls's own
});

test('SIGPIPE is not ignored in the child', async () => {
  const status = (await output(['grep SigIgn /proc/self/status'])).text;
  const ignored = BigInt(`0x${/SigIgn:\s+(\w+)/.exec(status)![1]}`);
  assert.equal(ignored & (1n << 12n), 0n);
});

test('many at once are all reaped', async () => {
  const codes = await Promise.all(Array.from({ length: 50 }, (_, i) => output([`exit ${i}`])));
  assert.deepEqual(
    codes.map((c) => c.code),
    Array.from({ length: 50 }, (_, i) => i),
  );
});

test('a program that is not there is an error', () => {
  assert.throws(() => spawnProcess({ path: '/nosuch', args: [], env: {}, fds: { 0: none, 1: none, 2: none } }), {
    code: 'ENOENT',
  });
});

test('a mount namespace is entered and left; what is mounted inside stays there', async () => {
  const target = join(dir, 'inside');
  mkdirSync(target);
  const before = readlinkSync('/proc/thread-self/ns/mnt');
  const namespace = newMountNamespace(() => mount({ source: 'tmpfs', target, type: 'tmpfs' }));
  namespace.run(() => {
    assert.notEqual(readlinkSync('/proc/thread-self/ns/mnt'), before);
    writeFileSync(join(target, 'f'), 'x');
  });
  assert.equal(readlinkSync('/proc/thread-self/ns/mnt'), before);
  assert.ok(!mountInfo().some((m) => m.mountPoint === target));
  assert.throws(() => readFileSync(join(target, 'f')), { code: 'ENOENT' });
  namespace.close();
});

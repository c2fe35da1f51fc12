import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { awaitChild, becomeSubreaper } from './children.ts';
import { pipe } from './fds.ts';
import { signalProcess } from './pidfd.ts';
import { spawnProcess } from './spawn.ts';

const none = openSync('/dev/null', 'r+');
after(() => closeSync(none));
becomeSubreaper();

/** Starts a shell that leaves `command` behind and ends; gives the orphan's PID. */
async function orphan(command: string): Promise<number> {
  const { read, write } = pipe();
  const args = ['-c', `sh -c '${command}' >/dev/null & echo $!`];
  const shell = spawnProcess({ path: '/bin/sh', args, env: { PATH: '/bin' }, fds: { 0: none, 1: write, 2: none } });
  closeSync(write);
  await shell.exited;
  const buffer = Buffer.alloc(32);
  const size = readSync(read, buffer);
  closeSync(read);
  return Number(buffer.subarray(0, size).toString());
}

test('the exit code of an orphan is known to its subreaper', async () => {
  assert.equal(await awaitChild(await orphan('sleep 0.05; exit 9')), 9);
});

test('an orphan that nobody awaits is reaped soon', async () => {
  const pid = await orphan('sleep 0.05');
  for (let i = 0; existsSync(`/proc/${pid}`) && i < 100; i++) await sleep(10);
  assert.ok(!existsSync(`/proc/${pid}`));
});

test('the children of child_process stay its own', async () => {
  const run = promisify(execFile);
  const codes = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      run('/bin/sh', ['-c', `sleep 0.0${i % 10}; exit ${i + 1}`]).then(
        () => 0,
        (error: { code: number }) => error.code,
      ),
    ),
  );
  assert.deepEqual(
    codes,
    Array.from({ length: 40 }, (_, i) => i + 1),
  );
});

test('somebody else’s process is not awaited', async () => {
  assert.equal(await awaitChild(1), -1);
});

test('a signal goes only to the process that is meant', async () => {
  const env = { PATH: '/bin' };
  const child = spawnProcess({ path: '/bin/sleep', args: ['100'], env, fds: { 0: none, 1: none, 2: none } });
  assert.equal(
    signalProcess(child.pid, 9, () => false),
    false,
  );
  assert.ok(existsSync(`/proc/${child.pid}`));
  assert.equal(
    signalProcess(child.pid, 9, () => true),
    true,
  );
  assert.equal(await child.exited, 137);
  assert.equal(
    signalProcess(child.pid, 9, () => true),
    false,
  );
});

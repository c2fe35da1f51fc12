import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startThroughFifo } from './start-fifo.ts';

const dir = mkdtempSync(join(tmpdir(), 'corten-fifo-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const container = (id: string): string => {
  mkdirSync(join(dir, id));
  execFileSync('mkfifo', [join(dir, id, 'exec.fifo')]);
  return join(dir, id, 'exec.fifo');
};

test('an init that was let go and ended before anybody looked has started all the same', async () => {
  const fifo = container('quick');
  const alive = () => {
    execFileSync('/bin/sh', ['-c', `printf 0 > ${fifo}`]); // a whole life, while the fifo is open for reading
    return false;
  };
  assert.equal(await startThroughFifo('runc', dir, 'quick', alive), true);
  assert.ok(!existsSync(fifo));
});

test('an init that died before it was let go has not', async () => {
  container('dead');
  container('dead-crun');
  assert.equal(await startThroughFifo('runc', dir, 'dead', () => false), false);
  assert.equal(await startThroughFifo('crun', dir, 'dead-crun', () => false), false);
});

test('without a fifo there is another way', async () => {
  assert.equal(await startThroughFifo('runc', dir, 'none', () => true), false);
});

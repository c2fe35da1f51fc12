import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBench, whyNot } from './testing.ts';

const skip = whyNot();
const signal = new AbortController().signal;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('another engine takes over: running ones go on, ended ones have their exit, --rm ones are gone', {
  skip,
}, async () => {
  await using bench = await openBench();
  const { containers, body } = bench;
  const make = async (name: string, value: object) => {
    const { Id } = await containers.create(body(value), { name });
    await containers.start(Id);
    return Id;
  };
  await make('lives', { Cmd: ['sh', '-c', 'i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done'] });
  await make('ends', { Cmd: ['sh', '-c', 'sleep 0.4; exit 9'] });
  await make('gone', { Cmd: ['sleep', '0.4'], HostConfig: { AutoRemove: true } });
  await make('again', { Cmd: ['sh', '-c', 'sleep 0.4'], HostConfig: { RestartPolicy: { Name: 'always' } } });
  const { State: before } = await containers.inspect('lives');
  await bench.crash();
  await pause(700);

  const next = (await bench.again()).containers;
  await next.reconcile();
  for (let i = 0; i < 100; i++) {
    const all = await next.list({ all: true, size: false, filters: {} });
    const settled = all.length === 3 && all.some((c) => String(c['Status']).startsWith('Exited (9)'));
    if (settled && (await next.inspect('again'))['RestartCount'] !== 0) break;
    await pause(30);
  }
  assert.equal((await next.inspect('lives')).State.Pid, before.Pid);
  assert.equal((await next.inspect('ends')).State.ExitCode, 9);
  assert.throws(() => next.resolve('gone'), /No such container/);
  assert.ok(Number((await next.inspect('again'))['RestartCount']) >= 1);

  const lines: string[] = [];
  const options = { stdout: true, stderr: true, follow: true, timestamps: false, details: false };
  for await (const entry of next.logs('lives', options, signal)) {
    lines.push(String(entry.message));
    if (lines.length === 50) void next.stop('lives', { timeout: 0 });
  }
  assert.ok(lines.length >= 50);
  assert.deepEqual(
    lines,
    lines.map((_, i) => `${i}\n`),
  );
  assert.equal((await next.inspect('lives')).State.ExitCode, 137);
});

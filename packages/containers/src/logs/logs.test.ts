import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { dockerTime, Joiner, parseLine, timeOf } from './k8s-file.ts';
import { tailOffset } from './tail.ts';

const TIME = '2024-05-06T07:08:09.123456789+00:00';

test('a line of the log', () => {
  const piece = parseLine(Buffer.from(`${TIME} stderr P half a`))!;
  assert.deepEqual(
    { ...piece, text: String(piece.text) },
    { time: TIME, stream: 'stderr', partial: true, text: 'half a' },
  );
  assert.equal(String(parseLine(Buffer.from(`${TIME} stdout F `))!.text), '');
  for (const bad of ['', 'x', `${TIME} stdnope F x`, `${TIME} stdout X x`])
    assert.equal(parseLine(Buffer.from(bad)), undefined);
  assert.equal(dockerTime(TIME), '2024-05-06T07:08:09.123456789Z');
  assert.equal(timeOf(TIME), 1714979289123456789n);
});

test('pieces are joined by stream; the rest comes at the end', () => {
  const joiner = new Joiner();
  const add = (stream: string, tag: string, text: string) =>
    joiner.add(parseLine(Buffer.from(`${TIME} ${stream} ${tag} ${text}`))!)?.text.toString();
  assert.equal(add('stdout', 'P', 'a'), undefined);
  assert.equal(add('stderr', 'F', 'e'), 'e\n');
  assert.equal(add('stdout', 'F', 'b'), 'ab\n');
  assert.equal(add('stdout', 'P', 'no newline'), undefined);
  assert.deepEqual(
    [...joiner.rest()].map((m) => String(m.text)),
    ['no newline'],
  );
});

test('tail begins where the last messages begin, for every count', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'corten-log-'));
  t.after(() => rmSync(dir, { recursive: true }));
  // long lines, so that blocks end in the middle of lines and of their heads; every third is in pieces
  const lines = Array.from(
    { length: 90 },
    (_, i) => `${TIME} stdout ${i % 3 === 1 ? 'P' : 'F'} ${i}${'x'.repeat((i * 977) % 5000)}\n`,
  );
  const path = join(dir, 'log');
  writeFileSync(path, lines.join(''));
  const file = await open(path);
  const size = (await file.stat()).size;
  const starts: number[] = []; // where messages begin
  let at = 0;
  let fresh = true;
  for (const [i, line] of lines.entries()) {
    if (fresh) starts.push(at);
    at += line.length;
    fresh = i % 3 !== 1;
  }
  for (const count of [0, 1, 2, 5, 30, 59, 60, 61, 100]) {
    const { offset, found } = await tailOffset(file, size, count);
    const expected = count === 0 ? size : (starts.at(-count) ?? 0);
    assert.equal(offset, expected, `tail ${count}`);
    assert.equal(found, Math.min(count, starts.length));
  }
  await file.close();
});

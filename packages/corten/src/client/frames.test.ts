import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import { test } from 'node:test';
import { demultiplexer } from './frames.ts';

const frame = (stream: number, text: string): Buffer => {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
};

async function feed(bytes: Buffer, size: number): Promise<{ out: string; err: string }> {
  const out = new PassThrough();
  const err = new PassThrough();
  const split = demultiplexer(out, err);
  split.resume();
  for (let i = 0; i < bytes.length; i += size) split.write(bytes.subarray(i, i + size));
  split.end();
  await once(split, 'end');
  return { out: String(out.read() ?? ''), err: String(err.read() ?? '') };
}

test('frames cut anywhere come out whole and apart', async () => {
  const bytes = Buffer.concat([frame(1, 'hello '), frame(2, 'problem'), frame(1, ''), frame(1, 'wörld')]);
  for (const size of [1, 3, 7, 8, 9, 1000])
    assert.deepEqual(await feed(bytes, size), { out: 'hello wörld', err: 'problem' });
});

test('an error frame and a wrong header fail the stream', async () => {
  for (const [bytes, message] of [
    [frame(3, 'engine is going'), /engine is going/],
    [Buffer.from('not a frame at all'), /Unrecognized input header: 110/],
  ] as const) {
    const split = demultiplexer(undefined, undefined);
    split.resume();
    const failed = once(split, 'error');
    split.end(bytes);
    assert.match(String((await failed)[0]), message);
  }
});

test('waits for a slow reader instead of buffering', async () => {
  let release: () => void = () => {};
  const slow = new Writable({
    highWaterMark: 1,
    write(_chunk, _encoding, done) {
      release = done;
    },
  });
  const split = demultiplexer(slow, undefined);
  split.resume();
  let accepted = false;
  split.write(frame(1, 'first'), () => {
    accepted = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(accepted, false);
  release();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(accepted, true);
});

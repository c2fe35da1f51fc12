import { Transform, type Writable } from 'node:stream';

/**
 * Splits a stream of 8-byte-headed frames (stream number, three zeros, length as big-endian 32 bits) into stdout and stderr.
 * Frames of stream 3 carry an error of the engine and fail the stream. Waits for both destinations.
 */
export function demultiplexer(stdout: Writable | undefined, stderr: Writable | undefined): Transform {
  let header = Buffer.alloc(0);
  let left = 0;
  let target: Writable | undefined;
  let failure: string | undefined;

  const pump = async (input: Buffer): Promise<void> => {
    for (let chunk = input; chunk.length > 0; ) {
      if (left === 0) {
        const take = Math.min(8 - header.length, chunk.length);
        header = Buffer.concat([header, chunk.subarray(0, take)]);
        chunk = chunk.subarray(take);
        if (header.length < 8) return;
        if (header[0]! > 3) throw new Error(`Unrecognized input header: ${header[0]}`);
        if (header[0] === 3) failure ??= '';
        target = header[0] === 2 ? stderr : header[0] === 3 ? undefined : stdout;
        left = header.readUInt32BE(4);
        header = Buffer.alloc(0);
        continue;
      }
      const part = chunk.subarray(0, left);
      chunk = chunk.subarray(part.length);
      left -= part.length;
      if (failure !== undefined) failure += part.toString();
      else if (target && !target.write(part)) await drained(target);
    }
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      pump(chunk).then(() => done(), done);
    },
    flush(done) {
      if (failure !== undefined) done(new Error(`error from daemon in stream: ${failure}`));
      else done();
    },
  });
}

/** Until the destination wants more; a destination that is gone takes everything and keeps nothing. */
const drained = (target: Writable): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      target.off('drain', done).off('close', done).off('error', done);
      resolve();
    };
    target.on('drain', done).on('close', done).on('error', done);
  });

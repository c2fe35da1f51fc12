import { Transform } from 'node:stream';
import { CliError } from '../cli/errors.ts';

export const DEFAULT_KEYS = 'ctrl-p,ctrl-q';

/** `ctrl-p,ctrl-q` or single characters, as bytes. */
export function parseKeys(text: string): Buffer {
  const codes = text.split(',').map((key) => {
    if ([...key].length === 1) return key.codePointAt(0)!;
    const match = /^ctrl-([a-z@[\\\]^_])$/.exec(key);
    if (!match) throw new CliError(`Unknown character: '${key.replace(/^ctrl-/, '')}'`);
    const letter = match[1]!;
    if (letter === '@') return 0;
    return letter >= 'a' ? letter.charCodeAt(0) - 96 : letter.charCodeAt(0) - 64;
  });
  return Buffer.from(codes);
}

/** Passes input on until the keys are typed in sequence, then calls `detach` and swallows the rest. */
export function detachFilter(keys: Buffer, detach: () => void): Transform {
  let matched = 0;
  let gone = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const out: number[] = [];
      for (const byte of chunk) {
        if (gone) break;
        if (byte === keys[matched]) {
          if (++matched < keys.length) continue;
          gone = true;
          detach();
          break;
        }
        out.push(...keys.subarray(0, matched), ...(byte === keys[0] ? [] : [byte]));
        matched = byte === keys[0] ? 1 : 0;
      }
      done(null, Buffer.from(out));
    },
    flush(done) {
      done(null, gone ? Buffer.alloc(0) : keys.subarray(0, matched));
    },
  });
}

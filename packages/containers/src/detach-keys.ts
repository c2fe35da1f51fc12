import { Transform } from 'node:stream';
import { invalid } from '@corten/errors';

export const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q';
const CONTROL: Readonly<Record<string, number>> = { '@': 0, '[': 27, '\\': 28, ']': 29, '^': 30, _: 31 };

/** `ctrl-p,ctrl-q` or `a,b` as the bytes a terminal sends. */
export function parseDetachKeys(text: string): Buffer {
  const bytes = text.split(',').map((key) => {
    if (key.length === 1) return key.charCodeAt(0);
    const name = /^ctrl-(.)$/.exec(key)?.[1]?.toLowerCase();
    if (name && /[a-z]/.test(name)) return name.charCodeAt(0) - 96;
    const code = name === undefined ? undefined : CONTROL[name];
    if (code === undefined) throw invalid(`Invalid detach keys (${text}) provided`);
    return code;
  });
  return Buffer.from(bytes);
}

/** Passes input on, except the detach keys: typed one after the other they call `detach`. */
export function detachFilter(keys: Buffer, detach: () => void): Transform {
  let matched = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const out: number[] = [];
      for (const byte of chunk) {
        if (byte === keys[matched]) {
          if (++matched < keys.length) continue;
          matched = 0;
          detach();
          break;
        }
        if (matched > 0) out.push(...keys.subarray(0, matched));
        matched = byte === keys[0] ? 1 : 0;
        if (matched === 0) out.push(byte);
      }
      done(null, Buffer.from(out));
    },
    flush(done) {
      done(null, keys.subarray(0, matched));
    },
  });
}

import koffi from 'koffi';

/**
 * The C library, and how its errors come back. This room is the only one that calls native code; a wrong struct
 * layout corrupts memory silently, so layouts are written down here once and checked by tests.
 */
const names = ['libc.so.6', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1', 'libc.so'];

function load() {
  for (const name of names) {
    try {
      return koffi.load(name);
    } catch {
      // next spelling
    }
  }
  throw new Error(`no C library found under ${names.join(', ')}`);
}

export const libc = load();

const strerror = libc.func('const char *strerror(int)');
const codes = new Map(Object.entries(koffi.os.errno).map(([name, number]) => [number as number, name]));
// numbers with two names: the one that Node uses
for (const name of ['EAGAIN', 'EOPNOTSUPP', 'EDEADLK']) codes.set(koffi.os.errno[name] as number, name);

/** An errno as a Node-like error: `code` ('ENOENT'), `errno`, `syscall`. */
export class SystemCallError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  constructor(syscall: string, errno: number, detail = '') {
    const code = codes.get(errno) ?? `E${errno}`;
    super(`${syscall}${detail ? ` ${detail}` : ''}: ${(strerror(errno) as string).toLowerCase()} (${code})`);
    this.name = 'SystemCallError';
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
  }
}

/** Throws when a C call returned -1. */
export function check(result: number, syscall: string, detail = ''): number {
  if (result !== -1) return result;
  throw new SystemCallError(syscall, koffi.errno(), detail);
}

/** A path as C wants it. Paths are bytes: a Buffer passes unchanged, a string as UTF-8. */
export type Path = string | Uint8Array;
export function cPath(path: Path): Buffer {
  const bytes = typeof path === 'string' ? Buffer.from(path, 'utf8') : path;
  const ended = Buffer.alloc(bytes.length + 1);
  ended.set(bytes);
  return ended;
}

import { closeSync, openSync } from 'node:fs';
import { check, libc, SystemCallError } from './libc.ts';

const flock = libc.func('int flock(int fd, int operation)');
const LOCK_EX = 2;
const LOCK_NB = 4;

/** Takes the exclusive advisory lock of an open file; false when another process holds it. Released when the descriptor closes. */
export function tryLock(fd: number): boolean {
  try {
    check(flock(fd, LOCK_EX | LOCK_NB) as number, 'flock');
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && error.code === 'EAGAIN') return false;
    throw error;
  }
}

/** Waits for the exclusive lock of a file (made if it is not there), on this thread: only for sections of a few milliseconds. */
export function lockFile(path: string): Disposable {
  const fd = openSync(path, 'a', 0o600);
  check(flock(fd, LOCK_EX) as number, 'flock', path);
  return { [Symbol.dispose]: () => closeSync(fd) };
}

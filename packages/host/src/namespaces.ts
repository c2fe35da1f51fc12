import { closeSync, openSync } from 'node:fs';
import { check, libc } from './libc.ts';

const cUnshare = libc.func('int unshare(int flags)');
const cSetns = libc.func('int setns(int fd, int type)');

export const CLONE_NEWNS = 0x00020000;
export const CLONE_NEWNET = 0x40000000;
const CLONE_FS = 0x00000200;

/** Leaves namespaces for new ones; only the calling thread does. */
export const unshare = (flags: number): void => void check(cUnshare(flags) as number, 'unshare');
export const setns = (fd: number, type: number): void => void check(cSetns(fd, type) as number, 'setns');

/** A mount namespace in which this process can start programs, while it itself lives in the host's. */
export interface MountNamespace {
  /** Runs `work` (synchronous) with the calling thread inside. */
  run<T>(work: () => T): T;
  close(): void;
}

/**
 * Makes a copy of the current mount namespace and lets `prepare` change it. The main thread leaves and comes back (8 µs);
 * coming back cannot fail without leaving the engine in the wrong place, so then the process ends at once.
 */
export function newMountNamespace(prepare: () => void): MountNamespace {
  const home = openSync('/proc/thread-self/ns/mnt', 'r');
  unshare(CLONE_NEWNS);
  let inside: number;
  try {
    prepare();
    inside = openSync('/proc/thread-self/ns/mnt', 'r');
  } finally {
    comeHome(home);
  }
  return {
    run(work) {
      unshare(CLONE_FS); // threads started since share our file system view, and setns refuses that
      setns(inside, CLONE_NEWNS);
      try {
        return work();
      } finally {
        comeHome(home);
      }
    },
    close() {
      closeSync(inside);
      closeSync(home);
    },
  };
}

function comeHome(fd: number): void {
  try {
    setns(fd, CLONE_NEWNS);
  } catch (error) {
    process.stderr.write(`cannot return to the host's mount namespace: ${String(error)}\n`);
    process.abort();
  }
}

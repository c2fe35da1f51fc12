import { check, libc } from './libc.ts';

/**
 * Ends of child processes. Those that this process waits for are tracked and reaped one by one on SIGCHLD (libuv does the
 * same with its own, so neither takes the other's). As a subreaper this process also becomes the parent of what its
 * children leave behind: a detached process's exit code is known then, and nothing waits for a slow PID 1 to reap it.
 */
const cWaitpid = libc.func('int waitpid(int pid, _Out_ int *status, int options)');
const cWaitid = libc.func('int waitid(int idtype, unsigned int id, void *info, int options)');
const cPrctl = libc.func('prctl', 'int', ['int', 'unsigned long', 'unsigned long', 'unsigned long', 'unsigned long']);

const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x01000000;
const P_ALL = 0;
const PR_SET_CHILD_SUBREAPER = 36;
/** siginfo_t of SIGCHLD on 64-bit kernels: si_pid at 16, 128 bytes in all. */
const SIGINFO_SIZE = 128;
const SI_PID = 16;
const POLL_MS = 1000;
const SUSPICION_MS = 10;

interface Awaited {
  resolve(code: number): void;
  /** Whether waiting for it keeps this process alive. */
  keepsAlive: boolean;
}
const tracked = new Map<number, Awaited>();
/** Looks once a second too, so that a signal that came too early or was merged with another costs no more than that. */
let poll: NodeJS.Timeout | undefined;
let subreaper = false;
let suspecting = false;

/** Exit code, or 128 + signal, of a wait status (wait(2)). */
const codeOfStatus = (word: number): number => ((word & 0x7f) === 0 ? (word >> 8) & 0xff : 128 + (word & 0x7f));

function reap(): void {
  for (const [pid, { resolve }] of tracked) {
    const status = [0];
    const result = cWaitpid(pid, status, WNOHANG) as number;
    if (result === 0) continue;
    tracked.delete(pid);
    resolve(result < 0 ? -1 : codeOfStatus(status[0]!));
  }
  watch();
}

/** The handler and the poll are there exactly as long as somebody may need them. */
function watch(): void {
  if (tracked.size === 0 && !subreaper) {
    process.off('SIGCHLD', onSignal);
    clearInterval(poll);
    poll = undefined;
    return;
  }
  if (poll === undefined) {
    process.on('SIGCHLD', onSignal);
    poll = setInterval(onSignal, POLL_MS);
  }
  // a signal handler does not keep a process alive
  if ([...tracked.values()].some((t) => t.keepsAlive)) poll.ref();
  else poll.unref();
}

function onSignal(): void {
  reap();
  if (subreaper) reapStrangers();
}

/** A child that has ended and is not reaped yet; 0 for none. */
function endedChild(): number {
  const info = Buffer.alloc(SIGINFO_SIZE);
  const result = cWaitid(P_ALL, 0, info, WEXITED | WNOHANG | WNOWAIT) as number;
  return result === 0 ? info.readInt32LE(SI_PID) : 0; // it fails when there are no children at all
}

/**
 * Reaps orphans that nobody tracks, such as what a failed `RUNTIME exec` leaves: a zombie in a container's PID namespace
 * holds up the end of the container. One that is still there after a while and a whole turn of the loop is one: libuv
 * reaps its own in the turn after their signal, and whoever started a runtime tracks what it left in the turn it ends.
 */
function reapStrangers(): void {
  const pid = endedChild();
  if (suspecting || pid === 0 || tracked.has(pid)) return;
  suspecting = true;
  setTimeout(() => {
    reap();
    setImmediate(() => {
      suspecting = false;
      if (endedChild() === pid && !tracked.has(pid)) cWaitpid(pid, [0], WNOHANG);
      reapStrangers();
    });
  }, SUSPICION_MS).unref();
}

/**
 * Resolves with a child's exit code or 128 + signal; with -1 when it is no child of this process.
 * `keepsAlive: false` for one that this process does not wait for when it ends.
 */
export function awaitChild(pid: number, { keepsAlive = true } = {}): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  tracked.set(pid, { resolve, keepsAlive });
  watch();
  setImmediate(reap); // it may have ended before the handler was there
  return promise;
}

/** Makes this process the parent of its descendants' orphans (prctl(2), PR_SET_CHILD_SUBREAPER), and reaps them. Idempotent. */
export function becomeSubreaper(): void {
  check(cPrctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) as number, 'prctl PR_SET_CHILD_SUBREAPER');
  subreaper = true;
  watch();
}

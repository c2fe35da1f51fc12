import { closeSync } from 'node:fs';
import { check, libc, SystemCallError } from './libc.ts';

// not in every C library yet; the numbers are the same on all architectures
const cSyscall = libc.func('syscall', 'long', ['long', 'long', 'long', 'long', 'long']);
const SYS_PIDFD_SEND_SIGNAL = 424;
const SYS_PIDFD_OPEN = 434;

/**
 * Sends a signal to the process that `isSame` recognises (by its start time, say); false when it is gone. The descriptor holds
 * on to the process meanwhile, so a PID that was given to another in between is never hit (pidfd_open(2), Linux 5.3).
 */
export function signalProcess(pid: number, signal: number, isSame: () => boolean): boolean {
  let fd: number;
  try {
    fd = check(Number(cSyscall(SYS_PIDFD_OPEN, pid, 0, 0, 0)), 'pidfd_open');
  } catch (error) {
    if (isCode(error, 'ESRCH')) return false;
    throw error;
  }
  try {
    if (!isSame()) return false;
    check(Number(cSyscall(SYS_PIDFD_SEND_SIGNAL, fd, signal, 0, 0)), 'pidfd_send_signal');
    return true;
  } catch (error) {
    if (isCode(error, 'ESRCH')) return false;
    throw error;
  } finally {
    closeSync(fd);
  }
}

const isCode = (error: unknown, code: string): boolean => error instanceof SystemCallError && error.code === code;

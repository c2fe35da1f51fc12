import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '@corten/errors';
import { signalProcess } from '@corten/host';
import { startTimeOf } from './process.ts';

const SIGKILL = 9;
const ROUNDS = 20;

/** Processes in a cgroup and those beneath it. */
export function cgroupMembers(directory: string): number[] {
  try {
    const own = readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
    const children = readdirSync(directory, { withFileTypes: true }).filter((e) => e.isDirectory());
    return [...own, ...children.flatMap((e) => cgroupMembers(join(directory, e.name)))];
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes(codeOf(error) ?? '')) return []; // it was removed meanwhile
    throw error;
  }
}

/** Signals every process in a cgroup. SIGKILL reaches also those that are forked meanwhile. */
export function signalCgroup(directory: string, signal: number): void {
  const killFile = join(directory, 'cgroup.kill'); // v2 since Linux 5.14: at once and for all
  if (signal === SIGKILL && existsSync(killFile)) return writeFileSync(killFile, '1');
  const done = new Set<string>();
  for (let round = 0; round < (signal === SIGKILL ? ROUNDS : 1); round++) {
    let fresh = 0;
    for (const pid of cgroupMembers(directory)) {
      const startTime = startTimeOf(pid);
      const process_ = `${pid} ${startTime}`;
      if (startTime === undefined || done.has(process_)) continue;
      done.add(process_);
      fresh++;
      signalProcess(pid, signal, () => startTimeOf(pid) === startTime);
    }
    if (fresh === 0) return;
  }
}

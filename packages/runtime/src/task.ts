import { existsSync, readFileSync } from 'node:fs';
import { writeFileAtomicSync } from '@corten/util';
import { bundleFiles } from './paths.ts';
import { startTimeOf } from './process.ts';
import type { StreamHub } from './stream-hub.ts';
import type { TaskSpec } from './types.ts';

/** A container's init process and what the engine keeps for it. */
export interface Task {
  spec: TaskSpec;
  pid: number;
  /** With the PID it names the process for good. */
  startTime: string | undefined;
  hub: StreamHub;
  /** Its exit has been announced. */
  ended: boolean;
}

export const isAlive = (task: Task): boolean =>
  task.startTime !== undefined && startTimeOf(task.pid) === task.startTime;

/** Writes down which process a task is, for the next engine. */
export function recordStart(bundle: string, pid: number, startTime: string | undefined): void {
  writeFileAtomicSync(bundleFiles(bundle).startTime, `${pid} ${startTime ?? ''}`);
}

/** What recordStart wrote; PID 0 when an engine died before that. */
export function readStart(bundle: string): { pid: number; startTime: string | undefined } {
  const path = bundleFiles(bundle).startTime;
  if (!existsSync(path)) return { pid: 0, startTime: undefined };
  const [pid, startTime] = readFileSync(path, 'utf8').split(' ');
  return { pid: Number(pid), startTime: startTime || undefined };
}

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { awaitChild } from '@corten/host';
import { PROBE_EXIT_CODE, probeProgram } from './probe-program.ts';
import { startTimeOf } from './process.ts';
import { type Enter, runProgram } from './run-program.ts';
import type { ProbedRuntime } from './runtimes.ts';
import { classifyStartError, runtimeMessage } from './start-error.ts';
import { startThroughFifo } from './start-fifo.ts';

const PATIENCE_MS = 5000;

/** What one real container said about a runtime. */
export interface Trial {
  works: boolean;
  /** The runtime's words when it does not. */
  message: string;
  /** Its containers can be let go through exec.fifo. */
  fifo: boolean;
}

export interface TrialRequest {
  program: { path: string; args: string[]; family: ProbedRuntime['family'] };
  /** Made and removed here; on a file system that programs may run from, else only the creation is tried. */
  directory: string;
  enter: Enter;
}

/** Creates, starts and deletes a container whose program ends at once: some 20 to 50 ms. */
export async function tryRuntime({ program, directory, enter }: TrialRequest): Promise<Trial> {
  const id = `corten-probe-${process.pid}-${program.family}-${Date.now()}`;
  const files = { pid: join(directory, 'pid'), log: join(directory, 'log'), root: join(directory, 'r') };
  const call = (...args: string[]) =>
    runProgram(program.path, [...program.args, '--root', files.root, '--log', files.log, ...args], enter);
  rmSync(directory, { recursive: true, force: true });
  writeTrialBundle(directory, id);
  try {
    const { code } = await call('create', '--bundle', directory, '--pid-file', files.pid, id);
    if (code !== 0) return refusal(existsSync(files.log) ? readFileSync(files.log, 'utf8') : '', code);
    const pid = Number(readFileSync(files.pid, 'utf8').trim());
    const ended = awaitChild(pid);
    const fifo = await startThroughFifo(program.family, files.root, id, () => startTimeOf(pid) !== undefined);
    if (fifo && (await within(ended)) === PROBE_EXIT_CODE) return { works: true, message: '', fifo: true };
    const started = await call('start', id);
    const works = started.code === 0 && (await within(ended)) === PROBE_EXIT_CODE;
    return { works, message: works ? '' : 'its containers do not start', fifo: false };
  } finally {
    await call('delete', '--force', id);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A refusal to run just the program, on a file system without programs, comes after everything else has worked. */
function refusal(log: string, code: number): Trial {
  const { exitCode } = classifyStartError(log);
  if (exitCode === 126 && /permission denied/i.test(log)) return { works: true, message: '', fifo: true };
  return { works: false, message: runtimeMessage(log) || `it ended with ${code}`, fifo: false };
}

async function within(ended: Promise<number>): Promise<number | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS, undefined);
  });
  try {
    return await Promise.race([ended, patience]);
  } finally {
    clearTimeout(timer);
  }
}

function writeTrialBundle(directory: string, id: string): void {
  for (const dir of ['rootfs/proc', 'rootfs/dev', 'r'])
    mkdirSync(join(directory, dir), { recursive: true, mode: 0o755 });
  writeFileSync(join(directory, 'rootfs/probe'), probeProgram(), { mode: 0o755 });
  const config = {
    ociVersion: '1.0.2',
    process: { user: { uid: 0, gid: 0 }, args: ['/probe'], env: ['PATH=/'], cwd: '/', noNewPrivileges: true },
    root: { path: 'rootfs' },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
    ],
    linux: { cgroupsPath: `/${id}`, namespaces: ['mount', 'pid', 'ipc', 'uts', 'network'].map((type) => ({ type })) },
  };
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config));
}

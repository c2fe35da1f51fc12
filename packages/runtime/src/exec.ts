import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CortenError, system } from '@corten/errors';
import { awaitChild, type SpawnedProcess, spawnProcess } from '@corten/host';
import { detachedStdio, type ExecStdio, pipeStdio, terminalStdio } from './exec-stdio.ts';
import type { RuntimePaths } from './paths.ts';
import type { Enter } from './run-program.ts';
import type { ProbedRuntime } from './runtimes.ts';
import { classifyStartError } from './start-error.ts';
import type { ExecHandle, ExecSpec } from './types.ts';

/** An exec that could not begin: `exitCode` is what `docker exec` ends with. */
export class ExecError extends CortenError {
  readonly exitCode: number;
  constructor(exitCode: number, message: string) {
    super('invalid', message);
    this.exitCode = exitCode;
  }
}

interface ExecFiles {
  process: string;
  pid: string;
  log: string;
  console: string;
}

/**
 * Runs a further process in a container: the OCI runtime's exec, started directly and detached, so that no runtime process
 * (1 to 9 MB) waits beside it. The process is orphaned to this one, its subreaper, which learns its exit code.
 */
export async function execTask(
  spec: ExecSpec,
  runtime: ProbedRuntime,
  paths: RuntimePaths,
  enter: Enter,
): Promise<ExecHandle> {
  const base = join(paths.scratch, spec.id.slice(0, 24));
  const files = { process: `${base}.json`, pid: `${base}.pid`, log: `${base}.log`, console: `${base}.s` };
  try {
    const stdio = openStdio(spec, files.console);
    try {
      const pid = await runExec(spec, runtime, paths, files, stdio, enter);
      const streams = stdio.begun();
      return { pid, exited: endOf(pid), ...streams, resize: stdio.resize };
    } catch (error) {
      stdio.discard();
      throw error;
    }
  } finally {
    for (const file of Object.values(files)) rmSync(file, { force: true });
  }
}

function openStdio(spec: ExecSpec, consolePath: string): ExecStdio {
  if (spec.terminal) return terminalStdio(consolePath);
  return spec.detached ? detachedStdio() : pipeStdio(spec.openStdin);
}

/** Resolves with the process's PID when it runs. */
async function runExec(
  spec: ExecSpec,
  runtime: ProbedRuntime,
  paths: RuntimePaths,
  files: ExecFiles,
  stdio: ExecStdio,
  enter: Enter,
): Promise<number> {
  writeFileSync(files.process, JSON.stringify({ ...spec.process, terminal: spec.terminal }), { mode: 0o600 });
  const args = [
    ...[...runtime.args, '--root', paths.runtimeRoot, '--log', files.log, 'exec', '--detach'],
    ...['--process', files.process, '--pid-file', files.pid],
    ...(spec.terminal ? ['--console-socket', files.console] : []),
    spec.containerId,
  ];
  const env = { PATH: process.env['PATH'] ?? '', XDG_RUNTIME_DIR: '/run' };
  let started: SpawnedProcess;
  try {
    started = enter(() => spawnProcess({ path: runtime.path, args, env, fds: stdio.child, session: true }));
  } finally {
    stdio.closeChildEnds();
  }
  const code = await started.exited;
  const pid = code === 0 && existsSync(files.pid) ? Number(readFileSync(files.pid, 'utf8').trim()) : 0;
  if (pid > 0) return pid;
  throw startError(files.log, code, (spec.process['args'] as string[] | undefined)?.[0]);
}

function startError(log: string, code: number, command: string | undefined): CortenError {
  const text = existsSync(log) ? readFileSync(log, 'utf8') : '';
  if (text.trim() === '') return system(`OCI runtime exec failed: the runtime ended with ${code}`);
  const { exitCode, message } = classifyStartError(text, command);
  return new ExecError(
    exitCode === 128 ? 126 : exitCode,
    `OCI runtime exec failed: exec failed: unable to start container process: ${message}: unknown`,
  );
}

const UNKNOWN_CODE = 255;

/** A runtime that puts a process of its own in between leaves no orphan to us: its end is seen, its code is not. */
async function endOf(pid: number): Promise<number> {
  const code = await awaitChild(pid, { keepsAlive: false });
  if (code >= 0) return code;
  while (existsSync(`/proc/${pid}`)) await new Promise((resolve) => setTimeout(resolve, 200).unref());
  return UNKNOWN_CODE;
}

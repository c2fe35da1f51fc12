import { closeSync, constants, existsSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { Duplex, type Readable, type Writable } from 'node:stream';
import { ReadStream, WriteStream } from 'node:tty';
import { CortenError, system } from '@corten/errors';
import { majorOf, openTerminal, pipe, type SpawnedProcess, setTerminalSize, spawnProcess } from '@corten/host';
import type { RuntimePaths } from './paths.ts';
import type { ProbedRuntime } from './runtimes.ts';
import { classifyStartError } from './start-error.ts';
import type { ExecHandle, ExecSpec } from './types.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** An exec that could not begin: `exitCode` is what `docker exec` ends with. */
export class ExecError extends CortenError {
  readonly exitCode: number;
  constructor(exitCode: number, message: string) {
    super('invalid', message);
    this.exitCode = exitCode;
  }
}

/** Runs a further process in a container: the OCI runtime's exec, started directly. */
export async function execTask(
  spec: ExecSpec,
  runtime: ProbedRuntime,
  paths: RuntimePaths,
  enter: (start: () => SpawnedProcess) => SpawnedProcess,
): Promise<ExecHandle> {
  const base = join(paths.scratch, spec.id.slice(0, 24));
  const files = { process: `${base}.json`, pid: `${base}.pid`, log: `${base}.log` };
  const remove = () => {
    for (const file of Object.values(files)) rmSync(file, { force: true });
  };
  writeFileSync(files.process, JSON.stringify({ ...spec.process, terminal: spec.terminal }), { mode: 0o600 });
  const args = [
    ...[
      ...runtime.args,
      '--root',
      paths.runtimeRoot,
      '--log',
      files.log,
      'exec',
      '--process',
      files.process,
      '--pid-file',
      files.pid,
    ],
    ...(spec.detached ? ['--detach'] : []),
    spec.containerId,
  ];
  const wiring = spec.detached ? nullWiring() : spec.terminal ? terminalWiring() : pipeWiring(spec.openStdin);
  let started: SpawnedProcess;
  try {
    const env = { PATH: process.env['PATH'] ?? '', XDG_RUNTIME_DIR: '/run' };
    started = enter(() => spawnProcess({ path: runtime.path, args, env, fds: wiring.child, session: true }));
  } catch (error) {
    wiring.discard();
    remove();
    throw error;
  } finally {
    wiring.closeChildEnds();
  }
  let code: number | undefined;
  const exited = started.exited.then((value) => {
    code = value;
    return value;
  });
  for (let waited = 0; code === undefined && !existsSync(files.pid); waited++) await pause(waited < 100 ? 1 : 5);
  if (!existsSync(files.pid) || (spec.detached && code !== undefined && code !== 0)) {
    wiring.discard();
    const error = startError(files.log, code ?? -1);
    remove();
    throw error;
  }
  const pid = Number(readFileSync(files.pid, 'utf8').trim());
  remove();
  return {
    pid,
    exited: spec.detached ? waitForPid(pid) : exited,
    ...wiring.streams,
    resize(rows, columns) {
      if (wiring.resize?.(rows, columns) && code === undefined) resizeInside(pid, rows, columns);
    },
  };
}

function startError(log: string, code: number): CortenError {
  const text = existsSync(log) ? readFileSync(log, 'utf8') : '';
  if (text.trim() === '') return system(`OCI runtime exec failed: the runtime ended with ${code}`);
  const { exitCode, message } = classifyStartError(text);
  return new ExecError(
    exitCode === 128 ? 126 : exitCode,
    `OCI runtime exec failed: exec failed: unable to start container process: ${message}: unknown`,
  );
}

interface Wiring {
  child: { 0: number; 1: number; 2: number };
  streams: { stdin?: Writable; stdout?: Readable; stderr?: Readable; terminal?: Duplex };
  resize?(rows: number, columns: number): boolean;
  closeChildEnds(): void;
  discard(): void;
}

function nullWiring(): Wiring {
  const none = openSync('/dev/null', 'r+');
  return {
    child: { 0: none, 1: none, 2: none },
    streams: {},
    closeChildEnds: () => closeSync(none),
    discard: () => {},
  };
}

function pipeWiring(openStdin: boolean): Wiring {
  const input = openStdin ? pipe() : undefined;
  const none = input ? undefined : openSync('/dev/null', 'r');
  const [out, err] = [pipe(), pipe()];
  const stdin = input && new Socket({ fd: input.write, readable: false, writable: true });
  const stdout = new Socket({ fd: out.read, readable: true, writable: false });
  const stderr = new Socket({ fd: err.read, readable: true, writable: false });
  stdin?.on('error', () => stdin.destroy()); // the process ended or closed its stdin
  return {
    child: { 0: input?.read ?? none!, 1: out.write, 2: err.write },
    streams: { stdin, stdout, stderr },
    closeChildEnds() {
      for (const fd of [input?.read ?? none!, out.write, err.write]) closeSync(fd);
    },
    discard() {
      for (const stream of [stdin, stdout, stderr]) stream?.destroy();
    },
  };
}

/** A terminal of our own: the runtime runs in its foreground and relays to the one it makes inside. */
function terminalWiring(): Wiring {
  const { master, slave } = openTerminal();
  const reader = new ReadStream(master);
  const writer = new WriteStream(master);
  const stream = new Duplex({
    read: () => void reader.resume(),
    write: (chunk, _encoding, done) => void writer.write(chunk, () => done()),
    destroy: (_error, done) => {
      reader.destroy();
      done(null);
    },
  });
  reader.on('data', (chunk) => {
    if (!stream.push(chunk)) reader.pause();
  });
  // when the last process on the terminal is gone, reading its master side fails with EIO: that is its end
  reader.on('end', () => stream.push(null)).on('error', () => stream.push(null));
  writer.on('error', () => {});
  return {
    child: { 0: slave, 1: slave, 2: slave },
    streams: { terminal: stream },
    resize(rows, columns) {
      if (reader.destroyed) return false;
      setTerminalSize(master, rows, columns);
      return true;
    },
    closeChildEnds: () => closeSync(slave),
    discard: () => void stream.destroy(),
  };
}

const PTS_MAJORS = [136, 137, 138, 139, 140, 141, 142, 143];

/** Sets the size of the terminal that the process itself has: not every runtime passes its own terminal's changes on. */
function resizeInside(pid: number, rows: number, columns: number): void {
  const path = `/proc/${pid}/fd/0`;
  const stat = statSync(path, { throwIfNoEntry: false });
  // a process may have put anything there; only a pseudo-terminal is touched
  if (!stat?.isCharacterDevice() || !PTS_MAJORS.includes(majorOf(stat.rdev))) return;
  const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  try {
    setTerminalSize(fd, rows, columns);
  } finally {
    closeSync(fd);
  }
}

/** A detached process is nobody's child here: its end is seen, its code is not. */
async function waitForPid(pid: number): Promise<number> {
  while (existsSync(`/proc/${pid}`)) await new Promise((resolve) => setTimeout(resolve, 200).unref());
  return 0;
}

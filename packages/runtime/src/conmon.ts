import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { system } from '@corten/errors';
import { pipe, type SpawnedProcess, spawnProcess } from '@corten/host';
import { rfc3339Nano } from '@corten/util';
import { bundleFiles, type RuntimePaths } from './paths.ts';
import type { Enter } from './run-program.ts';
import type { ProbedRuntime } from './runtimes.ts';
import type { TaskExit, TaskSpec } from './types.ts';

/** The command line of a task's supervisor (conmon 2.1 and later). */
export function conmonArguments(spec: TaskSpec, runtime: ProbedRuntime, paths: RuntimePaths): string[] {
  const files = bundleFiles(spec.bundle);
  const runtimeArgs = [...runtime.args, '--root', paths.runtimeRoot].flatMap((arg) => ['--runtime-arg', arg]);
  return [
    ...['--api-version', '1', '-c', spec.id, '-u', spec.id, '-r', runtime.path, '-b', spec.bundle],
    ...['--sync', '-p', files.pid, '--exit-dir', paths.exits, '--persist-dir', paths.persist(spec.id)],
    ...['--full-attach', '--log-level', 'error', '--no-sync-log'],
    ...['-l', spec.logPath === undefined ? 'none' : `k8s-file:${spec.logPath}`],
    ...(spec.logSizeMax !== undefined && spec.logSizeMax > 0 ? ['--log-size-max', String(spec.logSizeMax)] : []),
    ...(spec.terminal ? ['-t'] : []),
    ...(spec.openStdin ? ['-i'] : []),
    // Without it the attacher's half-close is the task's end of input; with it nobody's leaving is.
    ...(spec.openStdin && (!spec.stdinOnce || spec.terminal) ? ['--leave-stdin-open'] : []),
    ...runtimeArgs,
  ];
}

export interface Supervised {
  pid: number;
  /** Resolves when the supervisor has written the exit file and is gone. */
  ended: Promise<void>;
}

/** Starts conmon, which has the runtime create the container. Throws with the runtime's message. */
export async function superviseTask(conmon: string, args: string[], spawn: Enter): Promise<Supervised> {
  const sync = pipe();
  const none = openSync('/dev/null', 'r+');
  const fds = { 0: none, 1: none, 2: none, 3: sync.write };
  let process_: SpawnedProcess;
  try {
    const env = { _OCI_SYNCPIPE: '3', TZ: 'UTC', PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' };
    process_ = spawn(() => spawnProcess({ path: conmon, args, env, fds, session: true, keepsAlive: false }));
  } catch (error) {
    closeSync(sync.read);
    throw error;
  } finally {
    closeSync(sync.write);
    closeSync(none);
  }
  const reader = new Socket({ fd: sync.read, readable: true, writable: false });
  const { first, ended } = syncMessages(reader);
  const message = await first;
  if (message && message.data >= 0) {
    reader.unref(); // from here on a supervisor must not keep a stopping engine alive
    return { pid: message.data, ended };
  }
  await ended; // it writes nothing into the bundle any more
  const why = message?.message?.trim();
  throw system(why || `conmon ended with ${await process_.exited} before the container was created`);
}

interface SyncMessage {
  data: number;
  message?: string;
}

function syncMessages(reader: Socket): { first: Promise<SyncMessage | undefined>; ended: Promise<void> } {
  const first = Promise.withResolvers<SyncMessage | undefined>();
  const ended = Promise.withResolvers<void>();
  let text = '';
  reader.on('data', (chunk: Buffer) => {
    text += chunk;
    const line = text.indexOf('\n');
    if (line >= 0) first.resolve(parseMessage(text.slice(0, line)));
  });
  const end = () => {
    first.resolve(undefined);
    ended.resolve();
  };
  reader.on('end', end).on('close', end).on('error', end);
  return { first: first.promise, ended: ended.promise };
}

/** What a runtime says may hold bytes that make conmon's line no JSON: then the line is the message. */
function parseMessage(line: string): SyncMessage {
  try {
    return JSON.parse(line) as SyncMessage;
  } catch {
    return { data: -1, message: line };
  }
}

/** How a task ended, from what its supervisor left; undefined when it has not written it. */
export function readExit(id: string, paths: RuntimePaths): TaskExit | undefined {
  const path = paths.exit(id);
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (!stat) return undefined;
  const text = readFileSync(path, 'utf8').trim();
  if (text === '') return undefined; // made, not written yet
  const code = Number(text);
  return {
    code: Number.isInteger(code) ? code : 255,
    oomKilled: existsSync(`${paths.persist(id)}/oom`),
    finishedAt: rfc3339Nano(stat.mtimeNs),
  };
}

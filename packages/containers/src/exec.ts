import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { ExecCreateBody } from '@corten/api-types';
import { conflict, invalid, messageOf, notFound } from '@corten/errors';
import type { Attachment, ExecHandle } from '@corten/runtime';
import { randomId } from '@corten/util';
import { type Context, publish } from './context.ts';
import { DEFAULT_DETACH_KEYS, detachFilter, parseDetachKeys } from './detach-keys.ts';
import { execProcess } from './exec-process.ts';
import { type ContainerRecord, isRunning } from './record.ts';

/** A process that somebody asked for in a running container. Kept in memory: it does not outlive its container. */
interface Exec {
  id: string;
  container: ContainerRecord;
  body: ExecCreateBody;
  state: 'created' | 'starting' | 'running' | 'ended';
  exitCode: number | null;
  pid: number;
  handle?: ExecHandle;
  /** Terminal size asked for before it started. */
  size?: [rows: number, columns: number];
  endedAt?: number;
}

/** How long an ended exec can be inspected. */
const KEPT_MS = 5 * 60_000;
const MOST_KEPT = 10_000;

export interface Execs {
  create(c: ContainerRecord, body: ExecCreateBody): string;
  start(
    id: string,
    options: { detach: boolean; tty: boolean; rows?: number; columns?: number },
  ): Promise<Attachment | undefined>;
  inspect(id: string): Record<string, unknown>;
  resize(id: string, rows: number, columns: number): void;
  isTty(id: string): boolean;
  idsOf(containerId: string): string[];
}

export function createExecs(ctx: Context): Execs {
  const table = new Map<string, Exec>();
  const find = (id: string): Exec => {
    const exec = table.get(id);
    if (!exec) throw notFound(`No such exec instance: ${id}`);
    return exec;
  };
  const sweep = () => {
    const old = Date.now() - KEPT_MS;
    for (const [id, exec] of table) {
      const gone = ctx.store.get(exec.container.id) !== exec.container;
      if (gone || (exec.endedAt !== undefined && exec.endedAt < old)) table.delete(id);
      else if (exec.state === 'created' && table.size > MOST_KEPT) table.delete(id);
    }
  };

  return {
    create(c, body) {
      if (!isRunning(c) || c.state.pid === 0) {
        if (c.state.status === 'restarting')
          throw conflict(`Container ${c.id} is restarting, wait until the container is running`);
        throw conflict(`container ${c.id} is not running`);
      }
      if (c.state.status === 'paused') throw conflict(`Container ${c.id} is paused, unpause the container before exec`);
      if (!body.Cmd?.length) throw invalid('No exec command specified');
      if (body.DetachKeys) parseDetachKeys(body.DetachKeys);
      if (table.size > 256) sweep();
      const exec: Exec = { id: randomId(), container: c, body, state: 'created', exitCode: null, pid: 0 };
      table.set(exec.id, exec);
      publish(ctx, c, `exec_create: ${body.Cmd.join(' ')}`, { execID: exec.id });
      return exec.id;
    },
    start: (id, options) => startExec(ctx, find(id), options),
    inspect: (id) => inspectExec(find(id)),
    resize(id, rows, columns) {
      const exec = find(id);
      if (exec.state === 'ended') throw conflict(`exec command ${id} has already ended`);
      exec.size = [rows, columns];
      exec.handle?.resize(rows, columns);
    },
    isTty: (id) => find(id).body.Tty,
    idsOf: (containerId) =>
      [...table.values()]
        .filter((e) => e.container.id === containerId && (e.state === 'running' || e.state === 'starting'))
        .map((e) => e.id),
  };
}

async function startExec(
  ctx: Context,
  exec: Exec,
  options: { detach: boolean; rows?: number; columns?: number },
): Promise<Attachment | undefined> {
  const { container: c, body } = exec;
  if (exec.state === 'ended') throw conflict(`exec command ${exec.id} has already run`);
  if (exec.state !== 'created') throw conflict(`exec command ${exec.id} is already running`);
  if (!isRunning(c)) throw conflict(`container ${c.id} is not running`);
  if (c.state.status === 'paused') throw conflict(`Container ${c.id} is paused, unpause the container before exec`);
  exec.state = 'starting';
  publish(ctx, c, `exec_start: ${body.Cmd!.join(' ')}`, { execID: exec.id });
  try {
    const given = options.rows !== undefined && options.columns !== undefined;
    const consoleSize = given ? [options.rows!, options.columns!] : (exec.size ?? body.ConsoleSize);
    const handle = await ctx.supervisor.exec({
      id: exec.id,
      runtime: c.runtime,
      containerId: c.id,
      bundle: '',
      process: execProcess(ctx, c, {
        args: body.Cmd!,
        env: body.Env,
        user: body.User,
        workingDir: body.WorkingDir,
        tty: body.Tty,
        privileged: body.Privileged,
        consoleSize,
      }),
      terminal: body.Tty,
      openStdin: body.AttachStdin && !options.detach,
      detached: options.detach && !body.Tty,
    });
    begun(ctx, exec, handle);
    if (body.Tty && consoleSize && consoleSize[0]! > 0) handle.resize(consoleSize[0]!, consoleSize[1]!);
    if (!options.detach) return attachmentOf(ctx, exec, handle);
    handle.terminal?.resume();
    return undefined;
  } catch (error) {
    const { exitCode } = error as { exitCode?: unknown };
    exec.exitCode = typeof exitCode === 'number' ? exitCode : 126;
    end(exec);
    // an attached client has been told 101 already by Docker: it gets the message as output
    if (options.detach || typeof exitCode !== 'number') throw error;
    return failed(messageOf(error));
  }
}

function begun(ctx: Context, exec: Exec, handle: ExecHandle): void {
  exec.handle = handle;
  exec.pid = handle.pid;
  exec.state = 'running';
  void handle.exited.then((code) => {
    exec.exitCode = code;
    end(exec);
    publish(ctx, exec.container, 'exec_die', { execID: exec.id, exitCode: String(code) });
  });
}

function end(exec: Exec): void {
  exec.state = 'ended';
  exec.endedAt = Date.now();
  exec.pid = 0;
  exec.handle = undefined;
}

function failed(message: string): Attachment {
  const stdout = new PassThrough();
  stdout.end(`${message}\r\n`);
  return { stdout, stderr: new PassThrough().end() as PassThrough, [Symbol.asyncDispose]: async () => {} };
}

/** The client's side of an exec. A stream that it did not ask for is drained. */
function attachmentOf(ctx: Context, exec: Exec, handle: ExecHandle): Attachment {
  const { body } = exec;
  const ended = () => new PassThrough().end() as PassThrough;
  const source = handle.terminal ?? handle.stdout;
  const stdout = new PassThrough();
  const stderr = body.AttachStderr && handle.stderr ? handle.stderr : ended();
  if (body.AttachStdout && source) {
    source.pipe(stdout);
    // a terminal ends with an error (EIO) or a close without an end: the client's stream ends either way
    finished(source, { writable: false }).then(
      () => stdout.end(),
      () => stdout.end(),
    );
  } else {
    source?.resume();
    // the exec call lasts as long as the process does
    void handle.exited.then(() => stdout.end());
  }
  if (!body.AttachStderr) handle.stderr?.resume();
  let stdin = body.AttachStdin ? (handle.terminal ?? handle.stdin) : undefined;
  if (stdin && handle.terminal) {
    const filter = detachFilter(parseDetachKeys(body.DetachKeys || DEFAULT_DETACH_KEYS), () => {
      publish(ctx, exec.container, 'exec_detach', { execID: exec.id });
      stdout.end();
    });
    filter.on('error', () => {}); // the client left in the middle of its input
    filter.pipe(handle.terminal, { end: false });
    stdin = filter;
  }
  return {
    stdout,
    stderr,
    stdin,
    [Symbol.asyncDispose]: async () => {
      stdout.destroy();
      // the process goes on without this client: its output must not block it
      source?.unpipe(stdout);
      source?.resume();
      handle.stderr?.resume();
    },
  };
}

/** Body of GET /exec/{id}/json (definitions/ExecInspectResponse). */
function inspectExec(exec: Exec): Record<string, unknown> {
  const { body, container } = exec;
  return {
    ID: exec.id,
    Running: exec.state === 'running',
    ExitCode: exec.exitCode,
    ProcessConfig: {
      tty: body.Tty,
      entrypoint: body.Cmd![0],
      arguments: body.Cmd!.slice(1),
      privileged: body.Privileged,
      ...(body.User ? { user: body.User } : {}),
    },
    OpenStdin: body.AttachStdin,
    OpenStderr: body.AttachStderr,
    OpenStdout: body.AttachStdout,
    CanRemove: exec.state === 'ended',
    ContainerID: container.id,
    DetachKeys: body.DetachKeys ? [...parseDetachKeys(body.DetachKeys)].join(',') : '',
    Pid: exec.pid,
  };
}

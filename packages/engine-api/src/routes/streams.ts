import type { IncomingMessage } from 'node:http';
import { ExecStartBodySchema, parse } from '@corten/api-types';
import type { LogOptions } from '@corten/containers';
import { invalid } from '@corten/errors';
import type { Attachment } from '@corten/runtime';
import type { Exchange } from '../exchange.ts';
import { frame, pump, STDERR, STDOUT } from '../frames.ts';
import { type Hijack, MULTIPLEXED_STREAM, RAW_STREAM } from '../hijack.ts';
import { boolOr, boolValue, timestampValue } from '../query.ts';
import type { Routes } from '../router.ts';
import type { Services } from '../services.ts';
import { compareVersions } from '../versions.ts';

/** Logs, stats, and attach without an upgraded connection. */
export function streamRoutes(routes: Routes, { containers }: Services): void {
  routes.on('GET', '/containers/{id}/logs', (x) => sendLogs(x, containers));
  routes.on('GET', '/containers/{id}/stats', (x) => sendStats(x, containers));
  routes.on('POST', '/containers/{id}/attach', async (x) => {
    const tty = containers.isTty(x.param('id'));
    const attachment = await containers.attach(x.param('id'), attachOptions(x.query));
    await sendAttachment(x, attachment, tty);
  });
}

async function sendLogs(x: Exchange, containers: Services['containers']): Promise<void> {
  const options = logOptions(x.query);
  const tty = containers.isTty(x.param('id'));
  const entries = containers.logs(x.param('id'), options, x.signal)[Symbol.asyncIterator]();
  const first = await entries.next(); // so that an unreadable log is still a plain error… unless nothing came yet
  x.begin(200, { 'Content-Type': tty ? RAW_STREAM : streamType(x.version, tty) });
  for (let next = first; !next.done; next = await entries.next()) {
    const { stream, message } = next.value;
    await x.write(tty ? message : frame(stream === 'stdout' ? STDOUT : STDERR, message));
    if (x.signal.aborted) break;
  }
  await entries.return?.();
  x.end();
}

export function logOptions(query: URLSearchParams): LogOptions {
  const stdout = boolValue(query.get('stdout'));
  const stderr = boolValue(query.get('stderr'));
  if (!stdout && !stderr) throw invalid('Bad parameters: you must choose at least one stream');
  const tail = query.get('tail');
  return {
    stdout,
    stderr,
    follow: boolValue(query.get('follow')),
    timestamps: boolValue(query.get('timestamps')),
    details: boolValue(query.get('details')),
    since: nonZero(timestampValue(query, 'since')),
    until: nonZero(timestampValue(query, 'until')),
    // Docker takes anything that is not a whole number for "all"
    tail: tail !== null && /^\d+$/.test(tail) ? Number(tail) : undefined,
  };
}

const nonZero = (time: bigint | undefined) => (time === 0n ? undefined : time);

async function sendStats(x: Exchange, containers: Services['containers']): Promise<void> {
  const stream = boolOr(x.query.get('stream'), true);
  const oneShot = boolValue(x.query.get('one-shot'));
  if (stream && oneShot) throw invalid('cannot have stream=true and one-shot=true');
  const id = containers.resolve(x.param('id'));
  const samples = containers.stats(id, { stream, oneShot }, x.signal);
  x.begin(200, { 'Content-Type': 'application/json' });
  for await (const sample of samples) {
    await x.write(`${JSON.stringify(sample)}\n`);
    if (x.signal.aborted) break;
  }
  x.end();
}

function attachOptions(query: URLSearchParams) {
  const flag = (name: string) => boolValue(query.get(name));
  return {
    stdin: flag('stdin'),
    stdout: flag('stdout'),
    stderr: flag('stderr'),
    logs: flag('logs'),
    stream: flag('stream'),
    detachKeys: query.get('detachKeys') || undefined,
  };
}

const streamType = (version: string, tty: boolean) =>
  !tty && compareVersions(version, '1.42') >= 0 ? MULTIPLEXED_STREAM : RAW_STREAM;

/** For a client that did not ask for an upgrade: the output as the answer's body, its request body as stdin. */
export async function sendAttachment(x: Exchange, attachment: Attachment, tty: boolean): Promise<void> {
  x.begin(200, { 'Content-Type': streamType(x.version, tty), Connection: 'close' });
  if (attachment.stdin) x.request.pipe(attachment.stdin);
  else x.request.resume();
  const left = new Promise<void>((resolve) => x.signal.addEventListener('abort', () => resolve()));
  const output = Promise.all([
    pump(attachment.stdout, x.response, tty ? undefined : STDOUT),
    tty ? undefined : pump(attachment.stderr, x.response, STDERR),
  ]);
  try {
    await Promise.race([output, left]);
  } finally {
    x.end();
    await attachment[Symbol.asyncDispose]();
  }
}

export interface Upgrade {
  request: IncomingMessage;
  hijack: Hijack;
  version: string;
  query: URLSearchParams;
  params: Record<string, string>;
}

/** The calls that take over the connection (`Connection: Upgrade`, `Upgrade: tcp`). */
export function upgrades({ containers }: Services) {
  const attach = async ({ hijack, version, query, params }: Upgrade) => {
    const tty = containers.isTty(params['id']!);
    const attachment = await containers.attach(params['id']!, attachOptions(query));
    hijack.accept(streamType(version, tty));
    await hijack.join(attachment, { tty });
  };
  const execStart = async ({ request, hijack, version, params }: Upgrade) => {
    const body = parse(ExecStartBodySchema, (await hijack.json(request)) ?? {});
    const tty = containers.isExecTty(params['id']!);
    const [rows, columns] = body.ConsoleSize ?? [];
    const attachment = await containers.execStart(params['id']!, { detach: body.Detach, tty: body.Tty, rows, columns });
    hijack.accept(streamType(version, tty));
    if (attachment) await hijack.join(attachment, { tty });
    else hijack.socket.end();
  };
  const table = [
    { pattern: /^\/containers\/([^/]+)\/attach$/, handler: attach },
    { pattern: /^\/exec\/([^/]+)\/start$/, handler: execStart },
  ];
  return {
    match(
      method: string,
      path: string,
    ): { handler: (upgrade: Upgrade) => Promise<void>; params: Record<string, string> } | undefined {
      if (method !== 'POST') return undefined;
      for (const { pattern, handler } of table) {
        const found = pattern.exec(path);
        if (found) return { handler, params: { id: found[1]! } };
      }
      return undefined;
    },
  };
}

import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, utimes } from 'node:fs/promises';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { basename, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CortenError, cancelled, invalid, messageOf } from '@corten/errors';
import { collect, deferred } from '@corten/util';
import { goQuote } from '../dockerfile/go-text.ts';
import type { BuildSession } from './session.ts';

/** A server that says nothing for so long (milliseconds) is given up. */
const IDLE_TIMEOUT = 120_000;

export const isUrl = (source: string): boolean => /^https?:\/\//.test(source);

/** Downloads a source of ADD into the build's scratch space: mode 0600, the time that the server says. */
export async function download(
  session: BuildSession,
  url: string,
  { destination, checksum }: { destination: string; checksum: string },
): Promise<{ directory: string; name: string }> {
  const response = await get(url, session.signal);
  const name = fileName(url, response);
  if (name === '' && destination.endsWith('/')) throw invalid(`cannot determine filename for source ${url}`);
  const directory = await mkdtemp(join(session.scratch, 'download-'));
  const path = join(directory, name || '__unnamed__');
  const hash = createHash('sha256');
  const measure = progress(session, Number(response.headers['content-length'] ?? 0), hash);
  await pipeline(response, measure, createWriteStream(path, { mode: 0o600, flags: 'wx' }), { signal: session.signal });
  session.output.write('\n');
  const digest = `sha256:${hash.digest('hex')}`;
  if (checksum !== '' && checksum !== digest) throw invalid(`digest mismatch ${digest}: ${checksum}`);
  const modified = Date.parse(response.headers['last-modified'] ?? '');
  await utimes(path, new Date(), new Date(Number.isNaN(modified) ? 0 : modified));
  return { directory, name: name || '__unnamed__' };
}

/** GET with redirects followed. Not the global fetch: it refuses some ports, which may be a mirror's. */
async function get(url: string, signal: AbortSignal, redirects = 10): Promise<IncomingMessage> {
  const response = await request(url, signal);
  const { statusCode = 0, statusMessage = '', headers } = response;
  if (statusCode >= 200 && statusCode < 300) return response;
  if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
    response.destroy();
    const next = URL.canParse(headers.location, url) ? new URL(headers.location, url) : undefined;
    if (redirects === 0 || !next || !isUrl(next.href)) throw invalid(`failed to GET ${url}: too many redirects`);
    return get(next.href, signal, redirects - 1);
  }
  const body = await collect(response, 64 << 10).catch(() => Buffer.alloc(0)); // only adds to the message
  throw invalid(`failed to GET ${url} with status ${statusCode} ${statusMessage}: ${body.toString().trim()}`);
}

async function request(url: string, signal: AbortSignal): Promise<IncomingMessage> {
  if (!URL.canParse(url)) throw invalid(`parse ${goQuote(url)}: invalid URL`);
  const { promise, resolve, reject } = deferred<IncomingMessage>();
  const module = url.startsWith('https:') ? https : http;
  const sent = module.get(url, { signal, headers: { 'user-agent': 'corten', accept: '*/*' } }, resolve);
  sent.setTimeout(IDLE_TIMEOUT, () => sent.destroy(new Error('i/o timeout')));
  sent.once('error', reject);
  try {
    return await promise;
  } catch (error) {
    if (signal.aborted) throw cancelled();
    throw new CortenError('system', `Get ${goQuote(url)}: ${dialError(error)}`, error);
  }
}

/** Go's words for the common failures to connect. */
function dialError(error: unknown): string {
  const { code, address, port, hostname } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
    hostname?: string;
  };
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `dial tcp: lookup ${hostname}: no such host`;
  if (code === 'ECONNREFUSED') return `dial tcp ${address}:${port}: connect: connection refused`;
  return messageOf(error);
}

/** The last element of the path, else what Content-Disposition says. */
function fileName(url: string, response: IncomingMessage): string {
  const { pathname } = new URL(url);
  const last = pathname.endsWith('/') ? '' : basename(decode(pathname));
  const disposition = /filename="?([^";]+)"?/.exec(response.headers['content-disposition'] ?? '')?.[1] ?? '';
  const name = last || (disposition.endsWith('/') ? '' : basename(disposition));
  return name === '.' || name === '..' || name.includes('\0') ? '' : name;
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // a stray % is part of the name
  }
}

function progress(session: BuildSession, total: number, hash: { update(bytes: Buffer): void }): Transform {
  let current = 0;
  let told = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      current += chunk.length;
      if (Date.now() - told > 100) {
        told = Date.now();
        session.output.progress({ status: 'Downloading', progressDetail: { current, ...(total ? { total } : {}) } });
      }
      done(null, chunk);
    },
  });
}

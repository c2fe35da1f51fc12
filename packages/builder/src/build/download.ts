import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CortenError, cancelled, invalid, messageOf } from '@corten/errors';
import { collect } from '@corten/util';
import type { BuildSession } from './session.ts';

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
  const measure = progress(session, Number(response.headers.get('content-length') ?? 0), hash);
  const body = response.body ? Readable.fromWeb(response.body as never) : Readable.from([]);
  await pipeline(body, measure, createWriteStream(path, { mode: 0o600, flags: 'wx' }), { signal: session.signal });
  session.output.write('\n');
  const digest = `sha256:${hash.digest('hex')}`;
  if (checksum !== '' && checksum !== digest) throw invalid(`digest mismatch ${digest}: ${checksum}`);
  const modified = Date.parse(response.headers.get('last-modified') ?? '');
  await utimes(path, new Date(), new Date(Number.isNaN(modified) ? 0 : modified));
  return { directory, name: name || '__unnamed__' };
}

async function get(url: string, signal: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    if (signal.aborted) throw cancelled();
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new CortenError('system', `Get ${JSON.stringify(url)}: ${messageOf(cause)}`, error);
  }
  if (response.ok) return response;
  const body = response.body ? await collect(Readable.fromWeb(response.body as never), 64 << 10) : '';
  const status = `${response.status} ${response.statusText}`.trim();
  throw invalid(`failed to GET ${url} with status ${status}: ${body.toString().trim()}`);
}

/** The last element of the path, else what Content-Disposition says. */
function fileName(url: string, response: Response): string {
  const { pathname } = new URL(url);
  const last = pathname.endsWith('/') ? '' : basename(decode(pathname));
  const disposition = /filename="?([^";]+)"?/.exec(response.headers.get('content-disposition') ?? '')?.[1] ?? '';
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

import type { Content } from '@corten/content';
import { unavailable } from '@corten/errors';
import type { Descriptor } from '@corten/oci';
import { ConnectionError, discardBody } from './http.ts';
import { backOff, type Session, type SessionRequest } from './session.ts';
import type { RemoteRepository } from './types.ts';

const ATTEMPTS = 6;
type Options = NonNullable<Parameters<RemoteRepository['download']>[2]>;

/** One blob into the content store: streamed, resumed by Range after a break, visible only when verified. */
export async function downloadBlob(
  session: Session,
  request: Omit<SessionRequest, 'method'>,
  descriptor: Descriptor,
  content: Content,
  options: Options,
): Promise<void> {
  await using ingest = await content.ingest(`blob-${descriptor.digest}`, { resumable: true });
  let received = ingest.offset;
  if (received > descriptor.size) throw unavailable(`partial of ${descriptor.digest} is longer than the blob`);
  const tap = options.onStart?.(received);
  for (let attempt = 0; received < descriptor.size; ) {
    const before = received;
    try {
      for await (const chunk of bodyFrom(session, request, received)) {
        received += chunk.length;
        if (received > descriptor.size) {
          await ingest.abort();
          throw unavailable(`${descriptor.digest}: the registry sent more than ${descriptor.size} bytes`);
        }
        await ingest.write(chunk);
        await tap?.(chunk);
        options.onBytes?.(received);
      }
      if (received < descriptor.size) throw new ConnectionError('unexpected EOF', undefined);
    } catch (error) {
      request.signal.throwIfAborted();
      if (!isTransient(error) || (received === before && attempt + 1 >= ATTEMPTS)) throw error;
      attempt = received > before ? 0 : attempt + 1;
      await backOff(attempt, request.signal);
    }
  }
  options.onVerify?.();
  await ingest.commit({ digest: descriptor.digest, size: descriptor.size });
}

const isTransient = (error: unknown): boolean =>
  error instanceof ConnectionError
    ? !error.permanent
    : error instanceof Error &&
      'code' in error &&
      /^(ECONNRESET|EPIPE|ETIMEDOUT|ERR_STREAM_PREMATURE_CLOSE|HPE_)/.test(String(error.code));

async function* bodyFrom(
  session: Session,
  request: Omit<SessionRequest, 'method'>,
  start: number,
): AsyncGenerator<Buffer> {
  const headers: Record<string, string> = { ...request.headers };
  if (start > 0) headers['range'] = `bytes=${start}-`;
  const response = await session.send({ ...request, method: 'GET', headers });
  let skip = 0;
  if (start > 0 && response.statusCode === 206) {
    const from = /^bytes (\d+)-/.exec(response.headers['content-range'] ?? '')?.[1];
    if (from !== undefined && Number(from) !== start) {
      await discardBody(response);
      throw unavailable(`the registry answered with bytes from ${from} instead of ${start}`);
    }
  } else if (start > 0) skip = start; // it knows no ranges: what is here already is read past
  for await (const chunk of response as AsyncIterable<Buffer>) {
    if (skip >= chunk.length) skip -= chunk.length;
    else {
      yield skip > 0 ? chunk.subarray(skip) : chunk;
      skip = 0;
    }
  }
}

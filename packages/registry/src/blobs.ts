import { pipeline } from 'node:stream/promises';
import { codeOf } from '@corten/errors';
import { digestParameter, type Exchange, empty, parseRange } from './http.ts';
import { ProtocolError } from './protocol-error.ts';
import type { Store } from './store.ts';

/** GET, HEAD and DELETE of `/v2/<name>/blobs/<digest>`. */
export async function blobRequest(store: Store, x: Exchange): Promise<void> {
  const digest = digestParameter(x.target);
  const size = store.records.hasBlob(x.name, digest) ? store.content.size(digest) : undefined;
  if (size === undefined) throw new ProtocolError('BLOB_UNKNOWN', 'blob unknown to registry', { detail: { digest } });
  switch (x.method) {
    case 'GET':
    case 'HEAD':
      break;
    case 'DELETE':
      store.records.unlinkBlob(x.name, digest);
      await store.collect(digest);
      return empty(x.response, 202);
    default:
      throw new ProtocolError('UNSUPPORTED', 'the operation is unsupported');
  }
  const range = parseRange(x.request.headers.range, size);
  const { start, end } = range ?? { start: 0, end: size };
  x.response.writeHead(range ? 206 : 200, {
    'content-type': 'application/octet-stream',
    'content-length': String(end - start),
    'docker-content-digest': digest,
    etag: `"${digest}"`,
    'accept-ranges': 'bytes',
    'cache-control': 'max-age=31536000',
    ...(range ? { 'content-range': `bytes ${start}-${end - 1}/${size}` } : {}),
  });
  if (x.method === 'HEAD' || size === 0) return void x.response.end();
  try {
    await pipeline(store.content.read(digest, { start, end }), x.response);
  } catch (error) {
    // The client went away in the middle: nothing is left to answer, and nothing of ours is half-done.
    if (codeOf(error) !== 'ERR_STREAM_PREMATURE_CLOSE' && codeOf(error) !== 'EPIPE' && codeOf(error) !== 'ECONNRESET')
      throw error;
  }
}

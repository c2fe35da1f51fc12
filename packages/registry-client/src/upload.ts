import type { IncomingMessage } from 'node:http';
import { codeOf, unavailable } from '@corten/errors';
import type { Digest } from '@corten/oci';
import { ConnectionError, discardBody } from './http.ts';
import { backOff, type Session } from './session.ts';

const ATTEMPTS = 4;

export interface UploadContext {
  session: Session;
  /** `/v2/<name>` */
  base: string;
  scope: readonly string[];
  signal: AbortSignal;
}

/** Where the next request of an upload goes. */
function location(session: Session, response: IncomingMessage): URL {
  const text = response.headers.location;
  if (!text || !URL.canParse(text, session.endpoint.base.href))
    throw unavailable('the registry gave no location for the upload');
  return new URL(text, session.endpoint.base);
}

/** Starts an upload, or with `mount` asks for a mount: then undefined means that the blob is there now. */
async function begin(up: UploadContext, mount?: { digest: Digest; from: string }): Promise<URL | undefined> {
  const query = mount ? `?mount=${encodeURIComponent(mount.digest)}&from=${encodeURIComponent(mount.from)}` : '';
  const scope = mount ? [...up.scope, `repository:${mount.from}:pull`] : up.scope;
  const response = await up.session.send({
    method: 'POST',
    target: `${up.base}/blobs/uploads/${query}`,
    headers: { 'content-length': '0' },
    scope,
    signal: up.signal,
  });
  await discardBody(response);
  return response.statusCode === 201 ? undefined : location(up.session, response);
}

/** Cross-repository mount (distribution-spec, Mounting a blob from another repository). */
export async function mountBlob(up: UploadContext, digest: Digest, from: string): Promise<boolean> {
  const url = await begin(up, { digest, from });
  if (!url) return true;
  // The registry began an upload instead; give it back.
  const response = await up.session.attempt({ method: 'DELETE', target: url, scope: up.scope, signal: up.signal });
  await discardBody(response);
  return false;
}

/** Uploads by one PATCH and a closing PUT; begins anew after a broken connection. */
export async function uploadBlob(
  up: UploadContext,
  blob: { digest: Digest; size: number },
  open: () => AsyncIterable<Uint8Array>,
  onBytes: (sent: number) => void,
): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await uploadOnce(up, blob, open, onBytes);
    } catch (error) {
      up.signal.throwIfAborted();
      const broken =
        error instanceof ConnectionError ? !error.permanent : /^(ECONNRESET|EPIPE)$/.test(codeOf(error) ?? '');
      if (!broken || attempt + 1 >= ATTEMPTS) throw error;
      await backOff(attempt, up.signal);
    }
  }
}

async function uploadOnce(
  up: UploadContext,
  blob: { digest: Digest; size: number },
  open: () => AsyncIterable<Uint8Array>,
  onBytes: (sent: number) => void,
): Promise<void> {
  const start = await begin(up);
  if (!start) return;
  const { scope, signal } = up;
  const counted = async function* () {
    let sent = 0;
    for await (const chunk of open()) {
      yield chunk;
      sent += chunk.length;
      onBytes(sent);
    }
  };
  const headers = { 'content-type': 'application/octet-stream', 'content-length': String(blob.size) };
  const patched = await up.session.send({ method: 'PATCH', target: start, headers, body: counted(), scope, signal });
  await discardBody(patched);
  const finish = location(up.session, patched);
  finish.searchParams.set('digest', blob.digest);
  const done = await up.session.send({
    method: 'PUT',
    target: finish,
    headers: { 'content-length': '0' },
    scope,
    signal,
  });
  await discardBody(done);
}

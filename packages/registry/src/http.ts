import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Digest, isDigest } from '@corten/oci';
import { ProtocolError } from './protocol-error.ts';

/** One request to a repository, with its path taken apart. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  method: string;
  query: URLSearchParams;
  /** Repository name. */
  name: string;
  /** What follows `/blobs/`, `/manifests/` … */
  target: string;
}

/** Answers without a body. */
export function empty(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-length': '0', ...headers }).end();
}

/** Answers with a small body; HEAD gets its headers only. */
export function send(
  x: { method: string; response: ServerResponse },
  status: number,
  headers: Record<string, string>,
  body: Uint8Array,
): void {
  x.response.writeHead(status, { ...headers, 'content-length': String(body.length) });
  x.response.end(x.method === 'HEAD' ? undefined : body);
}

export const sendJson = (
  x: { method: string; response: ServerResponse },
  value: unknown,
  headers: Record<string, string> = {},
): void => send(x, 200, { 'content-type': 'application/json', ...headers }, Buffer.from(`${JSON.stringify(value)}\n`));

export function digestParameter(text: string | null | undefined): Digest {
  if (isDigest(text)) return text;
  throw new ProtocolError('DIGEST_INVALID', 'provided digest is not a sha256 digest', { detail: text ?? '' });
}

/** A single byte range of a body of `size` bytes (RFC 9110, 14.1.2); undefined for none or one to be ignored. */
export function parseRange(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const suffix = match[1] === '';
  const start = suffix ? Math.max(size - Number(match[2]), 0) : Number(match[1]);
  const end = suffix || match[2] === '' ? size : Math.min(Number(match[2]) + 1, size);
  if (start >= size || start >= end)
    throw new ProtocolError('RANGE_INVALID', 'range not satisfiable', {
      headers: { 'content-range': `bytes */${size}` },
    });
  return { start, end };
}

const MAX_PAGE = 1000;
/** Paging of lists: `n` and `last`. */
export function page(query: URLSearchParams): { limit: number; last: string } {
  const n = query.get('n');
  if (n !== null && !/^\d{1,9}$/.test(n))
    throw new ProtocolError('UNSUPPORTED', 'invalid number of results requested', { status: 400, detail: { n } });
  return { limit: Math.min(n === null ? MAX_PAGE : Number(n), MAX_PAGE), last: query.get('last') ?? '' };
}

/** The Link header that leads to the next page, when there is one. */
export function nextLink(
  path: string,
  limit: number,
  items: string[],
): { shown: string[]; headers: Record<string, string> } {
  const shown = items.slice(0, limit);
  if (items.length <= limit || limit === 0) return { shown, headers: {} };
  const query = new URLSearchParams({ last: shown.at(-1)!, n: String(limit) });
  return { shown, headers: { link: `<${path}?${query}>; rel="next"` } };
}

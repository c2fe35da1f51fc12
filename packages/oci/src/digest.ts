import { createHash } from 'node:crypto';
import { invalid } from '@corten/errors';
import type { ChainId, DiffId, Digest } from './types.ts';

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const WELL_FORMED = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;

/** Whether the text is a `sha256:<64 lower-case hex>` digest. */
export const isDigest = (text: unknown): text is Digest => typeof text === 'string' && DIGEST.test(text);

/** A digest from outside; `invalid` with Docker's words (go-digest) when it is none. Only sha256 is supported. */
export function parseDigest(text: string): Digest {
  if (DIGEST.test(text)) return text as Digest;
  if (!WELL_FORMED.test(text)) throw invalid('invalid checksum digest format');
  if (!text.startsWith('sha256:')) throw invalid('unsupported digest algorithm');
  const hex = text.slice('sha256:'.length);
  throw invalid(hex.length === 64 ? 'invalid checksum digest format' : 'invalid checksum digest length');
}

/** The digest of bytes in memory. */
export const digestOf = (bytes: Uint8Array | string): Digest =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;

/** The 64 hexadecimal digits. */
export const hexOf = (digest: Digest): string => digest.slice('sha256:'.length);

/** Hashes a stream of chunks: `update` each, then `digest` once. */
export function digester(): { update(chunk: Uint8Array): void; digest(): Digest } {
  const hash = createHash('sha256');
  return {
    update: (chunk) => void hash.update(chunk),
    digest: () => `sha256:${hash.digest('hex')}` as Digest,
  };
}

/**
 * Chain ID of each layer of a stack, lowest first (OCI image-spec, config.md, Layer ChainID):
 * ChainID(L0) = DiffID(L0); ChainID(L0|…|Ln) = SHA256(ChainID(L0|…|Ln-1) + " " + DiffID(Ln)).
 */
export function chainIds(diffIds: readonly DiffId[]): ChainId[] {
  const chains: ChainId[] = [];
  for (const diffId of diffIds) chains.push(chainOn(chains.at(-1), diffId));
  return chains;
}

/** Chain ID of one layer on top of `parent`. */
export const chainOn = (parent: ChainId | undefined, diffId: DiffId): ChainId =>
  parent === undefined ? diffId : digestOf(`${parent} ${diffId}`);

/** Chain ID of the whole stack; undefined for no layers. */
export const chainId = (diffIds: readonly DiffId[]): ChainId | undefined => chainIds(diffIds).at(-1);

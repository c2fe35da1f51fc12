import { invalid, isKind } from '@corten/errors';
import { isDigest, parseDigest } from './digest.ts';
import type { Digest } from './types.ts';

/**
 * A normalized image reference (the grammar of distribution/reference):
 * `busybox` is { domain: 'docker.io', path: 'library/busybox' }.
 */
export interface Reference {
  readonly domain: string;
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

export const DEFAULT_DOMAIN = 'docker.io';
const LEGACY_DOMAIN = 'index.docker.io';
const OFFICIAL = 'library/';
export const DEFAULT_TAG = 'latest';
const MAX_NAME = 255;

const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const remote = `${component}(?:/${component})*`;
const label = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domainPattern = `(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const tagPattern = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}';
const digestPattern = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const REFERENCE = new RegExp(`^(?:(${domainPattern})/)?(${remote})(?::(${tagPattern}))?(?:@(${digestPattern}))?$`);
const TAG = new RegExp(`^${tagPattern}$`);
const IDENTIFIER = /^[a-f0-9]{64}$/;

/** Longer text can be no reference; refusing early keeps the patterns' work small. */
const MAX_REFERENCE = 4096;

export const isTag = (text: string): boolean => TAG.test(text);
/** A repository name without its domain, as in the paths of the distribution API. */
export const isRepositoryPath = (text: string): boolean =>
  text.length <= MAX_NAME && new RegExp(`^${remote}$`).test(text);

function splitDomain(name: string): { domain: string; rest: string } {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const isDefault = slash === -1 || (!/[.:]/.test(first) && first !== 'localhost' && first.toLowerCase() === first);
  let domain = isDefault ? DEFAULT_DOMAIN : first;
  let rest = isDefault ? name : name.slice(slash + 1);
  if (domain === LEGACY_DOMAIN) domain = DEFAULT_DOMAIN;
  if (domain === DEFAULT_DOMAIN && !rest.includes('/')) rest = OFFICIAL + rest;
  return { domain, rest };
}

/** Parses and normalizes a name as a person writes it; throws `invalid` with Docker's messages. */
export function parseReference(text: string): Reference {
  if (IDENTIFIER.test(text))
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  if (text === '' || text.length > MAX_REFERENCE) throw invalid('invalid reference format');
  const { domain, rest } = splitDomain(text);
  const path = rest.split(':', 1)[0]!;
  if (path.toLowerCase() !== path)
    throw invalid(`invalid reference format: repository name (${path}) must be lowercase`);
  const match = REFERENCE.exec(`${domain}/${rest}`);
  if (!match?.[1]) throw invalid('invalid reference format');
  if (match[2]!.length > MAX_NAME) throw invalid('repository name must not be more than 255 characters');
  return make(match[1], match[2]!, match[3], match[4] === undefined ? undefined : parseDigest(match[4]));
}

/** As parseReference, or undefined for text that is no reference. */
export function tryParseReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (isKind(error, 'invalid')) return undefined;
    throw error;
  }
}

const make = (domain: string, path: string, tag?: string, digest?: Digest): Reference => ({
  domain,
  path,
  ...(tag === undefined ? {} : { tag }),
  ...(digest === undefined ? {} : { digest }),
});

/** An image ID (64 hex, with or without `sha256:`) or a name: what most API calls take. */
export function parseAnyReference(text: string): { id: Digest } | { reference: Reference } {
  if (IDENTIFIER.test(text)) return { id: `sha256:${text}` as Digest };
  if (isDigest(text)) return { id: text };
  return { reference: parseReference(text) };
}

/** `docker.io/library/busybox`. */
export const repositoryName = (r: Reference): string => `${r.domain}/${r.path}`;

/** The short form that people see: `busybox`, `user/app`, `localhost:5000/app`. */
export function familiarName(r: Reference): string {
  if (r.domain !== DEFAULT_DOMAIN) return `${r.domain}/${r.path}`;
  const rest = r.path.slice(OFFICIAL.length);
  return r.path.startsWith(OFFICIAL) && !rest.includes('/') ? rest : r.path;
}

const suffix = (r: Reference): string => (r.tag ? `:${r.tag}` : '') + (r.digest ? `@${r.digest}` : '');
/** familiarName with tag and digest. */
export const familiarString = (r: Reference): string => familiarName(r) + suffix(r);
/** The full form: `docker.io/library/busybox:latest`. Parses back to the same reference. */
export const canonicalString = (r: Reference): string => repositoryName(r) + suffix(r);

export const withTag = (r: Reference, tag: string): Reference => {
  if (!isTag(tag)) throw invalid('invalid tag format');
  return make(r.domain, r.path, tag, r.digest);
};
export const withDigest = (r: Reference, digest: Digest): Reference => make(r.domain, r.path, r.tag, digest);
/** Adds `latest` to a bare name. */
export const withDefaultTag = (r: Reference): Reference => (r.tag || r.digest ? r : withTag(r, DEFAULT_TAG));
/** Without tag and digest. */
export const bareName = (r: Reference): Reference => make(r.domain, r.path);

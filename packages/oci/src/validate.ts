import { invalid } from '@corten/errors';
import { isDigest } from './digest.ts';
import { isIndexType, isManifestType, isSchema1Type } from './media-types.ts';
import type { Descriptor, DiffId, Digest, ImageConfig, Index, Manifest } from './types.ts';

type Json = Record<string, unknown>;
const MAX_LAYERS = 1000;
const MAX_INDEX_ENTRIES = 10_000;

const fail = (where: string, why: string): never => {
  throw invalid(`${where}: ${why}`);
};
const object = (value: unknown, where: string): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Json)
    : fail(where, 'must be an object');
const array = (value: unknown, where: string, limit: number): unknown[] => {
  if (!Array.isArray(value)) return fail(where, 'must be an array');
  return value.length > limit ? fail(where, `has more than ${limit} entries`) : value;
};
const string = (value: unknown, where: string): string =>
  typeof value === 'string' ? value : fail(where, 'must be a string');
const optionalString = (value: unknown, where: string): void => {
  if (value !== undefined && value !== null) string(value, where);
};
const digest = (value: unknown, where: string): Digest =>
  isDigest(value) ? value : fail(where, 'must be a sha256 digest');

/** JSON text to a value; `invalid` naming what was read. */
export function parseJson(bytes: Uint8Array | string, what: string): unknown {
  try {
    return JSON.parse(typeof bytes === 'string' ? bytes : new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalid(`${what}: not valid JSON`, error);
  }
}

function stringMap(value: unknown, where: string): void {
  if (value === undefined || value === null) return;
  for (const [key, v] of Object.entries(object(value, where))) string(v, `${where}.${key}`);
}

/** Checks a descriptor (OCI image-spec, descriptor.md) and returns it. */
export function parseDescriptor(value: unknown, where = 'descriptor'): Descriptor {
  const d = object(value, where);
  string(d['mediaType'], `${where}.mediaType`);
  digest(d['digest'], `${where}.digest`);
  const size = d['size'];
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    fail(`${where}.size`, 'must be a whole number of bytes');
  if (d['urls'] !== undefined && d['urls'] !== null)
    array(d['urls'], `${where}.urls`, 100).forEach((u, i) => void string(u, `${where}.urls[${i}]`));
  stringMap(d['annotations'], `${where}.annotations`);
  if (d['platform'] !== undefined) parsePlatformObject(d['platform'], `${where}.platform`);
  return d as unknown as Descriptor;
}

function parsePlatformObject(value: unknown, where: string): void {
  const p = object(value, where);
  string(p['architecture'], `${where}.architecture`);
  string(p['os'], `${where}.os`);
  optionalString(p['variant'], `${where}.variant`);
}

function checkSchema(m: Json, what: string, contentType: string | undefined): void {
  const type = typeof m['mediaType'] === 'string' ? m['mediaType'] : contentType;
  if (m['schemaVersion'] === 1 || (type !== undefined && isSchema1Type(type)))
    throw invalid(
      `${what}: Docker image manifest version 2, schema 1 is not supported: it has no digest of the image config and no layer sizes; push the image again with a current tool`,
    );
  if (m['schemaVersion'] !== 2) fail(`${what}.schemaVersion`, 'must be 2');
  optionalString(m['mediaType'], `${what}.mediaType`);
  if (
    typeof m['mediaType'] === 'string' &&
    contentType !== undefined &&
    known(contentType) &&
    m['mediaType'] !== contentType
  )
    fail(`${what}.mediaType`, `"${m['mediaType']}" does not agree with the content type "${contentType}"`);
}
const known = (type: string): boolean => isManifestType(type) || isIndexType(type);

/** Checks an image manifest. `contentType` is what the registry said it is. */
export function parseManifest(value: unknown, contentType?: string): Manifest {
  const m = object(value, 'manifest');
  checkSchema(m, 'manifest', contentType);
  if ('manifests' in m) fail('manifest', 'has a "manifests" field: it is an index');
  if (typeof m['mediaType'] === 'string' && isIndexType(m['mediaType'])) fail('manifest.mediaType', 'names an index');
  parseDescriptor(m['config'], 'manifest.config');
  array(m['layers'], 'manifest.layers', MAX_LAYERS).forEach((l, i) => void parseDescriptor(l, `manifest.layers[${i}]`));
  if (m['subject'] !== undefined && m['subject'] !== null) parseDescriptor(m['subject'], 'manifest.subject');
  optionalString(m['artifactType'], 'manifest.artifactType');
  stringMap(m['annotations'], 'manifest.annotations');
  return m as unknown as Manifest;
}

/** Checks an index or manifest list. */
export function parseIndex(value: unknown, contentType?: string): Index {
  const m = object(value, 'index');
  checkSchema(m, 'index', contentType);
  if ('layers' in m || 'config' in m) fail('index', 'has a "layers" or "config" field: it is a manifest');
  if (typeof m['mediaType'] === 'string' && isManifestType(m['mediaType'])) fail('index.mediaType', 'names a manifest');
  array(m['manifests'], 'index.manifests', MAX_INDEX_ENTRIES).forEach(
    (d, i) => void parseDescriptor(d, `index.manifests[${i}]`),
  );
  if (m['subject'] !== undefined && m['subject'] !== null) parseDescriptor(m['subject'], 'index.subject');
  stringMap(m['annotations'], 'index.annotations');
  return m as unknown as Index;
}

const STRING_LISTS = ['Env', 'Entrypoint', 'Cmd', 'OnBuild', 'Shell'];
const STRINGS = ['User', 'WorkingDir', 'StopSignal'];
const SETS = ['ExposedPorts', 'Volumes'];

/** Checks the run configuration inside an image config; nulls (which Docker writes) are dropped from a copy. */
function runConfig(value: unknown, where: string): Json {
  const config = Object.fromEntries(Object.entries(object(value, where)).filter(([, v]) => v !== null));
  for (const key of STRING_LISTS)
    if (config[key] !== undefined)
      array(config[key], `${where}.${key}`, 100_000).forEach((s, i) => void string(s, `${where}.${key}[${i}]`));
  for (const key of STRINGS) optionalString(config[key], `${where}.${key}`);
  for (const key of SETS) if (config[key] !== undefined) object(config[key], `${where}.${key}`);
  stringMap(config['Labels'], `${where}.Labels`);
  if (config['Healthcheck'] !== undefined) object(config['Healthcheck'], `${where}.Healthcheck`);
  return config;
}

/** Checks an image config (OCI image-spec, config.md). Its ID is the digest of the original bytes, not of this value. */
export function parseImageConfig(value: unknown): ImageConfig {
  const c = object(value, 'image config');
  if (c['rootfs'] === undefined)
    fail('image config.rootfs', 'is missing: not an image that can be run (or one of the format before Docker 1.10)');
  const rootfs = object(c['rootfs'], 'image config.rootfs');
  if (rootfs['type'] !== 'layers') fail('image config.rootfs.type', 'must be "layers"');
  const diffIds = array(rootfs['diff_ids'] ?? [], 'image config.rootfs.diff_ids', MAX_LAYERS).map(
    (d, i): DiffId => digest(d, `image config.rootfs.diff_ids[${i}]`),
  );
  for (const key of ['architecture', 'os', 'variant', 'created', 'author', 'docker_version'])
    optionalString(c[key], `image config.${key}`);
  const history = array(c['history'] ?? [], 'image config.history', 10 * MAX_LAYERS).map((h, i) =>
    object(h, `image config.history[${i}]`),
  );
  const layers = history.filter((h) => h['empty_layer'] !== true).length;
  if (layers > diffIds.length) fail('image config.history', `speaks of ${layers} layers, rootfs has ${diffIds.length}`);
  const { config, ...rest } = c;
  return {
    ...rest,
    architecture: (c['architecture'] as string | undefined) ?? '',
    os: (c['os'] as string | undefined) || 'linux',
    ...(config === undefined || config === null ? {} : { config: runConfig(config, 'image config.config') }),
    rootfs: { type: 'layers', diff_ids: diffIds },
    history,
  } as unknown as ImageConfig;
}

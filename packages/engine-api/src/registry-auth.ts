import { AuthSchema, parse } from '@corten/api-types';
import { invalid } from '@corten/errors';
import type { RegistryAuth } from '@corten/images';
import { parseJson } from './exchange.ts';

/** X-Registry-Auth: base64url of an AuthConfig. An empty or absent header means anonymous. */
export function registryAuth(header: string | undefined): RegistryAuth | undefined {
  const value = decode(header);
  if (value === undefined) return undefined;
  const auth = parse(AuthSchema, value, 'invalid X-Registry-Auth header');
  return Object.values(auth).some((v) => v !== '') ? auth : undefined;
}

/** X-Registry-Config: base64url of `{ "host": AuthConfig }`, for builds. */
export function registryConfig(header: string | undefined): Record<string, RegistryAuth> {
  const value = decode(header);
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).map(([host, auth]) => [host, parse(AuthSchema, auth, 'invalid X-Registry-Config header')]),
  );
}

function decode(header: string | undefined): unknown {
  if (!header) return undefined;
  const text = Buffer.from(header, 'base64url').toString('utf8');
  if (text.trim() === '') return undefined;
  try {
    return parseJson(text) ?? undefined;
  } catch (error) {
    throw invalid(`invalid X-Registry-Auth header: ${(error as Error).message}`, error);
  }
}

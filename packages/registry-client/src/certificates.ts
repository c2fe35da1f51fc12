import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { codeOf } from '@corten/errors';

const CERTS_D = '/etc/docker/certs.d';

/**
 * Certificate authorities for a registry from `<directory>/<host:port>/*.crt`, as for Docker, together with Node's own;
 * undefined when there are none, so that the defaults hold.
 */
export function registryAuthorities(host: string, directory = CERTS_D): (string | Buffer)[] | undefined {
  if (!/^[A-Za-z0-9.:[\]-]+$/.test(host) || host.includes('..')) return undefined; // never a path
  let names: string[];
  try {
    names = readdirSync(join(directory, host)).filter((n) => n.endsWith('.crt'));
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
  if (names.length === 0) return undefined;
  return [...rootCertificates, ...names.map((n) => readFileSync(join(directory, host, n)))];
}

import { spawnSync } from 'node:child_process';
import { CliError } from '../cli/errors.ts';
import type { ClientConfig } from './config.ts';

/** What the engine wants in X-Registry-Auth. */
export interface AuthConfig {
  username?: string;
  password?: string;
  identitytoken?: string;
  serveraddress: string;
}

export const HUB = 'https://index.docker.io/v1/';

/** The registry of an image name: what stands before the first slash when it looks like a host. */
export function registryOf(image: string): string {
  const first = image.split('/')[0]!;
  if (!image.includes('/') || !(first.includes('.') || first.includes(':') || first === 'localhost')) return HUB;
  return first === 'docker.io' || first === 'index.docker.io' ? HUB : first;
}

/** Credentials for a registry from the helper that config.json names or from its `auths`. */
export function credentialsFor(config: ClientConfig, registry: string): AuthConfig {
  const helper = config.file.credHelpers?.[registry] ?? config.file.credsStore;
  if (helper) {
    const answer = runHelper(helper, 'get', registry);
    if (answer === undefined) return { serveraddress: registry };
    const { Username, Secret } = JSON.parse(answer) as { Username: string; Secret: string };
    return Username === '<token>'
      ? { identitytoken: Secret, serveraddress: registry }
      : { username: Username, password: Secret, serveraddress: registry };
  }
  const auths = config.file.auths ?? {};
  const entry = auths[registry] ?? auths[`https://${registry}`] ?? auths[`http://${registry}`];
  const [username, ...password] = Buffer.from(entry?.auth ?? '', 'base64')
    .toString()
    .replace(/\0+$/, '')
    .split(':');
  return {
    ...(username ? { username, password: password.join(':') } : {}),
    ...(entry?.identitytoken ? { identitytoken: entry.identitytoken } : {}),
    serveraddress: registry,
  };
}

/** All known credentials, as a build sends them. */
export function allCredentials(config: ClientConfig): Record<string, AuthConfig> {
  const all: Record<string, AuthConfig> = {};
  for (const registry of [...Object.keys(config.file.auths ?? {}), ...Object.keys(config.file.credHelpers ?? {})])
    all[registry] = credentialsFor(config, registry);
  return all;
}

export const encodeAuth = (auth: unknown): string => Buffer.from(JSON.stringify(auth)).toString('base64url');

/** Speaks to docker-credential-NAME; undefined when it knows nothing of the registry. */
export function runHelper(name: string, verb: 'get' | 'store' | 'erase', input: string): string | undefined {
  const program = `docker-credential-${name}`;
  const result = spawnSync(program, [verb], { input, encoding: 'utf8' });
  if (result.error) throw new CliError(`error getting credentials: ${program}: ${result.error.message}`);
  if (result.status === 0) return result.stdout;
  const said = (result.stdout || result.stderr).trim();
  if (said === 'credentials not found in native keychain') return undefined;
  throw new CliError(`error getting credentials - err: exit status ${result.status}, out: \`${said}\``);
}

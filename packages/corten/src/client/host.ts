import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CliError } from '../cli/errors.ts';

/** Where the engine listens. */
export interface Host {
  /** As the user wrote it, for messages. */
  readonly url: string;
  readonly socketPath?: string;
  readonly hostname?: string;
  readonly port?: number;
  readonly basePath: string;
  readonly tls?: { ca?: Buffer; cert?: Buffer; key?: Buffer; rejectUnauthorized: boolean };
}

export interface TlsFlags {
  tls: boolean;
  tlsverify: boolean;
  tlscacert: string;
  tlscert: string;
  tlskey: string;
}

export const DEFAULT_HOST = 'unix:///run/corten.sock';

/** `-H`, else CORTEN_HOST, else DOCKER_HOST, else the default socket. */
export const chosenHost = (flag: readonly string[], env: NodeJS.ProcessEnv = process.env): string => {
  if (flag.length > 1) throw new CliError('Specify only one -H');
  return flag[0] || env.CORTEN_HOST || env.DOCKER_HOST || DEFAULT_HOST;
};

export function parseHost(text: string, tls?: TlsFlags, certificates = ''): Host {
  const match = /^([a-z]+):\/\/(.*)$/.exec(text.includes('://') ? text : `tcp://${text}`);
  const wrong = () => new CliError(`unable to parse docker host \`${text}\``);
  if (!match) throw wrong();
  const [, scheme, rest] = match;
  if (scheme === 'unix') {
    if (!rest) throw wrong();
    return { url: text, socketPath: rest, basePath: '' };
  }
  if (scheme === 'ssh')
    throw new CliError(`host ${text}: ssh:// is not supported by corten; forward the socket with ssh -L instead`);
  if (scheme !== 'tcp' && scheme !== 'http' && scheme !== 'https') throw wrong();
  const secure = scheme === 'https' || tls?.tls || tls?.tlsverify || false;
  const url = URL.canParse(`http://${rest}`) ? new URL(`http://${rest}`) : undefined;
  if (!url?.hostname) throw wrong();
  const read = (flag: string | undefined, name: string): Buffer | undefined => {
    const path = flag || (certificates ? join(certificates, name) : '');
    if (!path) return undefined;
    try {
      return readFileSync(path);
    } catch (error) {
      if (flag) throw new CliError(`could not read ${path}: ${(error as Error).message}`);
      return undefined;
    }
  };
  return {
    url: text,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (secure ? 2376 : 2375)),
    basePath: url.pathname === '/' ? '' : url.pathname,
    tls: secure
      ? {
          ca: tls?.tlsverify ? read(tls.tlscacert, 'ca.pem') : undefined,
          cert: read(tls?.tlscert, 'cert.pem'),
          key: read(tls?.tlskey, 'key.pem'),
          rejectUnauthorized: tls?.tlsverify ?? scheme === 'https',
        }
      : undefined,
  };
}

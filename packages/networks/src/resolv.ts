import { readFileSync } from 'node:fs';
import { codeOf } from '@corten/errors';

const FALLBACK = ['8.8.8.8', '8.8.4.4'];
const isLoopback = (server: string): boolean => server.startsWith('127.') || server === '::1';

/** A container's resolv.conf: the host's, without servers that only the host reaches, and what was asked for instead. */
export function resolvConf(asked: { servers: string[]; search: string[]; options: string[] }): string {
  const lines = hostResolvConf()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const host = (keyword: string) => lines.filter(([k]) => k === keyword).flatMap(([, ...values]) => values);
  let servers = asked.servers.length > 0 ? asked.servers : host('nameserver').filter((s) => !isLoopback(s));
  if (servers.length === 0) servers = FALLBACK;
  const search = asked.search.length > 0 ? asked.search.filter((s) => s !== '.') : host('search');
  const options = asked.options.length > 0 ? asked.options : host('options');
  return [
    ...servers.map((server) => `nameserver ${server}`),
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
    '',
  ].join('\n');
}

/** systemd-resolved's stub file names only 127.0.0.53; the servers behind it stand in another file. */
function hostResolvConf(): string {
  const read = (path: string) => {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return '';
      throw error;
    }
  };
  const text = read('/etc/resolv.conf');
  return /^nameserver\s+127\.0\.0\.53\s*$/m.test(text) ? read('/run/systemd/resolve/resolv.conf') || text : text;
}

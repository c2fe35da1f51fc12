import { isIP } from 'node:net';
import { CliError } from '../cli/errors.ts';
import { splitCsv } from '../cli/flag-types.ts';

export interface PortBinding {
  HostIp: string;
  HostPort: string;
}
export type PortMap = Record<string, PortBinding[]>;

const PROTOCOLS = ['tcp', 'udp', 'sctp'];

/** `80`, `8080:80`, `127.0.0.1::80`, `[::1]:8080:80`, ranges, `/udp`, or `target=80,published=8080`. */
export function parsePublish(specs: readonly string[]): { exposed: Record<string, object>; bindings: PortMap } {
  const exposed: Record<string, object> = {};
  const bindings: PortMap = {};
  for (const spec of specs.map(longForm)) {
    const { ip, host, container, protocol } = splitSpec(spec);
    const inside = range(container, 'containerPort');
    const outside = host === '' ? undefined : range(host, 'hostPort');
    const count = inside.last - inside.first;
    if (outside && outside.last - outside.first !== count && count > 0)
      throw new CliError(`invalid ranges specified for container and host Ports: ${container} and ${host}`);
    for (let i = 0; i <= count; i++) {
      const key = `${inside.first + i}/${protocol}`;
      const wide = outside && count === 0 && outside.last !== outside.first;
      const port = !outside ? '' : wide ? `${outside.first}-${outside.last}` : String(outside.first + i);
      exposed[key] = {};
      bindings[key] = [...(bindings[key] ?? []), { HostIp: ip, HostPort: port }];
    }
  }
  return { exposed, bindings };
}

/** `--expose 80`, `80-90/udp`. */
export function parseExpose(specs: readonly string[]): Record<string, object> {
  const exposed: Record<string, object> = {};
  for (const spec of specs) {
    if (spec.includes(':')) throw new CliError(`invalid port format for --expose: ${spec}`);
    const [ports, protocol = 'tcp'] = spec.split('/');
    let span: { first: number; last: number };
    try {
      span = range(ports!, 'port');
    } catch (error) {
      throw new CliError(`invalid range format for --expose: ${spec}, error: ${(error as Error).message}`);
    }
    for (let port = span.first; port <= span.last; port++) exposed[`${port}/${protocol.toLowerCase()}`] = {};
  }
  return exposed;
}

function splitSpec(spec: string): { ip: string; host: string; container: string; protocol: string } {
  const match = /^(?:(?:\[([^\]]*)\]|([^:]*(?::[^:]*:[^:]*)*)):)??(?:([^:]*):)?([^:]*)$/.exec(spec);
  const [, bracketed, plain, host = '', tail = ''] = match ?? [];
  const [container = '', protocol = 'tcp'] = tail.split('/');
  const ip = bracketed ?? plain ?? '';
  if (!match) throw new CliError(`invalid port specification: ${JSON.stringify(spec)}`);
  if (container === '') throw new CliError(`no port specified: ${spec}<empty>`);
  if (!PROTOCOLS.includes(protocol.toLowerCase())) throw new CliError(`invalid proto: ${protocol}`);
  if (ip !== '' && isIP(ip) === 0) throw new CliError(`invalid IP address: ${ip}`);
  return { ip, host, container, protocol: protocol.toLowerCase() };
}

function range(text: string, what: string): { first: number; last: number } {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (!match || first > 65535 || last > 65535 || last < first) throw new CliError(`invalid ${what}: ${text}`);
  return { first, last };
}

/** `target=80,published=8080,protocol=udp` in short form. */
function longForm(spec: string): string {
  if (!spec.includes('=')) return spec;
  const fields = Object.fromEntries(splitCsv(spec).map((part) => part.split('=', 2) as [string, string]));
  const { target, published = '', protocol = 'tcp', mode = 'ingress', ...others } = fields;
  const [unknown] = Object.keys(others);
  if (unknown) throw new CliError(`invalid field key: ${unknown}`);
  if (mode !== 'ingress' && mode !== 'host') throw new CliError(`invalid publish mode: ${mode}`);
  if (!target) throw new CliError(`invalid port specification: ${JSON.stringify(spec)}: target is required`);
  return `${published}:${target}/${protocol}`;
}

export interface PortSummary {
  IP?: string;
  PrivatePort: number;
  PublicPort?: number;
  Type: string;
}

const order = (a: PortSummary, b: PortSummary): number =>
  a.PrivatePort - b.PrivatePort ||
  compare(a.IP ?? '', b.IP ?? '') ||
  (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
  compare(a.Type, b.Type);
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const withPort = (ip: string, port: string | number): string => `${ip.includes(':') ? `[${ip}]` : ip}:${port}`;

/** The PORTS column: neighbours become ranges (`80-81/tcp`), published ones show where (`0.0.0.0:8080->80/tcp`). */
export function displayPorts(ports: readonly PortSummary[]): string {
  const groups = new Map<string, { ip?: string; type: string; first: number; last: number }>();
  const done: string[] = [];
  const published: string[] = [];
  const show = (g: { ip?: string; type: string; first: number; last: number }) => {
    const range = g.first === g.last ? `${g.first}` : `${g.first}-${g.last}`;
    return `${g.ip ? `${withPort(g.ip, range)}->${range}` : range}/${g.type}`;
  };
  for (const port of [...ports].sort(order)) {
    if (port.IP && port.PublicPort !== port.PrivatePort) {
      published.push(`${withPort(port.IP, port.PublicPort ?? 0)}->${port.PrivatePort}/${port.Type}`);
      continue;
    }
    const key = `${port.IP ?? ''}/${port.Type}`;
    const group = groups.get(key);
    if (group && port.PrivatePort === group.last + 1) {
      group.last++;
      continue;
    }
    if (group) done.push(show(group));
    groups.set(key, { ip: port.IP, type: port.Type, first: port.PrivatePort, last: port.PrivatePort });
  }
  return [...done, ...[...groups.values()].map(show), ...published].join(', ');
}

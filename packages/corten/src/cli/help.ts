import type { Command } from './command.ts';
import type { Flags } from './flag-types.ts';
import { type Entry, entries, groupSummary } from './table.ts';

const COMMON = ['run', 'exec', 'ps', 'build', 'pull', 'push', 'images', 'login', 'logout', 'version', 'info', 'doctor'];

const columns = (rows: readonly (readonly [string, string])[], gap = 2): string => {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width + gap)}${text}\n`).join('');
};

/** `corten --help`. */
export function rootHelp(flags: Flags, groups: Readonly<Record<string, string>>): string {
  const top = new Map(
    entries.flatMap((e) => e.names.filter((n) => !n.includes(' ')).map((n) => [n, e.summary] as const)),
  );
  const others = [...top].filter(([name]) => !COMMON.includes(name)).sort(([a], [b]) => (a < b ? -1 : 1));
  return `Usage:  corten [OPTIONS] COMMAND

Build, ship and run any app, anywhere

Common Commands:
${columns(COMMON.map((name) => [name, top.get(name)!]))}
Management Commands:
${columns(Object.entries(groups))}
Commands:
${columns(others)}
Global Options:
${flagHelp(flags)}
Run 'corten COMMAND --help' for more information on a command.
`;
}

/** `corten container --help`. */
export function groupHelp(group: string): string {
  const own = entries
    .filter((e) => e.names.some((n) => n.startsWith(`${group} `)))
    .map((e) => [e.names.find((n) => n.startsWith(`${group} `))!.split(' ')[1]!, e.summary] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `Usage:  corten ${group} COMMAND

${groupSummary[group]}

Commands:
${columns(own)}
Run 'corten ${group} COMMAND --help' for more information on a command.
`;
}

/** `corten run --help`. */
export function commandHelp(entry: Entry, name: string, command: Command): string {
  const aliases = entry.names.length > 1 ? `\nAliases:\n  ${entry.names.map((n) => `corten ${n}`).join(', ')}\n` : '';
  const options = Object.values(command.flags).some((f) => !f.hidden) ? `\nOptions:\n${flagHelp(command.flags)}` : '';
  return `Usage:  corten ${name} ${command.usage}\n\n${entry.summary}\n${aliases}${options}`;
}

function flagHelp(flags: Flags): string {
  const rows = Object.entries(flags)
    .filter(([, flag]) => !flag.hidden)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, flag]) => {
      const left = `${flag.short ? `-${flag.short}, ` : '    '}--${name}${flag.kind ? ` ${flag.kind}` : ''}`;
      return [left, flag.help + shownDefault(flag.initial)] as const;
    });
  return columns(rows, 3);
}

const shownDefault = (value: unknown): string => {
  if (typeof value === 'string' && value) return ` (default ${JSON.stringify(value)})`;
  return (typeof value === 'number' && value !== 0) || value === true ? ` (default ${value})` : '';
};

/** Docker's commands that Corten does not have, with the reason. */
export function notHere(name: string): string | undefined {
  const later = [
    'checkpoint',
    'config',
    'context',
    'manifest',
    'node',
    'plugin',
    'search',
    'secret',
    'service',
    'stack',
    'swarm',
    'trust',
    'compose',
    'buildx',
  ];
  return later.includes(name) ? `'${name}' is not supported by corten` : undefined;
}

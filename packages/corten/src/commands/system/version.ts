import { command, none } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { string } from '../../cli/flag-types.ts';
import { goJson } from '../../output/json-text.ts';
import { compileFormat } from '../../output/listing.ts';
import { API_VERSION, built, commit, version as ownVersion } from '../../version.ts';

interface ServerVersion {
  Platform?: { Name: string };
  Version: string;
  ApiVersion: string;
  MinAPIVersion?: string;
  GoVersion?: string;
  GitCommit?: string;
  BuildTime?: string;
  Os: string;
  Arch: string;
  KernelVersion?: string;
  Experimental?: boolean;
  Components?: { Name: string; Version: string; Details?: Record<string, string> | null }[];
}

const ARCH: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

export const version = command({
  usage: '[OPTIONS]',
  arity: none,
  flags: { format: string('f', 'Format output using "json" or a Go template') },
  async run(context, { flags }) {
    let server: ServerVersion | null = null;
    let problem: CliError | undefined;
    try {
      server = await context.engine.get<ServerVersion>('/version');
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      problem = error;
    }
    const client = {
      Platform: { Name: 'Corten' },
      Version: ownVersion,
      ApiVersion: server ? lower(server.ApiVersion, API_VERSION) : API_VERSION,
      DefaultAPIVersion: API_VERSION,
      GitCommit: commit,
      GoVersion: `node ${process.version}`,
      Os: process.platform,
      Arch: ARCH[process.arch] ?? process.arch,
      BuildTime: built,
      Context: 'default',
    };
    const data = { Client: client, Server: server };
    if (flags.format === 'json') context.print(goJson(data));
    else if (flags.format)
      context.print(compileFormat(flags.format)({ Client: named(client), Server: server && named(server) }));
    else context.stdout.write(page(client, server));
    if (problem) throw problem;
  },
});

/** Templates name the field as Docker's programs do, JSON as the API does. */
const named = <T extends { ApiVersion: string }>(part: T) => ({ ...part, APIVersion: part.ApiVersion });

/** The older of two API versions. */
export function lower(a: string, b: string): string {
  const minor = (v: string) => Number(v.split('.')[1]);
  return minor(a) < minor(b) ? a : b;
}

const block = (rows: readonly (readonly [string, string | undefined])[], indent: string): string =>
  rows.map(([name, value]) => `${indent}${`${name}:`.padEnd(19 - indent.length)}${value ?? ''}\n`).join('');

function page(client: Record<string, unknown>, server: ServerVersion | null): string {
  const api =
    client.ApiVersion === client.DefaultAPIVersion
      ? client.ApiVersion
      : `${client.ApiVersion} (downgraded from ${client.DefaultAPIVersion})`;
  let out = `Client: Corten\n${block(
    [
      ['Version', String(client.Version)],
      ['API version', String(api)],
      ['Node version', process.version],
      ['Git commit', String(client.GitCommit)],
      ['Built', String(client.BuildTime)],
      ['OS/Arch', `${client.Os}/${client.Arch}`],
      ['Context', 'default'],
    ],
    ' ',
  )}`;
  if (!server) return out;
  out += `\nServer:${server.Platform?.Name ? ` ${server.Platform.Name}` : ''}\n`;
  const components = server.Components ?? [{ Name: 'Engine', Version: server.Version, Details: {} }];
  for (const { Name, Version, Details } of components) {
    out += ` ${Name}:\n`;
    const own = Details ?? {};
    if (Name !== 'Engine') {
      out += block([['Version', Version], ...Object.entries(own)], '  ');
      continue;
    }
    out += block(
      [
        ['Version', Version],
        [
          'API version',
          `${own.ApiVersion ?? server.ApiVersion} (minimum version ${own.MinAPIVersion ?? server.MinAPIVersion})`,
        ],
        [
          (own.GoVersion ?? server.GoVersion)?.startsWith('go') === false ? 'Node version' : 'Go version',
          own.GoVersion ?? server.GoVersion,
        ],
        ['Git commit', own.GitCommit ?? server.GitCommit],
        ['Built', own.BuildTime ?? server.BuildTime],
        ['OS/Arch', `${own.Os ?? server.Os}/${own.Arch ?? server.Arch}`],
        ['Experimental', own.Experimental ?? String(server.Experimental ?? false)],
      ],
      '  ',
    );
  }
  return out;
}

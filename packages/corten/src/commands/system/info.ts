import { command, none } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { string } from '../../cli/flag-types.ts';
import { bytesSize } from '../../output/human.ts';
import { goJson } from '../../output/json-text.ts';
import { compileFormat } from '../../output/listing.ts';
import { version } from '../../version.ts';

interface Info {
  Containers: number;
  ContainersRunning: number;
  ContainersPaused: number;
  ContainersStopped: number;
  Images: number;
  ServerVersion: string;
  Driver: string;
  DriverStatus?: [string, string][] | null;
  LoggingDriver: string;
  CgroupDriver: string;
  CgroupVersion?: string;
  Plugins: Record<string, string[] | null>;
  Swarm?: { LocalNodeState?: string };
  Runtimes?: Record<string, unknown>;
  DefaultRuntime?: string;
  InitBinary?: string;
  ContainerdCommit?: { ID: string };
  RuncCommit?: { ID: string };
  InitCommit?: { ID: string };
  SecurityOptions?: string[] | null;
  KernelVersion: string;
  OperatingSystem: string;
  OSType: string;
  Architecture: string;
  NCPU: number;
  MemTotal: number;
  Name: string;
  ID: string;
  DockerRootDir: string;
  Debug: boolean;
  Experimental?: boolean;
  Labels?: string[] | null;
  RegistryConfig?: {
    InsecureRegistryCIDRs?: string[] | null;
    IndexConfigs?: Record<string, { Secure: boolean }>;
    Mirrors?: string[] | null;
  };
  LiveRestoreEnabled: boolean;
  Warnings?: string[] | null;
  [key: string]: unknown;
}

export const info = command({
  usage: '[OPTIONS]',
  arity: none,
  flags: { format: string('f', 'Format output using "json" or a Go template') },
  async run(context, { flags }) {
    const client = { Debug: false, Version: version, Context: 'default', Plugins: [], Warnings: null };
    let found: Info;
    try {
      found = await context.engine.get<Info>('/info');
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      if (flags.format === 'json') context.print(goJson({ ServerErrors: [error.message], ClientInfo: client }));
      else if (!flags.format) context.stdout.write(`${clientBlock}\nServer:\nERROR: ${error.message}\n`);
      else throw error;
      throw new CliError('errors pretty printing info');
    }
    const data = { ...found, ClientInfo: client };
    if (flags.format === 'json') context.print(goJson(data));
    else if (flags.format)
      context.print(
        compileFormat(flags.format, {
          missing: { type: 'system.dockerInfo' },
          optional: new Set(['ServerErrors', 'Swarm', 'Labels']),
        })(data),
      );
    else {
      context.stdout.write(`${clientBlock}\n${serverBlock(found)}`);
      for (const warning of found.Warnings ?? []) context.warn(warning);
    }
  },
});

const clientBlock = `Client: Corten
 Version:    ${version}
 Context:    default
 Debug Mode: false
`;

function serverBlock(i: Info): string {
  const lines: string[] = ['Server:'];
  const add = (depth: number, name: string, value: unknown) => lines.push(`${' '.repeat(depth)}${name}: ${value}`);
  const addAll = (depth: number, name: string, values: readonly string[] | null | undefined) => {
    if (!values?.length) return;
    lines.push(`${' '.repeat(depth)}${name}:`);
    for (const value of values) lines.push(`${' '.repeat(depth + 1)}${value}`);
  };
  add(1, 'Containers', i.Containers);
  add(2, 'Running', i.ContainersRunning);
  add(2, 'Paused', i.ContainersPaused);
  add(2, 'Stopped', i.ContainersStopped);
  add(1, 'Images', i.Images);
  add(1, 'Server Version', i.ServerVersion);
  add(1, 'Storage Driver', i.Driver);
  for (const [name, value] of i.DriverStatus ?? []) add(2, name, value);
  add(1, 'Logging Driver', i.LoggingDriver);
  add(1, 'Cgroup Driver', i.CgroupDriver);
  if (i.CgroupVersion) add(1, 'Cgroup Version', i.CgroupVersion);
  lines.push(' Plugins:');
  for (const kind of ['Volume', 'Network', 'Log', 'Authorization'] as const)
    if (i.Plugins[kind]?.length) add(2, kind, i.Plugins[kind]!.join(' '));
  add(1, 'Swarm', i.Swarm?.LocalNodeState ?? 'inactive');
  add(1, 'Runtimes', Object.keys(i.Runtimes ?? {}).join(' '));
  add(1, 'Default Runtime', i.DefaultRuntime ?? '');
  add(1, 'Init Binary', i.InitBinary ?? '');
  add(1, 'containerd version', i.ContainerdCommit?.ID ?? '');
  add(1, 'runc version', i.RuncCommit?.ID ?? '');
  add(1, 'init version', i.InitCommit?.ID ?? '');
  if (i.SecurityOptions?.length) {
    lines.push(' Security Options:');
    for (const option of i.SecurityOptions) {
      const fields = option.split(',').map((f) => f.split('=') as [string, string]);
      lines.push(`  ${fields.find(([k]) => k === 'name')?.[1] ?? option}`);
      for (const [key, value] of fields)
        if (key !== 'name') lines.push(`   ${key[0]!.toUpperCase()}${key.slice(1)}: ${value}`);
    }
  }
  add(1, 'Kernel Version', i.KernelVersion);
  add(1, 'Operating System', i.OperatingSystem);
  add(1, 'OSType', i.OSType);
  add(1, 'Architecture', i.Architecture);
  add(1, 'CPUs', i.NCPU);
  add(1, 'Total Memory', bytesSize(i.MemTotal));
  add(1, 'Name', i.Name);
  add(1, 'ID', i.ID);
  add(1, 'Docker Root Dir', i.DockerRootDir);
  add(1, 'Debug Mode', i.Debug);
  add(1, 'Experimental', i.Experimental ?? false);
  addAll(1, 'Labels', i.Labels);
  const secure = Object.entries(i.RegistryConfig?.IndexConfigs ?? {})
    .filter(([, c]) => !c.Secure)
    .map(([name]) => name);
  addAll(1, 'Insecure Registries', [...secure, ...(i.RegistryConfig?.InsecureRegistryCIDRs ?? [])]);
  addAll(1, 'Registry Mirrors', i.RegistryConfig?.Mirrors);
  add(1, 'Live Restore Enabled', i.LiveRestoreEnabled);
  return `${lines.join('\n')}\n\n`;
}

import { atLeast, between, command, exactly } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { containerPath } from './path.ts';
import { alignTop } from './top-table.ts';

export const top = command({
  usage: 'CONTAINER [ps OPTIONS]',
  arity: atLeast(1),
  flags: {},
  optionsFirst: true,
  async run(context, { args }) {
    const [name, ...options] = args;
    const table = await context.engine.get<{ Titles: string[]; Processes: string[][] | null }>(
      containerPath(name!, 'top'),
      {
        query: { ps_args: options.length > 0 ? options.join(' ') : undefined },
      },
    );
    context.stdout.write(alignTop([table.Titles, ...(table.Processes ?? [])]));
  },
});

type Ports = Record<string, { HostIp: string; HostPort: string }[] | null>;

export const port = command({
  usage: 'CONTAINER [PRIVATE_PORT[/PROTO]]',
  arity: between(1, 2),
  flags: {},
  async run(context, { args }) {
    const [name, wanted] = args;
    const found = await context.engine.get<{ NetworkSettings: { Ports: Ports | null } }>(containerPath(name!, 'json'));
    const ports = found.NetworkSettings.Ports ?? {};
    const address = ({ HostIp, HostPort }: { HostIp: string; HostPort: string }) =>
      `${HostIp.includes(':') ? `[${HostIp}]` : HostIp}:${HostPort}`;
    if (wanted === undefined) {
      const lines = Object.entries(ports).flatMap(([inside, outside]) =>
        (outside ?? []).map((b) => `${inside} -> ${address(b)}`),
      );
      for (const line of lines.sort(byNumber)) context.print(line);
      return;
    }
    const [number, protocol = 'tcp'] = wanted.split('/');
    if (!/^\d+$/.test(number!)) throw new CliError(`Error: invalid port (${number})`);
    const bindings = ports[`${Number(number)}/${protocol}`];
    if (!bindings?.length) throw new CliError(`Error: No public port '${wanted}' published for ${name}`);
    for (const binding of bindings) context.print(address(binding));
  },
});

const byNumber = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });

export const diff = command({
  usage: 'CONTAINER',
  arity: exactly(1),
  flags: {},
  async run(context, { args }) {
    const changes = await context.engine.get<{ Kind: 0 | 1 | 2; Path: string }[] | null>(
      containerPath(args[0]!, 'changes'),
    );
    for (const { Kind, Path } of changes ?? []) context.print(`${'CAD'[Kind]} ${Path}`);
  },
});

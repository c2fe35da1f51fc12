import type { Finding } from './examine.ts';
import { firstLine, which } from './probe.ts';

export async function programFindings(): Promise<Finding[]> {
  const [conmon, crun, runc, nft, ip, iptables, criu, tar] = await Promise.all(
    [
      ['conmon', '--version'],
      ['crun', '--version'],
      ['runc', '--version'],
      ['nft', '--version'],
      ['ip', '-V'],
      ['iptables', '--version'],
      ['criu', '--version'],
      ['tar', '--version'],
    ].map(async ([name, flag]) => {
      const path = which(name!);
      return path ? ((await firstLine(path, flag!)) ?? `${path} (does not tell its version)`) : undefined;
    }),
  );
  const need = (name: string, found: string | undefined, consequence: string): Finding =>
    found ? { name, state: 'ok', found } : { name, state: 'missing', found: 'not installed', consequence };
  const nice = (name: string, found: string | undefined, state: 'warning' | 'info', consequence: string): Finding =>
    found ? { name, state: 'ok', found } : { name, state, found: 'not installed', consequence };
  const runtimes: Finding[] =
    crun || runc
      ? [
          nice('crun', crun, 'info', 'runc is used: starting a container takes about twice as long'),
          nice('runc', runc, 'info', 'there is no other runtime where crun does not work'),
        ]
      : [
          {
            name: 'OCI runtime',
            state: 'missing',
            found: 'neither crun nor runc is installed',
            consequence: 'containers cannot be started: install crun',
          },
        ];
  return [
    need('conmon', conmon, 'containers have no supervisor and cannot be started: install conmon'),
    ...runtimes,
    need('nft', nft, 'no address translation and no published ports: install nftables'),
    nice('ip', ip, 'info', 'only for looking at networks by hand (iproute2)'),
    nice('iptables', iptables, 'info', 'only matters beside other software that uses it'),
    need('tar', tar, 'build contexts and cp do not work: install tar'),
    nice('criu', criu, 'info', 'checkpoints of running containers are not possible'),
  ];
}

import { isIP } from 'node:net';
import { CliError, PlainError, UsageError } from '../cli/errors.ts';
import type { Values } from '../cli/flag-types.ts';
import { parseDevice, parseRate, parseUlimit, parseWeight } from './devices.ts';
import { keyValues, parseEnv, parseLabels } from './env.ts';
import type { createFlags } from './flags.ts';
import { parseMount, parseTmpfs, parseVolumes } from './mounts.ts';
import { parseNetworks } from './networking.ts';
import { parseExpose, parsePublish } from './ports.ts';
import { parseSecurity } from './security.ts';

type CreateValues = Values<typeof createFlags>;

export interface CreateBody {
  Image: string;
  Cmd?: string[];
  Tty: boolean;
  OpenStdin: boolean;
  AttachStdin: boolean;
  AttachStdout: boolean;
  AttachStderr: boolean;
  HostConfig: Record<string, unknown>;
  [key: string]: unknown;
}

/** The body of POST /containers/create for `run [flags] image [command…]`. Throws CliError for what the engine need not be asked. */
export function createBody(
  flags: CreateValues,
  given: ReadonlySet<string>,
  args: readonly string[],
  detach: boolean,
): CreateBody {
  const [image, ...command] = args;
  const attach = attachments(flags, detach);
  const { exposed, bindings } = parsePublish(flags.publish);
  const { binds, volumes } = parseVolumes(flags.volume);
  const { mode, endpoints } = parseNetworks(flags);
  return {
    Hostname: flags.hostname,
    Domainname: flags.domainname,
    User: flags.user,
    ...attach,
    ExposedPorts: { ...exposed, ...parseExpose(flags.expose) },
    Tty: flags.tty,
    OpenStdin: flags.interactive,
    StdinOnce: flags.interactive && attach.AttachStdin,
    Env: parseEnv(flags['env-file'], flags.env),
    Cmd: command.length > 0 ? command : undefined,
    Healthcheck: healthcheck(flags, given),
    Image: image!,
    Volumes: volumes,
    WorkingDir: flags.workdir,
    Entrypoint: given.has('entrypoint') ? [flags.entrypoint] : undefined,
    Labels: parseLabels(flags['label-file'], flags.label),
    StopSignal: flags['stop-signal'] || undefined,
    StopTimeout: flags['stop-timeout'],
    HostConfig: { ...hostConfig(flags, given), Binds: binds, NetworkMode: mode, PortBindings: bindings },
    NetworkingConfig: { EndpointsConfig: endpoints },
  };
}

function attachments(flags: CreateValues, detach: boolean) {
  const wanted = new Set(flags.attach.map((name) => name.toLowerCase()));
  for (const name of wanted)
    if (!['stdin', 'stdout', 'stderr'].includes(name))
      throw new UsageError(
        `invalid argument ${JSON.stringify(name)} for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR`,
      );
  if (detach && wanted.size > 0) throw new PlainError('conflicting options: cannot specify both --attach and --detach');
  if (detach) return { AttachStdin: false, AttachStdout: false, AttachStderr: false };
  const all = wanted.size === 0;
  return {
    AttachStdin: wanted.has('stdin') || (all && flags.interactive),
    AttachStdout: all || wanted.has('stdout'),
    AttachStderr: all || wanted.has('stderr'),
  };
}

function hostConfig(flags: CreateValues, given: ReadonlySet<string>): Record<string, unknown> {
  const security = parseSecurity(flags['security-opt']);
  const restart = parseRestart(flags.restart);
  if (flags.rm && restart.Name !== 'no' && restart.Name !== '')
    throw new CliError('conflicting options: cannot specify both --restart and --rm', 125);
  const swappiness = flags['memory-swappiness'];
  if (swappiness !== -1 && (swappiness < 0 || swappiness > 100))
    throw new CliError(`invalid value: ${swappiness}. Valid memory swappiness range is 0-100`);
  for (const server of flags.dns)
    if (isIP(server) === 0)
      throw new UsageError(
        `invalid argument ${JSON.stringify(server)} for "--dns" flag: IP address is not correctly formatted: ${server}`,
      );
  return {
    ContainerIDFile: flags.cidfile,
    LogConfig: { Type: flags['log-driver'], Config: keyValues(flags['log-opt']) },
    RestartPolicy: restart,
    AutoRemove: flags.rm,
    VolumeDriver: flags['volume-driver'],
    VolumesFrom: [...flags['volumes-from']],
    ConsoleSize: process.stdout.isTTY ? [process.stdout.rows, process.stdout.columns] : [0, 0],
    Annotations: Object.keys(flags.annotation).length > 0 ? flags.annotation : undefined,
    CapAdd: [...flags['cap-add']],
    CapDrop: [...flags['cap-drop']],
    CgroupnsMode: flags.cgroupns,
    Dns: [...flags.dns],
    DnsOptions: [...flags['dns-option']],
    DnsSearch: [...flags['dns-search']],
    ExtraHosts: flags['add-host'].map(parseHostEntry),
    GroupAdd: [...flags['group-add']],
    IpcMode: flags.ipc,
    Links: [...flags.link],
    OomScoreAdj: flags['oom-score-adj'],
    PidMode: flags.pid,
    Privileged: flags.privileged,
    PublishAllPorts: flags['publish-all'],
    ReadonlyRootfs: flags['read-only'],
    SecurityOpt: security.options,
    StorageOpt: flags['storage-opt'].length > 0 ? keyValues(flags['storage-opt']) : undefined,
    Tmpfs: flags.tmpfs.length > 0 ? parseTmpfs(flags.tmpfs) : undefined,
    UTSMode: flags.uts,
    UsernsMode: flags.userns,
    ShmSize: flags['shm-size'],
    Sysctls: Object.keys(flags.sysctl).length > 0 ? flags.sysctl : undefined,
    Runtime: flags.runtime || undefined,
    Isolation: flags.isolation,
    Mounts: flags.mount.length > 0 ? flags.mount.map(parseMount) : undefined,
    Init: given.has('init') ? flags.init : undefined,
    ...(security.unmasked ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
    ...resources(flags, given),
  };
}

function resources(flags: CreateValues, given: ReadonlySet<string>): Record<string, unknown> {
  return {
    CpuShares: flags['cpu-shares'],
    Memory: flags.memory,
    NanoCpus: flags.cpus,
    CgroupParent: flags['cgroup-parent'],
    BlkioWeight: flags['blkio-weight'],
    BlkioWeightDevice: flags['blkio-weight-device'].map(parseWeight),
    BlkioDeviceReadBps: flags['device-read-bps'].map(parseRate('bytes')),
    BlkioDeviceWriteBps: flags['device-write-bps'].map(parseRate('bytes')),
    BlkioDeviceReadIOps: flags['device-read-iops'].map(parseRate('operations')),
    BlkioDeviceWriteIOps: flags['device-write-iops'].map(parseRate('operations')),
    CpuPeriod: flags['cpu-period'],
    CpuQuota: flags['cpu-quota'],
    CpuRealtimePeriod: flags['cpu-rt-period'],
    CpuRealtimeRuntime: flags['cpu-rt-runtime'],
    CpusetCpus: flags['cpuset-cpus'],
    CpusetMems: flags['cpuset-mems'],
    Devices: flags.device.map(parseDevice),
    DeviceCgroupRules: flags['device-cgroup-rule'].length > 0 ? flags['device-cgroup-rule'] : undefined,
    MemoryReservation: flags['memory-reservation'],
    MemorySwap: flags['memory-swap'],
    MemorySwappiness: flags['memory-swappiness'] === -1 ? undefined : flags['memory-swappiness'],
    OomKillDisable: given.has('oom-kill-disable') ? flags['oom-kill-disable'] : undefined,
    PidsLimit: flags['pids-limit'],
    Ulimits: flags.ulimit.length > 0 ? flags.ulimit.map(parseUlimit) : undefined,
  };
}

/** `no`, `always`, `unless-stopped`, `on-failure[:count]`. */
export function parseRestart(text: string): { Name: string; MaximumRetryCount: number } {
  const [name = '', count, ...more] = text.split(':');
  if (more.length > 0 || (text !== '' && name === ''))
    throw new CliError('invalid restart policy format: no policy provided before colon', 125);
  if (count !== undefined && !/^-?\d+$/.test(count))
    throw new CliError('invalid restart policy format: maximum retry count must be an integer', 125);
  return { Name: name, MaximumRetryCount: Number(count ?? 0) };
}

/** `name:ip`, `name=ip`; brackets around an IPv6 address go. */
export function parseHostEntry(text: string): string {
  const match = /^([^:=]+)[:=](.+)$/.exec(text);
  const address = match?.[2]?.replace(/^\[(.*)\]$/, '$1');
  if (!match || !address)
    throw new UsageError(
      `invalid argument ${JSON.stringify(text)} for "--add-host" flag: bad format for add-host: ${JSON.stringify(text)}`,
    );
  if (address !== 'host-gateway' && isIP(address) === 0)
    throw new UsageError(
      `invalid argument ${JSON.stringify(text)} for "--add-host" flag: invalid IP address in add-host: ${JSON.stringify(address)}`,
    );
  return `${match[1]}:${address}`;
}

function healthcheck(flags: CreateValues, given: ReadonlySet<string>): Record<string, unknown> | undefined {
  const names = [
    'health-cmd',
    'health-interval',
    'health-retries',
    'health-start-interval',
    'health-start-period',
    'health-timeout',
  ] as const;
  const some = names.some((name) => given.has(name));
  if (flags['no-healthcheck']) {
    if (some) throw new CliError('--no-healthcheck conflicts with --health-* options', 125);
    return { Test: ['NONE'] };
  }
  if (!some) return undefined;
  for (const name of names)
    if (name !== 'health-cmd' && (flags[name] as number) < 0) throw new CliError(`--${name} cannot be negative`, 125);
  return {
    Test: flags['health-cmd'] ? ['CMD-SHELL', flags['health-cmd']] : undefined,
    Interval: flags['health-interval'],
    Timeout: flags['health-timeout'],
    StartPeriod: flags['health-start-period'],
    StartInterval: flags['health-start-interval'] || undefined,
    Retries: flags['health-retries'],
  };
}

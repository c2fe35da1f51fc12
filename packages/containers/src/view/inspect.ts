import { type ContainerConfig, emptyEndpoint, type HostConfig } from '@corten/api-types';
import { ZERO_TIME } from '@corten/util';
import { type Context, pathsOf } from '../context.ts';
import { type ContainerRecord, commandOf, isRunning } from '../record.ts';
import type { ContainerInspect } from '../types.ts';
import { sizes } from './list.ts';
import { mountJson } from './mount-json.ts';
import { portMap } from './ports.ts';

/** GET /containers/{id}/json, field for field (definitions/ContainerInspectResponse). */
export async function inspectContainer(
  ctx: Context,
  c: ContainerRecord,
  execIds: readonly string[],
  options: { size?: boolean } = {},
): Promise<ContainerInspect> {
  const { path, args } = commandOf(c.config);
  const paths = pathsOf(ctx, c.id);
  const hasFiles = c.state.everStarted && !c.hostConfig.NetworkMode.startsWith('container:');
  return {
    Id: c.id,
    Created: c.created,
    Path: path,
    Args: args,
    State: stateJson(c),
    Image: c.imageId,
    ResolvConfPath: hasFiles ? paths.resolvConf : '',
    HostnamePath: hasFiles ? paths.hostname : '',
    HostsPath: hasFiles ? paths.hosts : '',
    LogPath: c.hostConfig.LogConfig?.Type === 'none' || !c.state.everStarted ? '' : paths.log,
    Name: `/${c.name}`,
    RestartCount: c.state.restartCount,
    Driver: 'overlay2',
    Platform: c.platform,
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: execIds.length > 0 ? execIds : null,
    HostConfig: hostConfigJson(c.hostConfig),
    GraphDriver: graphDriver(ctx, c),
    ...(options.size ? await sizes(ctx, c) : {}),
    Mounts: c.mounts.filter((m) => m.type !== 'tmpfs' || m.tmpfsOptions !== undefined).map(mountJson),
    Config: configJson(c.config),
    NetworkSettings: networkJson(c),
  };
}

function stateJson(c: ContainerRecord): ContainerInspect['State'] {
  const s = c.state;
  return {
    Status: s.status,
    // Docker calls a container that waits for its restart running too
    Running: isRunning(c) || s.status === 'restarting',
    Paused: s.status === 'paused',
    Restarting: s.status === 'restarting',
    OOMKilled: s.oomKilled,
    Dead: s.status === 'dead',
    Pid: s.pid,
    ExitCode: s.exitCode,
    Error: s.error,
    StartedAt: s.startedAt,
    FinishedAt: s.finishedAt || ZERO_TIME,
    ...(s.health ? { Health: s.health } : {}),
  };
}

function graphDriver(ctx: Context, c: ContainerRecord) {
  const { lower, upper, work, merged } = ctx.snapshots.mounts(c.id);
  return {
    Name: 'overlay2',
    Data: { ID: c.id, LowerDir: lower.join(':'), UpperDir: upper, WorkDir: work, MergedDir: merged },
  };
}

const orNull = <T>(list: readonly T[] | undefined): readonly T[] | null => (list && list.length > 0 ? list : null);
const filled = (map: Record<string, unknown>) => (Object.keys(map).length > 0 ? map : undefined);

/** The configuration with Go's nulls and omissions. */
function configJson(config: ContainerConfig): Record<string, unknown> {
  const {
    Healthcheck,
    StopSignal,
    StopTimeout,
    Shell,
    OnBuild,
    ExposedPorts,
    NetworkDisabled,
    MacAddress,
    ArgsEscaped,
    ...c
  } = config;
  return {
    ...c,
    Cmd: orNull(c.Cmd),
    Entrypoint: orNull(c.Entrypoint),
    Volumes: filled(c.Volumes) ?? null,
    OnBuild: orNull(OnBuild),
    ...(filled(ExposedPorts) ? { ExposedPorts } : {}),
    ...(Healthcheck ? { Healthcheck: healthJson(Healthcheck) } : {}),
    ...(StopSignal ? { StopSignal } : {}),
    ...(StopTimeout === undefined ? {} : { StopTimeout }),
    ...(Shell?.length ? { Shell } : {}),
    ...(NetworkDisabled ? { NetworkDisabled } : {}),
    ...(MacAddress ? { MacAddress } : {}),
    ...(ArgsEscaped ? { ArgsEscaped } : {}),
  };
}

const healthJson = (h: NonNullable<ContainerConfig['Healthcheck']>) =>
  Object.fromEntries(Object.entries(h).filter(([key, v]) => key === 'Test' || v !== 0));

const NULL_LISTS = [
  'Binds',
  'VolumesFrom',
  'CapAdd',
  'CapDrop',
  'ExtraHosts',
  'GroupAdd',
  'Links',
  'SecurityOpt',
  'BlkioDeviceReadBps',
  'BlkioDeviceWriteBps',
  'BlkioDeviceReadIOps',
  'BlkioDeviceWriteIOps',
  'DeviceCgroupRules',
  'DeviceRequests',
] as const;
const OMITTED_WHEN_EMPTY = ['Mounts', 'StorageOpt', 'Tmpfs', 'Sysctls', 'Annotations'] as const;

function hostConfigJson(h: HostConfig): Record<string, unknown> {
  const json: Record<string, unknown> = { ...h };
  for (const key of NULL_LISTS) json[key] = orNull(h[key] as readonly unknown[]);
  for (const key of OMITTED_WHEN_EMPTY) if (Object.keys(h[key]).length === 0) delete json[key];
  json['MemorySwappiness'] = h.MemorySwappiness ?? null;
  json['PidsLimit'] = h.PidsLimit ?? null;
  json['OomKillDisable'] = h.OomKillDisable ?? null;
  if (h.Init === undefined) delete json['Init'];
  return json;
}

function networkJson(c: ContainerRecord): Record<string, unknown> {
  const { network } = c.state;
  const endpoints = network?.endpoints ?? c.endpoints;
  return {
    SandboxID: network?.sandboxId ?? '',
    SandboxKey: network?.sandboxKey ?? '',
    Ports: portMap(c),
    Networks: Object.fromEntries(
      Object.entries(endpoints).map(([name, settings]) => {
        const e = { ...emptyEndpoint(), ...settings };
        return [
          name,
          {
            ...e,
            IPAMConfig: e.IPAMConfig ?? null,
            Links: orNull(e.Links),
            Aliases: orNull(e.Aliases),
            DriverOpts: filled(e.DriverOpts) ?? null,
            DNSNames: orNull(e.DNSNames),
          },
        ];
      }),
    ),
  };
}

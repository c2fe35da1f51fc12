import { readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Containers } from '@corten/containers';
import type { SystemFacts } from '@corten/engine-api';
import type { Images } from '@corten/images';
import type { Supervisor } from '@corten/runtime';
import type { Snapshots } from '@corten/snapshots';
import type { Volumes } from '@corten/volumes';
import type { Settings } from './config/settings.ts';
import { diskUsage } from './disk-usage.ts';
import { hostFacts, warningsOf } from './host-facts.ts';
import { BUILT, COMMIT, VERSION } from './version.ts';

export interface FactSources {
  settings(): Settings;
  engineId: string;
  containers: Containers;
  images: Images;
  volumes: Volumes;
  snapshots: Snapshots;
  supervisor: Supervisor;
  listeners(): number;
}

const LOG_DRIVERS = ['json-file', 'none'];

/** GET /version, /info and /system/df. */
export function systemFacts(sources: FactSources): SystemFacts {
  return {
    version: () => versionOf(sources),
    info: async () => infoOf(sources),
    diskUsage: (types) => diskUsage(sources, types),
  };
}

function versionOf({ supervisor, settings }: FactSources): Record<string, unknown> {
  const host = hostFacts();
  const runtime = supervisor.defaultRuntime();
  const arch = goArch(host.architecture);
  return {
    Platform: { Name: 'Corten' },
    Components: [
      {
        Name: 'Engine',
        Version: VERSION,
        Details: {
          Arch: arch,
          BuildTime: BUILT,
          Experimental: String(settings().experimental),
          GitCommit: COMMIT,
          GoVersion: `none (Node ${process.version})`,
          KernelVersion: host.kernelVersion,
          Os: 'linux',
        },
      },
      { Name: runtime.name, Version: runtime.version, Details: { Path: runtime.path } },
    ],
    Version: VERSION,
    GitCommit: COMMIT,
    GoVersion: `none (Node ${process.version})`,
    Os: 'linux',
    Arch: arch,
    KernelVersion: host.kernelVersion,
    Experimental: settings().experimental,
    BuildTime: BUILT,
  };
}

const goArch = (machine: string) => ({ x86_64: 'amd64', aarch64: 'arm64' })[machine] ?? machine;

function infoOf(sources: FactSources): Record<string, unknown> {
  const { containers, images, supervisor } = sources;
  const settings = sources.settings();
  const host = hostFacts();
  const counts = containers.counts();
  const has = (controller: string) => host.controllers.has(controller);
  return {
    ID: sources.engineId,
    Containers: counts.total,
    ContainersRunning: counts.running,
    ContainersPaused: counts.paused,
    ContainersStopped: counts.stopped,
    Images: images.list().length,
    Driver: 'overlay2',
    DriverStatus: [
      ['Supports d_type', 'true'],
      ['Native Overlay Diff', 'true'],
    ],
    SystemStatus: null,
    Plugins: {
      Volume: ['local'],
      Network: ['bridge', 'host', 'null'],
      Authorization: null,
      Log: LOG_DRIVERS,
    },
    MemoryLimit: has('memory'),
    SwapLimit: has('memory'),
    CpuCfsPeriod: has('cpu'),
    CpuCfsQuota: has('cpu'),
    CPUShares: has('cpu'),
    CPUSet: has('cpuset'),
    PidsLimit: has('pids'),
    OomKillDisable: host.cgroupVersion === '1' && has('memory'),
    IPv4Forwarding: host.ipForward,
    BridgeNfIptables: host.bridgeNfIptables ?? false,
    BridgeNfIp6tables: host.bridgeNfIp6tables ?? false,
    Debug: settings.debug,
    NFd: readdirSync('/proc/self/fd').length,
    NGoroutines: 0,
    SystemTime: new Date().toISOString(),
    LoggingDriver: settings.logDriver,
    CgroupDriver: 'cgroupfs',
    CgroupVersion: host.cgroupVersion,
    NEventsListener: sources.listeners(),
    KernelVersion: host.kernelVersion,
    OperatingSystem: host.operatingSystem,
    OSVersion: host.osVersion,
    OSType: 'linux',
    Architecture: host.architecture,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: registryConfig(settings),
    NCPU: host.cpus,
    MemTotal: host.memory,
    GenericResources: null,
    DockerRootDir: settings.dataRoot,
    HttpProxy: '',
    HttpsProxy: '',
    NoProxy: '',
    Name: hostname(),
    Labels: settings.labels,
    ExperimentalBuild: settings.experimental,
    ServerVersion: VERSION,
    Runtimes: Object.fromEntries(supervisor.runtimes().map((r) => [r.name, { path: r.path }])),
    DefaultRuntime: supervisor.defaultRuntime().name,
    Swarm: {
      NodeID: '',
      NodeAddr: '',
      LocalNodeState: 'inactive',
      ControlAvailable: false,
      Error: '',
      RemoteManagers: null,
    },
    LiveRestoreEnabled: settings.liveRestore,
    Isolation: '',
    InitBinary: 'docker-init',
    ContainerdCommit: { ID: '', Expected: '' },
    RuncCommit: { ID: supervisor.defaultRuntime().version, Expected: supervisor.defaultRuntime().version },
    InitCommit: { ID: '', Expected: '' },
    SecurityOptions: [
      ...(host.seccomp ? ['name=seccomp,profile=builtin'] : []),
      ...(host.apparmor ? ['name=apparmor'] : []),
      ...(host.cgroupVersion === '2' ? ['name=cgroupns'] : []),
    ],
    ProductLicense: '',
    DefaultAddressPools: settings.defaultAddressPools.map((p) => ({ Base: p.base, Size: p.size })),
    FirewallBackend: { Driver: 'nftables' },
    CDISpecDirs: [],
    Warnings: warningsOf(host),
  };
}

function registryConfig(settings: Settings): Record<string, unknown> {
  const insecure = (name: string) => [name, { Name: name, Mirrors: [], Secure: false, Official: false }] as const;
  const isCidr = (name: string) => name.includes('/');
  return {
    InsecureRegistryCIDRs: ['::1/128', '127.0.0.0/8', ...settings.insecureRegistries.filter(isCidr)],
    IndexConfigs: {
      'docker.io': { Name: 'docker.io', Mirrors: settings.registryMirrors, Secure: true, Official: true },
      ...Object.fromEntries(settings.insecureRegistries.filter((n) => !isCidr(n)).map(insecure)),
    },
    Mirrors: settings.registryMirrors,
  };
}

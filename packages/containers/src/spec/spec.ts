import { existsSync, readFileSync } from 'node:fs';
import { system } from '@corten/errors';
import { type Context, pathsOf } from '../context.ts';
import type { ContainerRecord } from '../record.ts';
import type { ProcessUser } from '../rootfs/users.ts';
import { containerCapabilities } from './capabilities.ts';
import { cgroupsPath } from './cgroup.ts';
import { MASKED_PATHS, READONLY_PATHS } from './defaults.ts';
import {
  DEFAULT_DEVICE_RULES,
  type DeviceRule,
  deviceRule,
  hostDevices,
  mappedDevices,
  type OciDevice,
} from './devices.ts';
import { findInit } from './init.ts';
import {
  arrangeMounts,
  fileMount,
  mountsOver,
  type OciMount,
  type ResolvedMount,
  rootPropagation,
  shmMount,
  systemMounts,
  tmpfsMount,
  userMount,
} from './mounts.ts';
import { containerOf, joined, type Namespace, ociNamespaces } from './namespaces.ts';
import { ociProcess } from './process.ts';
import { ociResources } from './resources.ts';
import { defaultSeccomp, type OciSeccomp, parseSeccompProfile, seccompSupported } from './seccomp.ts';
import { parseSecurityOpt, type SecurityOptions } from './security-opt.ts';

/** What is known only at start. */
export interface StartFacts {
  rootfs: string;
  user: ProcessUser;
  mounts: readonly ResolvedMount[];
  network: Namespace | undefined;
  /** Environment from legacy links and the like. */
  env?: readonly string[];
}

/** The host name inside, or undefined where the host's is seen. */
export const hostnameOf = (c: ContainerRecord): string | undefined => c.config.Hostname || undefined;

/** OCI config.json (runtime-spec 1.0.2) of a container. */
export function ociSpec(ctx: Context, c: ContainerRecord, facts: StartFacts): Record<string, unknown> {
  const { hostConfig: h } = c;
  const security = parseSecurityOpt(h.SecurityOpt);
  const initPath = (h.Init ?? ctx.defaults.init) ? findInit(ctx.defaults.initPath) : undefined;
  const ownUts = h.UTSMode !== 'host';
  return {
    ociVersion: '1.0.2',
    process: ociProcess(c, facts.user, {
      initPath,
      noNewPrivileges: security.noNewPrivileges ?? ctx.defaults.noNewPrivileges,
      ulimits: ctx.defaults.ulimits,
      hostname: hostnameOf(c),
      env: facts.env,
      apparmor: apparmorOf(c, security),
    }),
    root: { path: facts.rootfs, readonly: h.ReadonlyRootfs },
    ...(ownUts && c.config.Hostname ? { hostname: c.config.Hostname } : {}),
    ...(ownUts && c.config.Domainname ? { domainname: c.config.Domainname } : {}),
    mounts: mountsOf(ctx, c, facts, security, initPath),
    annotations: h.Annotations,
    linux: linuxOf(ctx, c, facts, security),
  };
}

function mountsOf(
  ctx: Context,
  c: ContainerRecord,
  facts: StartFacts,
  security: SecurityOptions,
  initPath: string | undefined,
): OciMount[] {
  const { hostConfig: h } = c;
  const base = [
    ...systemMounts({
      privileged: h.Privileged,
      writableCgroups: security.writableCgroups,
      hostIpc: h.IpcMode === 'host',
    }),
    ...(h.IpcMode === 'none' ? [] : [shmMount(h.ShmSize, shmSource(ctx, c))]),
  ];
  const paths = pathsOf(ctx, containerOf(h.NetworkMode) ? joined(ctx, h.NetworkMode, 'network').id : c.id);
  const files = [
    ['/etc/resolv.conf', paths.resolvConf],
    ['/etc/hostname', paths.hostname],
    ['/etc/hosts', paths.hosts],
  ] as const;
  return arrangeMounts(base, [
    ...files.flatMap(([inside, outside]) =>
      mountsOver(c, inside) ? [] : [fileMount(outside, inside, h.ReadonlyRootfs)],
    ),
    ...(initPath ? [fileMount(initPath, '/sbin/docker-init', true)] : []),
    ...facts.mounts.map((m) => userMount(m)),
    ...Object.entries(h.Tmpfs).map(([path, options]) => tmpfsMount(path, options)),
  ]);
}

/** Host directory behind /dev/shm when it is shared; undefined for a private one. */
function shmSource(ctx: Context, c: ContainerRecord): string | undefined {
  const mode = c.hostConfig.IpcMode;
  if (mode === 'host') return '/dev/shm';
  if (mode === 'shareable') return pathsOf(ctx, c.id).shm;
  if (containerOf(mode) === undefined) return undefined;
  const other = joined(ctx, mode, 'IPC');
  return other.hostConfig.IpcMode === 'host' ? '/dev/shm' : pathsOf(ctx, other.id).shm;
}

function devicesOf(c: ContainerRecord): { devices: OciDevice[]; rules: DeviceRule[] } {
  const { hostConfig: h } = c;
  if (h.Privileged) return { devices: hostDevices(), rules: [{ allow: true, access: 'rwm' }] };
  const mapped = h.Devices.map(mappedDevices);
  return {
    devices: mapped.flatMap((m) => m.devices),
    rules: [...DEFAULT_DEVICE_RULES, ...mapped.flatMap((m) => m.rules), ...h.DeviceCgroupRules.map(deviceRule)],
  };
}

function linuxOf(
  ctx: Context,
  c: ContainerRecord,
  facts: StartFacts,
  security: SecurityOptions,
): Record<string, unknown> {
  const { hostConfig: h } = c;
  const { devices, rules } = devicesOf(c);
  const open = h.Privileged || security.systemPathsUnconfined;
  const seccomp = seccompOf(ctx, c, security);
  const propagation = rootPropagation(c.mounts);
  return {
    cgroupsPath: cgroupsPath(c.id, h.CgroupParent, ctx.defaults.cgroupParent),
    namespaces: ociNamespaces(ctx, c, facts.network),
    devices,
    resources: ociResources(h, rules),
    sysctl: h.Sysctls,
    maskedPaths: open ? [] : (h.MaskedPaths ?? MASKED_PATHS),
    readonlyPaths: open ? [] : (h.ReadonlyPaths ?? READONLY_PATHS),
    ...(seccomp ? { seccomp } : {}),
    ...(propagation ? { rootfsPropagation: propagation } : {}),
  };
}

function seccompOf(ctx: Context, c: ContainerRecord, security: SecurityOptions): OciSeccomp | undefined {
  const { hostConfig: h } = c;
  if (h.Privileged && security.seccomp === undefined) return undefined;
  const chosen = security.seccomp ?? profileText(ctx.defaults.seccompProfile);
  if (chosen === 'unconfined' || !seccompSupported()) return undefined;
  const capabilities = containerCapabilities({ privileged: h.Privileged, add: h.CapAdd, drop: h.CapDrop });
  return chosen === undefined || chosen === 'builtin'
    ? defaultSeccomp(capabilities)
    : parseSeccompProfile(chosen, capabilities);
}

function profileText(configured: string | undefined): string | undefined {
  if (!configured || configured === 'builtin' || configured === 'default') return undefined;
  if (configured === 'unconfined') return configured;
  try {
    return readFileSync(configured, 'utf8');
  } catch (error) {
    throw system(`opening seccomp profile (${configured}) failed: ${(error as Error).message}`, error);
  }
}

let apparmor: boolean | undefined;
/** Only where the kernel has it, and only a profile that the user named: the engine installs none. */
function apparmorOf(c: ContainerRecord, security: SecurityOptions): string | undefined {
  apparmor ??= existsSync('/sys/kernel/security/apparmor');
  if (!apparmor || c.hostConfig.Privileged || !security.apparmor) return undefined;
  return security.apparmor === 'unconfined' ? undefined : security.apparmor;
}

import { type ContainerRecord, commandOf } from '../record.ts';
import type { ProcessUser } from '../rootfs/users.ts';
import { containerCapabilities, hasCapability } from './capabilities.ts';
import { DEFAULT_PATH } from './defaults.ts';
import { ociRlimits, type UlimitConfig } from './resources.ts';

/** Merges `NAME=value` lists: a later one replaces an earlier one in its place; `NAME` alone removes it. */
export function mergeEnv(base: readonly string[], override: readonly string[]): string[] {
  const merged = new Map<string, string>();
  for (const entry of [...base, ...override]) {
    const cut = entry.indexOf('=');
    if (cut < 0) merged.delete(entry);
    else merged.set(entry.slice(0, cut), entry);
  }
  return [...merged.values()];
}

/** A container's environment: PATH, HOSTNAME, TERM for a terminal, the configuration, and HOME of its user. */
export function environment(options: {
  hostname?: string;
  tty: boolean;
  env: readonly string[];
  home: string;
}): string[] {
  const base = [
    DEFAULT_PATH,
    ...(options.hostname ? [`HOSTNAME=${options.hostname}`] : []),
    ...(options.tty ? ['TERM=xterm'] : []),
  ];
  const env = mergeEnv(base, options.env);
  return env.some((e) => e.startsWith('HOME=')) ? env : [...env, `HOME=${options.home}`];
}

/** OCI capability sets: a user other than root holds none at first but may gain what is in the bounding set. */
export function capabilitySets(capabilities: readonly string[], uid: number) {
  const effective = uid === 0 ? capabilities : [];
  return { bounding: capabilities, effective, permitted: effective };
}

const CONSOLE = (size: number[] | undefined) =>
  size && size.length === 2 && (size[0]! > 0 || size[1]! > 0)
    ? { consoleSize: { height: size[0]!, width: size[1]! } }
    : {};

/** OCI `process` (runtime-spec, config.md, Process). */
export function ociProcess(
  c: ContainerRecord,
  user: ProcessUser,
  options: {
    initPath?: string;
    noNewPrivileges: boolean;
    ulimits: readonly UlimitConfig[];
    hostname?: string;
    env?: readonly string[];
    apparmor?: string;
  },
): Record<string, unknown> {
  const { config, hostConfig } = c;
  const { path, args } = commandOf(config);
  const { home, ...ids } = user;
  const command = [path, ...args];
  const capabilities = containerCapabilities({
    privileged: hostConfig.Privileged,
    add: hostConfig.CapAdd,
    drop: hostConfig.CapDrop,
  });
  return {
    terminal: config.Tty,
    ...(config.Tty ? CONSOLE(hostConfig.ConsoleSize) : {}),
    user: { uid: ids.uid, gid: ids.gid, additionalGids: [ids.gid, ...ids.additionalGids.filter((g) => g !== ids.gid)] },
    args: options.initPath ? ['/sbin/docker-init', '--', ...command] : command,
    env: environment({
      hostname: options.hostname,
      tty: config.Tty,
      env: [...(options.env ?? []), ...config.Env],
      home,
    }),
    cwd: config.WorkingDir || '/',
    capabilities: capabilitySets(capabilities, ids.uid),
    noNewPrivileges: options.noNewPrivileges,
    rlimits: ociRlimits(hostConfig.Privileged ? [] : options.ulimits, hostConfig.Ulimits),
    oomScoreAdj: oomScore(hostConfig.OomScoreAdj),
    ...(options.apparmor ? { apparmorProfile: options.apparmor } : {}),
  };
}

/** Without CAP_SYS_RESOURCE the kernel refuses to go below zero: then zero it is (create warns). */
export const oomScore = (wanted: number): number => (wanted < 0 && !hasCapability('CAP_SYS_RESOURCE') ? 0 : wanted);

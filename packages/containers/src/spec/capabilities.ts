import { readFileSync } from 'node:fs';
import { invalid } from '@corten/errors';

/** Every capability in the order of its number (capabilities(7), linux/capability.h). */
const ALL =
  `CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`
    .split(' ')
    .map((name) => `CAP_${name}`);

/** What a container has unless told otherwise: Docker's fourteen. */
export const DEFAULT_CAPABILITIES: readonly string[] =
  `CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE`
    .split(' ')
    .map((name) => `CAP_${name}`);

let held: ReadonlySet<string> | undefined;

/** What this engine itself may hand on: its bounding set. */
export function hostCapabilities(): ReadonlySet<string> {
  if (held) return held;
  const bits = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const mask = BigInt(`0x${bits}`);
  held = new Set(ALL.filter((_, i) => (mask >> BigInt(i)) & 1n));
  return held;
}

export const hasCapability = (name: string): boolean => hostCapabilities().has(name);

/** `net_admin` → `CAP_NET_ADMIN`; `what` names the field in the error. */
export function normalizeCapabilities(names: readonly string[], what: string): string[] {
  return names.map((given) => {
    const upper = given.toUpperCase();
    if (upper === 'ALL') return upper;
    const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
    if (!ALL.includes(name)) throw invalid(`invalid ${what}: unknown capability: "${given}"`);
    return name;
  });
}

/** The capabilities of a container, limited to what the engine has. */
export function containerCapabilities(options: { privileged: boolean; add: string[]; drop: string[] }): string[] {
  const host = hostCapabilities();
  const everything = ALL.filter((name) => host.has(name));
  if (options.privileged) return everything;
  const add = normalizeCapabilities(options.add, 'CapAdd');
  const drop = normalizeCapabilities(options.drop, 'CapDrop');
  const minus = (names: readonly string[]) => names.filter((name) => !drop.includes(name));
  const base = add.includes('ALL')
    ? drop.includes('ALL')
      ? everything
      : minus(everything)
    : drop.includes('ALL')
      ? []
      : minus(DEFAULT_CAPABILITIES);
  return [...new Set([...base, ...add.filter((name) => name !== 'ALL')])].filter((name) => host.has(name));
}

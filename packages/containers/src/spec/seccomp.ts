import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { invalid } from '@corten/errors';
import { currentPlatform } from '@corten/oci';
import {
  AF_ALG,
  AF_VSOCK,
  ALLOWED,
  ALLOWED_ON,
  ALLOWED_SINCE_4_8,
  ALLOWED_WITH,
  ARCHITECTURES,
  NAMESPACE_FLAGS,
  PERSONALITIES,
} from './seccomp-table.ts';

interface Argument {
  index: number;
  value: number;
  valueTwo?: number;
  op: string;
}
interface Rule {
  names: string[];
  action: string;
  errnoRet?: number;
  args?: Argument[];
}
/** OCI runtime-spec, config-linux.md, Seccomp. */
export interface OciSeccomp {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  flags?: string[];
  syscalls?: Rule[];
}

const ALLOW = 'SCMP_ACT_ALLOW';
const ERRNO = 'SCMP_ACT_ERRNO';
const ENOSYS = 38;
const words = (text: string): string[] => text.split(/\s+/).filter(Boolean);
const arch = (): string => currentPlatform().architecture;

const allowIf = (name: string, index: number, op: string, value: number, valueTwo?: number): Rule => ({
  names: [name],
  action: ALLOW,
  args: [{ index, value, ...(valueTwo === undefined ? {} : { valueTwo }), op }],
});

function kernelAtLeast(major: number, minor: number): boolean {
  const [a = 0, b = 0] = release().split('.').map(Number);
  return a > major || (a === major && b >= minor);
}

const cache = new Map<string, OciSeccomp>();

/** Docker's default policy for a set of capabilities on this architecture and kernel. */
export function defaultSeccomp(capabilities: readonly string[]): OciSeccomp {
  const key = [...capabilities].sort().join();
  const known = cache.get(key);
  if (known) return known;
  const made = buildDefault(new Set(capabilities));
  if (cache.size > 64) cache.clear();
  cache.set(key, made);
  return made;
}

function buildDefault(capabilities: ReadonlySet<string>): OciSeccomp {
  const allowed = words(ALLOWED);
  if (kernelAtLeast(4, 8)) allowed.push(...words(ALLOWED_SINCE_4_8));
  for (const { arches, names } of ALLOWED_ON) if (arches.includes(arch())) allowed.push(...words(names));
  for (const [capability, names] of Object.entries(ALLOWED_WITH))
    if (capabilities.has(capability)) allowed.push(...words(names));
  const rules: Rule[] = [
    { names: [...new Set(allowed)], action: ALLOW },
    // every socket family but AF_ALG and AF_VSOCK
    allowIf('socket', 0, 'SCMP_CMP_LT', AF_ALG),
    allowIf('socket', 0, 'SCMP_CMP_EQ', AF_ALG + 1),
    allowIf('socket', 0, 'SCMP_CMP_GT', AF_VSOCK),
    ...PERSONALITIES.map((value) => allowIf('personality', 0, 'SCMP_CMP_EQ', value)),
  ];
  if (!capabilities.has('CAP_SYS_ADMIN')) {
    // s390 passes clone's flags as the second argument
    rules.push(allowIf('clone', arch() === 's390x' ? 1 : 0, 'SCMP_CMP_MASKED_EQ', NAMESPACE_FLAGS, 0));
    // clone3's flags lie in memory, which a filter cannot read: ENOSYS makes the C library fall back to clone
    rules.push({ names: ['clone3'], action: ERRNO, errnoRet: ENOSYS });
  }
  return {
    defaultAction: ERRNO,
    defaultErrnoRet: 1,
    architectures: [...(ARCHITECTURES[arch()] ?? [])],
    syscalls: rules,
  };
}

interface Condition {
  caps?: string[] | null;
  arches?: string[] | null;
  minKernel?: string;
}
interface ProfileRule {
  name?: string;
  names?: string[] | null;
  action: string;
  errnoRet?: number;
  args?: Argument[] | null;
  includes?: Condition;
  excludes?: Condition;
}
interface Profile {
  defaultAction?: string;
  defaultErrnoRet?: number;
  architectures?: string[] | null;
  archMap?: { architecture: string; subArchitectures?: string[] | null }[] | null;
  flags?: string[] | null;
  syscalls?: ProfileRule[] | null;
}

/** A profile in Docker's JSON format (archMap, includes, excludes) for this container and host. */
export function parseSeccompProfile(text: string, capabilities: readonly string[]): OciSeccomp {
  let profile: Profile;
  try {
    profile = JSON.parse(text) as Profile;
  } catch (error) {
    throw invalid(`Decoding seccomp profile failed: ${(error as Error).message}`);
  }
  if (typeof profile !== 'object' || profile === null || Array.isArray(profile))
    throw invalid('Decoding seccomp profile failed: it is not an object');
  if (profile.architectures?.length && profile.archMap?.length)
    throw invalid(
      "both 'architectures' and 'archMap' were specified in the seccomp profile, use either 'architectures' or 'archMap'",
    );
  if (!profile.defaultAction) throw invalid('Decoding seccomp profile failed: defaultAction is missing');
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    ...(profile.flags?.length ? { flags: profile.flags } : {}),
    architectures: architecturesOf(profile),
    syscalls: (profile.syscalls ?? []).flatMap((rule) => ruleOf(rule, new Set(capabilities))),
  };
}

function architecturesOf(profile: Profile): string[] {
  if (profile.architectures?.length) return profile.architectures;
  const native = ARCHITECTURES[arch()]?.[0];
  const entry = profile.archMap?.find((a) => a.architecture === native);
  return entry ? [entry.architecture, ...(entry.subArchitectures ?? [])] : [];
}

function ruleOf(rule: ProfileRule, capabilities: ReadonlySet<string>): Rule[] {
  if (rule.name && rule.names?.length)
    throw invalid("both 'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'");
  const { includes, excludes } = rule;
  const hit = (c: Condition | undefined) => ({
    arch: c?.arches?.includes(arch()) ?? false,
    caps: c?.caps ?? [],
  });
  if (excludes) {
    if (hit(excludes).arch || hit(excludes).caps.some((c) => capabilities.has(c))) return [];
    if (excludes.minKernel && kernelSince(excludes.minKernel)) return [];
  }
  if (includes) {
    if (includes.arches?.length && !hit(includes).arch) return [];
    if (!hit(includes).caps.every((c) => capabilities.has(c))) return [];
    if (includes.minKernel && !kernelSince(includes.minKernel)) return [];
  }
  const names = rule.names ?? (rule.name ? [rule.name] : []);
  if (names.length === 0) return [];
  return [
    {
      names,
      action: rule.action,
      ...(rule.errnoRet === undefined ? {} : { errnoRet: rule.errnoRet }),
      ...(rule.args?.length ? { args: rule.args } : {}),
    },
  ];
}

function kernelSince(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return kernelAtLeast(major, minor);
}

let supported: boolean | undefined;
/** Whether the kernel can filter system calls. */
export function seccompSupported(): boolean {
  supported ??= existsSync('/proc/sys/kernel/seccomp') || /^Seccomp:/m.test(readFileSync('/proc/self/status', 'utf8'));
  return supported;
}

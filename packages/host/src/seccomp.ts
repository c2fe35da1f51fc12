import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import koffi from 'koffi';

/** OCI `linux.seccomp` (runtime-spec, config-linux.md, Seccomp), as far as it compiles to a filter. */
export interface SeccompSpec {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  flags?: string[];
  syscalls?: {
    names: string[];
    action: string;
    errnoRet?: number;
    args?: { index: number; value: number; valueTwo?: number; op: string }[];
  }[];
}

const EPERM = 1;
const ACTIONS: Record<string, number> = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};
const WITH_ERRNO = ['SCMP_ACT_ERRNO', 'SCMP_ACT_TRACE'];
const OPERATORS: Record<string, number> = {
  SCMP_CMP_NE: 1,
  SCMP_CMP_LT: 2,
  SCMP_CMP_LE: 3,
  SCMP_CMP_EQ: 4,
  SCMP_CMP_GE: 5,
  SCMP_CMP_GT: 6,
  SCMP_CMP_MASKED_EQ: 7,
};
const ATTRIBUTE_OPTIMIZE = 8;
const BINARY_TREE = 2;
const EEXIST = 17;

type Call = (...args: unknown[]) => unknown;
type Library = Record<'init' | 'release' | 'archName' | 'archAdd' | 'attribute' | 'resolve' | 'rule' | 'export', Call>;
let library: Library | null | undefined;

/** libseccomp comes with every OCI runtime that knows seccomp; undefined where it is not. */
function load(): Library | undefined {
  if (library !== undefined) return library ?? undefined;
  try {
    const so = koffi.load('libseccomp.so.2');
    library = {
      init: so.func('void *seccomp_init(uint32_t action)'),
      release: so.func('void seccomp_release(void *filter)'),
      archName: so.func('uint32_t seccomp_arch_resolve_name(const char *name)'),
      archAdd: so.func('int seccomp_arch_add(void *filter, uint32_t arch)'),
      attribute: so.func('int seccomp_attr_set(void *filter, int attribute, uint32_t value)'),
      resolve: so.func('int seccomp_syscall_resolve_name(const char *name)'),
      rule: so.func(
        'int seccomp_rule_add_array(void *filter, uint32_t action, int syscall, unsigned int count, const void *args)',
      ),
      export: so.func('int seccomp_export_bpf(void *filter, int fd)'),
    };
  } catch {
    library = null;
  }
  return library ?? undefined;
}

function actionOf(name: string, errno: number | undefined): number | undefined {
  const base = ACTIONS[name];
  if (base === undefined) return undefined; // e.g. NOTIFY, which needs more than a filter
  return WITH_ERRNO.includes(name) ? base | ((errno ?? EPERM) & 0xffff) : base;
}

/**
 * Compiles a seccomp section to the classic BPF that seccomp(2) takes, with a binary tree over the system call numbers (a
 * filter made without is a chain of hundreds of comparisons for every call). Takes some 20 ms, so callers keep the
 * result. Undefined when this host or the section does not allow it; the OCI runtime then compiles itself.
 */
export function compileSeccomp(spec: SeccompSpec): Buffer | undefined {
  const lib = load();
  const standard = actionOf(spec.defaultAction, spec.defaultErrnoRet);
  if (!lib || standard === undefined) return undefined;
  if ((spec.flags ?? []).length > 0) return undefined;
  const filter = lib.init(standard);
  try {
    for (const name of spec.architectures ?? []) {
      const token = lib.archName(name.replace('SCMP_ARCH_', '').toLowerCase()) as number;
      const result = token === 0 ? 0 : (lib.archAdd(filter, token) as number);
      if (result !== 0 && result !== -EEXIST) return undefined;
    }
    lib.attribute(filter, ATTRIBUTE_OPTIMIZE, BINARY_TREE); // older libraries do not know it: a chain then
    for (const rule of spec.syscalls ?? []) if (!addRule(lib, filter, rule, standard)) return undefined;
    return exportFilter(lib, filter);
  } finally {
    lib.release(filter);
  }
}

function addRule(
  lib: Library,
  filter: unknown,
  rule: NonNullable<SeccompSpec['syscalls']>[number],
  standard: number,
): boolean {
  const action = actionOf(rule.action, rule.errnoRet);
  if (action === undefined) return false;
  if (action === standard) return true; // the library refuses what changes nothing
  for (const name of rule.names) {
    const number = lib.resolve(name) as number;
    if (number === -1) continue; // a call that this library does not know cannot be made by a name
    // conditions on one argument twice are alternatives, as the OCI runtimes read them; on different ones they all must hold
    const args = rule.args ?? [];
    const repeated = new Set(args.map((a) => a.index)).size < args.length;
    for (const group of repeated ? args.map((a) => [a]) : [args]) {
      const packed = packArguments(group);
      if (!packed || (lib.rule(filter, action, number, group.length, packed) as number) !== 0) return false;
    }
  }
  return true;
}

/** struct scmp_arg_cmp: unsigned arg, int op, two 64-bit datums. */
function packArguments(args: NonNullable<NonNullable<SeccompSpec['syscalls']>[number]['args']>): Buffer | undefined {
  const bytes = Buffer.alloc(Math.max(24 * args.length, 24));
  for (const [i, { index, value, valueTwo, op }] of args.entries()) {
    const operator = OPERATORS[op];
    if (operator === undefined) return undefined;
    bytes.writeUInt32LE(index, i * 24);
    bytes.writeUInt32LE(operator, i * 24 + 4);
    bytes.writeBigUInt64LE(BigInt(value), i * 24 + 8);
    bytes.writeBigUInt64LE(BigInt(valueTwo ?? 0), i * 24 + 16);
  }
  return bytes;
}

function exportFilter(lib: Library, filter: unknown): Buffer | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'corten-seccomp-'));
  const fd = openSync(join(dir, 'bpf'), 'wx+', 0o600);
  rmSync(dir, { recursive: true });
  try {
    if ((lib.export(filter, fd) as number) !== 0) return undefined;
    const bytes = Buffer.alloc(fstatSync(fd).size);
    readSync(fd, bytes, 0, bytes.length, 0);
    return bytes.length > 0 ? bytes : undefined;
  } finally {
    closeSync(fd);
  }
}

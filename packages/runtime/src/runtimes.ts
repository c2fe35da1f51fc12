import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { invalid, system } from '@corten/errors';
import { run } from '@corten/util';
import { isHybridWithControllers } from './cgroup-cure.ts';
import type { OciRuntime } from './types.ts';

export interface ProbedRuntime extends OciRuntime {
  /** Works only inside the cure's mount namespace. */
  needsCure: boolean;
  family: 'crun' | 'runc';
}

const SEARCH = [
  ...(process.env['PATH'] ?? '').split(delimiter),
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
];

/** A program's path, looked up as a shell would. */
export function findProgram(name: string): string | undefined {
  if (name.includes('/')) return isExecutable(name) ? name : undefined;
  return SEARCH.filter(Boolean)
    .map((dir) => join(dir, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && stat.isFile() && (stat.mode & 0o111) !== 0;
}

/** Finds crun and runc and the configured runtimes and tries each on this host. */
export async function probeRuntimes(
  configured: Record<string, { path: string; args?: string[] }>,
  scratch: string,
): Promise<ProbedRuntime[]> {
  const wanted = new Map<string, { path: string; args?: string[] }>([
    ['crun', { path: 'crun' }],
    ['runc', { path: 'runc' }],
    ...Object.entries(configured),
  ]);
  const probed = [...wanted].map(([name, { path, args }]) =>
    probe(name, path, args ?? [], scratch, name in configured),
  );
  return (await Promise.all(probed)).filter((r) => r !== undefined);
}

async function probe(
  name: string,
  program: string,
  args: string[],
  scratch: string,
  asked: boolean,
): Promise<ProbedRuntime | undefined> {
  const path = findProgram(program);
  if (!path) {
    if (!asked) return undefined;
    return {
      name,
      path: program,
      args,
      version: '',
      family: 'runc',
      needsCure: false,
      verdict: { works: false, why: `${program} is not on this host` },
    };
  }
  const { stdout } = await run(path, ['--version']);
  const version = /version (\S+)/.exec(stdout)?.[1] ?? stdout.split('\n')[0] ?? '';
  const family = /crun/.test(stdout) ? 'crun' : 'runc';
  const message = await tryCreate(path, args, scratch);
  const base = { name, path, args, version, family, needsCure: false } as const;
  if (/hybrid/i.test(message) && isHybridWithControllers())
    return {
      ...base,
      needsCure: true,
      verdict: {
        works: true,
        why: 'works in a mount namespace of its own, where the hybrid cgroup hierarchy is hidden',
      },
    };
  // the only thing wrong must be the program that is not there
  if (/no such file|not found/i.test(message))
    return { ...base, verdict: { works: true, why: `${path} ${version} works on this host` } };
  return { ...base, verdict: { works: false, why: message || 'it accepted a program that does not exist' } };
}

/** Creates a container whose program does not exist: everything before that is tried for real, in some 10 ms. */
async function tryCreate(path: string, args: string[], scratch: string): Promise<string> {
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  const bundle = mkdtempSync(join(scratch, 'probe-'));
  const id = `corten-probe-${process.pid}-${bundle.slice(-6)}`;
  try {
    mkdirSync(join(bundle, 'rootfs'));
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(probeConfig(id)));
    const all = [...args, '--root', join(bundle, 'r')];
    const { stderr } = await run(path, [...all, 'create', '--bundle', bundle, id]);
    await run(path, [...all, 'delete', '--force', id]);
    return stderr.trim();
  } finally {
    rmSync(bundle, { recursive: true, force: true });
  }
}

const probeConfig = (id: string) => ({
  ociVersion: '1.0.2',
  process: { user: { uid: 0, gid: 0 }, args: ['/corten-probe'], env: ['PATH=/'], cwd: '/', noNewPrivileges: true },
  root: { path: 'rootfs' },
  mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
  linux: { cgroupsPath: `/${id}`, namespaces: ['mount', 'pid', 'ipc', 'uts', 'network'].map((type) => ({ type })) },
});

/** The configured default, else the first of crun and runc that works. */
export function chooseDefault(runtimes: readonly ProbedRuntime[], wanted?: string): ProbedRuntime {
  if (wanted !== undefined) {
    const found = runtimes.find((r) => r.name === wanted);
    if (!found) throw invalid(`specified default runtime '${wanted}' does not exist`);
    return found;
  }
  const working = runtimes.find((r) => r.verdict.works);
  if (working) return working;
  const reasons = runtimes.map((r) => `${r.name}: ${r.verdict.why}`).join('; ');
  throw system(`no OCI runtime works on this host (${reasons || 'neither crun nor runc is installed'})`);
}

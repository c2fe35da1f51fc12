import { statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { invalid, system } from '@corten/errors';
import { run } from '@corten/util';
import { ProbeCache } from './probe-cache.ts';
import type { Enter } from './run-program.ts';
import { tryRuntime } from './runtime-trial.ts';
import type { OciRuntime } from './types.ts';

export interface ProbedRuntime extends OciRuntime {
  /** Works only inside the cure's mount namespace. */
  needsCure: boolean;
  /** A created container can be let go through its exec.fifo. */
  fifo: boolean;
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
  return stat?.isFile() === true && (stat.mode & 0o111) !== 0;
}

export interface ProbeRequest {
  configured: Record<string, { path: string; args?: string[] }>;
  /** File that keeps the verdicts on what works, so that an engine starts at once the next time. */
  cacheFile: string;
  /** Directory for trial containers. */
  directory: string;
  /** Starts programs where the hybrid hierarchy is hidden; undefined on a host that needs no cure. */
  cure?: Enter;
}

/** Finds crun and runc and the configured runtimes and tries each on this host. */
export async function probeRuntimes(request: ProbeRequest): Promise<ProbedRuntime[]> {
  const { configured, cacheFile } = request;
  const wanted = new Map<string, { path: string; args?: string[] }>([
    ['crun', { path: 'crun' }],
    ['runc', { path: 'runc' }],
    ...Object.entries(configured),
  ]);
  const cache = new ProbeCache(cacheFile);
  const probing = [...wanted].map(async ([name, { path: program, args = [] }], index) => {
    const path = findProgram(program);
    if (path)
      return probe({ name, path, args }, join(request.directory, `runtime-probe-${index}`), request.cure, cache);
    return name in configured ? missing(name, program, args) : undefined;
  });
  const probed = (await Promise.all(probing)).filter((r) => r !== undefined);
  cache.save();
  return probed;
}

const missing = (name: string, program: string, args: string[]): ProbedRuntime => ({
  ...{ name, path: program, args, version: '', family: 'runc', needsCure: false, fifo: false },
  verdict: { works: false, why: `${program} is not on this host` },
});

async function probe(
  { name, path, args }: { name: string; path: string; args: string[] },
  directory: string,
  cure: Enter | undefined,
  cache: ProbeCache,
): Promise<ProbedRuntime> {
  const known = cache.get(path, args);
  if (known) return { ...known, name };
  const { stdout } = await run(path, ['--version']);
  const version = /version (\S+)/.exec(stdout)?.[1] ?? stdout.split('\n')[0] ?? '';
  const family = /crun/.test(stdout) ? 'crun' : 'runc';
  const base = { name, path, args, version, family } as const;
  const attempt = (enter: Enter) => tryRuntime({ program: { path, args, family }, directory, enter });
  let trial = await attempt((start) => start());
  const needsCure = !trial.works && /hybrid/i.test(trial.message) && cure !== undefined;
  if (needsCure) trial = await attempt(cure);
  const why = !trial.works
    ? trial.message
    : needsCure
      ? 'works in a mount namespace of its own, where the hybrid cgroup hierarchy is hidden'
      : `${path} ${version} works on this host`;
  const result: ProbedRuntime = { ...base, needsCure, fifo: trial.fifo, verdict: { works: trial.works, why } };
  if (trial.works) cache.set(path, args, result);
  return result;
}

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

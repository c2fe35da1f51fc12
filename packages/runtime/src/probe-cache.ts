import { existsSync, readFileSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { writeFileAtomicSync } from '@corten/util';
import { hybridControllers } from './cgroup-cure.ts';
import type { ProbedRuntime } from './runtimes.ts';

/** Verdicts on runtimes that work, each good for one program file, kernel and cgroup layout. What does not work is tried again. */
export class ProbeCache {
  readonly #file: string;
  readonly #known: Record<string, ProbedRuntime>;
  readonly #current: Record<string, ProbedRuntime> = {};

  constructor(file: string) {
    this.#file = file;
    this.#known = readKnown(file);
  }

  get(path: string, args: string[]): ProbedRuntime | undefined {
    const key = keyOf(path, args);
    const found = this.#known[key];
    if (found) this.#current[key] = found;
    return found;
  }

  set(path: string, args: string[], verdict: ProbedRuntime): void {
    this.#current[keyOf(path, args)] = verdict;
  }

  /** Keeps what was used or learnt this time. */
  save(): void {
    const text = JSON.stringify(this.#current);
    if (text !== JSON.stringify(this.#known)) writeFileAtomicSync(this.#file, text, 0o600);
  }
}

/** A file that cannot be read as JSON (a format of another version) is as good as none: everything is tried again. */
function readKnown(file: string): Record<string, ProbedRuntime> {
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, ProbedRuntime>;
  } catch {
    return {};
  }
}

function keyOf(path: string, args: string[]): string {
  const { mtimeNs, size } = statSync(path, { bigint: true });
  const layout = `${existsSync('/sys/fs/cgroup/cgroup.controllers') ? 'v2' : 'v1'} ${hybridControllers()}`;
  return [path, ...args, mtimeNs, size, release(), layout].join('\0');
}

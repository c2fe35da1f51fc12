import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileSeccomp, type SeccompSpec } from '@corten/host';
import { writeFileAtomicSync } from '@corten/util';

const ANNOTATION = 'run.oci.seccomp_bpf_data';
const KEPT = 16;

/**
 * crun compiles a container's seccomp section at every start, which takes 20 of 33 ms; it also takes a compiled filter in
 * an annotation. Profiles are few, so each is compiled once and kept, in memory and beneath the exec root.
 */
export class SeccompCache {
  readonly #dir: string;
  readonly #filters = new Map<string, string>();

  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }

  /** Puts the compiled filter into a bundle's config.json, where there is a seccomp section that compiles. */
  prepare(bundle: string): void {
    const path = join(bundle, 'config.json');
    const config = parseExactly(readFileSync(path, 'utf8')) as {
      linux?: { seccomp?: SeccompSpec };
      annotations?: Record<string, string>;
    };
    const section = config.linux?.seccomp;
    const filter = section && this.#filterOf(section);
    if (!filter) return;
    config.annotations = { ...config.annotations, [ANNOTATION]: filter };
    writeFileSync(path, JSON.stringify(config));
  }

  #filterOf(section: SeccompSpec): string | undefined {
    const key = createHash('sha256').update(JSON.stringify(section)).digest('hex');
    const known = this.#filters.get(key);
    if (known) return known;
    const file = join(this.#dir, key);
    const filter = existsSync(file) ? readFileSync(file, 'utf8') : compileSeccomp(section)?.toString('base64');
    if (!filter) return undefined;
    if (!existsSync(file)) writeFileAtomicSync(file, filter, 0o600);
    if (this.#filters.size >= KEPT) this.#filters.clear();
    this.#filters.set(key, filter);
    return filter;
  }
}

type Reviver = (key: string, value: unknown, context: { source: string }) => unknown;
const { parse, rawJSON } = JSON as unknown as {
  parse(text: string, reviver: Reviver): unknown;
  rawJSON(text: string): unknown;
};

/** Numbers beyond 2^53 (an unlimited rlimit is 2^64 - 1) keep their digits. */
const parseExactly = (text: string): unknown =>
  parse(text, (_key, value, { source }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^\d+$/.test(source) ? rawJSON(source) : value,
  );

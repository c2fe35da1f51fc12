import { goList } from './go-text.ts';

/** Known without an ARG, and not part of the cache's key unless declared (reference: "Predefined ARGs"). */
const PREDEFINED = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((n) => [
  n,
  n.toLowerCase(),
]);

type Values = ReadonlyMap<string, string | undefined>;

/** Build arguments given by the client, and those that ARG declared before the first FROM. */
export class GivenArgs {
  readonly #given: Readonly<Record<string, string | null>>;
  readonly #meta = new Map<string, string | undefined>();
  readonly #referenced = new Set<string>();

  constructor(given: Readonly<Record<string, string | null>>) {
    this.#given = given;
  }

  /** ARG before the first FROM. */
  declareMeta(key: string, value: string | undefined): void {
    this.#meta.set(key, value);
    this.#referenced.add(key);
  }
  reference(key: string): void {
    this.#referenced.add(key);
  }

  /** What the client gave, else the declaration's default, else the value from before the first FROM. */
  value(key: string, declared: Values): string | undefined {
    const given = Object.hasOwn(this.#given, key) ? this.#given[key] : undefined;
    if (given !== undefined && given !== null) return given;
    return declared.get(key) ?? this.#meta.get(key);
  }

  /** For FROM: only arguments from before the first FROM. */
  meta(name: string): string | undefined {
    return this.#meta.has(name) || PREDEFINED.includes(name) ? this.value(name, this.#meta) : undefined;
  }

  /** A line naming given arguments that nothing declared, or ''. */
  unusedWarning(): string {
    const unused = Object.keys(this.#given).filter((k) => !PREDEFINED.includes(k) && !this.#referenced.has(k));
    if (unused.length === 0) return '';
    return `[Warning] One or more build-args ${goList(unused.toSorted())} were not consumed\n`;
  }
}

/** The arguments that one stage has declared so far. */
export class StageArgs {
  readonly #given: GivenArgs;
  readonly #declared = new Map<string, string | undefined>();

  constructor(given: GivenArgs) {
    this.#given = given;
  }

  declare(key: string, value: string | undefined): void {
    this.#declared.set(key, value);
    this.#given.reference(key);
  }

  value(key: string): string | undefined {
    if (!this.#declared.has(key) && !PREDEFINED.includes(key)) return undefined;
    return this.#given.value(key, this.#declared);
  }

  /** `KEY=value` of what RUN gets besides the image's environment, sorted. */
  environment(imageEnv: ReadonlySet<string>): string[] {
    const keys = new Set([...this.#declared.keys(), ...PREDEFINED]);
    const pairs: string[] = [];
    for (const key of keys) {
      const value = imageEnv.has(key) ? undefined : this.value(key);
      if (value !== undefined) pairs.push(`${key}=${value}`);
    }
    return pairs.sort();
  }

  /** Whether an argument's value shows in the history and counts for the cache. */
  matters(key: string): boolean {
    return this.#declared.has(key) || !PREDEFINED.includes(key);
  }
}

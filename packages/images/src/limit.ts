/** At most `size` of the works given to it run at once; the rest wait in order. */
export class Limit {
  #free: number;
  readonly #waiting: (() => void)[] = [];
  constructor(size: number) {
    this.#free = size;
  }

  get full(): boolean {
    return this.#free === 0;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}

/**
 * Runs all works and waits for every one, also when one fails: nothing goes on in the background afterwards.
 * The first failure aborts the others by `abort` and is thrown.
 */
export async function allOrNothing<T>(works: Promise<T>[], abort: (reason: unknown) => void): Promise<T[]> {
  let failed = false;
  let failure: unknown;
  for (const work of works)
    work.catch((error: unknown) => {
      if (failed) return;
      failed = true;
      failure = error;
      abort(error);
    });
  const results = await Promise.allSettled(works);
  if (failed) throw failure;
  return results.map((r) => (r as PromiseFulfilledResult<T>).value);
}

/** First come, first served mutual exclusion for async sections; `using release = await m.lock()`. */
export class Mutex {
  #tail: Promise<void> = Promise.resolve();

  async lock(): Promise<Disposable> {
    const previous = this.#tail;
    const gate = Promise.withResolvers<void>();
    this.#tail = gate.promise;
    await previous;
    return { [Symbol.dispose]: gate.resolve };
  }
}

/** One Mutex per key, kept only while somebody holds or waits for it. */
export class KeyedLock {
  readonly #locks = new Map<string, { mutex: Mutex; users: number }>();

  async lock(key: string): Promise<Disposable> {
    const entry = this.#locks.get(key) ?? { mutex: new Mutex(), users: 0 };
    this.#locks.set(key, entry);
    entry.users++;
    const held = await entry.mutex.lock();
    return {
      [Symbol.dispose]: () => {
        held[Symbol.dispose]();
        if (--entry.users === 0) this.#locks.delete(key);
      },
    };
  }
}

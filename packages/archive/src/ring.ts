/**
 * A bounded byte pipe between the main thread (which must not block) and a worker (which may): one producer, one
 * consumer, a shared buffer. The worker's side is synchronous, so that tar code reads like a plain loop.
 */
const WRITTEN = 0; // bytes ever written, modulo 2^32
const READ = 1; // bytes ever read, modulo 2^32
const ENDED = 2; // the producer is done
const BROKEN = 3; // one side gave up
const HEADER_BYTES = 16;
const CAPACITY = 1 << 20;

export type RingMemory = SharedArrayBuffer;
export const newRing = (): RingMemory => new SharedArrayBuffer(HEADER_BYTES + CAPACITY);

class Ring {
  protected readonly state: Int32Array;
  protected readonly bytes: Uint8Array;

  constructor(memory: RingMemory) {
    this.state = new Int32Array(memory, 0, 4);
    this.bytes = new Uint8Array(memory, HEADER_BYTES);
  }

  protected get filled(): number {
    return (Atomics.load(this.state, WRITTEN) - Atomics.load(this.state, READ)) >>> 0;
  }
  get broken(): boolean {
    return Atomics.load(this.state, BROKEN) === 1;
  }
  /** Gives up: the other side sees it at its next wait. */
  break(): void {
    Atomics.store(this.state, BROKEN, 1);
    Atomics.notify(this.state, WRITTEN);
    Atomics.notify(this.state, READ);
  }
  protected put(chunk: Uint8Array): number {
    const written = Atomics.load(this.state, WRITTEN) >>> 0;
    const at = written % CAPACITY;
    const size = Math.min(chunk.length, CAPACITY - this.filled, CAPACITY - at);
    this.bytes.set(chunk.subarray(0, size), at);
    Atomics.store(this.state, WRITTEN, (written + size) | 0);
    Atomics.notify(this.state, WRITTEN);
    return size;
  }
  /** A view of what can be read at once; valid until taken(). */
  protected peek(): Uint8Array {
    const read = Atomics.load(this.state, READ) >>> 0;
    const at = read % CAPACITY;
    return this.bytes.subarray(at, at + Math.min(this.filled, CAPACITY - at));
  }
  protected taken(size: number): void {
    const read = Atomics.load(this.state, READ) >>> 0;
    Atomics.store(this.state, READ, (read + size) | 0);
    Atomics.notify(this.state, READ);
  }
  protected get ended(): boolean {
    return Atomics.load(this.state, ENDED) === 1;
  }
}

export class AsyncRingWriter extends Ring {
  /** False when the reader gave up. */
  async write(chunk: Uint8Array): Promise<boolean> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.broken) return false;
      const seen = Atomics.load(this.state, READ);
      const size = this.put(rest);
      rest = rest.subarray(size);
      if (size === 0) await Atomics.waitAsync(this.state, READ, seen, 1000).value;
    }
    return !this.broken;
  }
  end(): void {
    Atomics.store(this.state, ENDED, 1);
    Atomics.notify(this.state, WRITTEN);
  }
}

export class SyncRingReader extends Ring {
  /** The next bytes (a view, valid until the next call), or undefined at the end. */
  #pending = 0;
  next(): Uint8Array | undefined {
    if (this.#pending > 0) this.taken(this.#pending);
    this.#pending = 0;
    for (;;) {
      const seen = Atomics.load(this.state, WRITTEN);
      const view = this.peek();
      if (view.length > 0) {
        this.#pending = view.length;
        return view;
      }
      if (this.broken) throw new Error('the transfer was interrupted');
      if (this.ended && this.filled === 0) return undefined;
      Atomics.wait(this.state, WRITTEN, seen, 1000);
    }
  }
}

export class SyncRingWriter extends Ring {
  write(chunk: Uint8Array): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.broken) throw new Error('the reader went away');
      const seen = Atomics.load(this.state, READ);
      const size = this.put(rest);
      rest = rest.subarray(size);
      if (size === 0) Atomics.wait(this.state, READ, seen, 1000);
    }
  }
  end(): void {
    Atomics.store(this.state, ENDED, 1);
    Atomics.notify(this.state, WRITTEN);
  }
}

export class AsyncRingReader extends Ring {
  /** A copy of the next bytes, or undefined at the end (also when the writer broke off: its job's error tells why). */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      const seen = Atomics.load(this.state, WRITTEN);
      const view = this.peek();
      if (view.length > 0) {
        const size = Math.min(view.length, 256 << 10);
        const copy = Buffer.from(view.subarray(0, size));
        this.taken(size);
        return copy;
      }
      if (this.broken || (this.ended && this.filled === 0)) return undefined;
      await Atomics.waitAsync(this.state, WRITTEN, seen, 1000).value;
    }
  }
}

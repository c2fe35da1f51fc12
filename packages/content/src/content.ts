import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { codeOf, conflict, invalid, notFound } from '@corten/errors';
import type { Digest } from '@corten/oci';
import { collect } from '@corten/util';
import type { Content, Ingest } from './types.ts';

const SMALL = 8 << 20;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Opens the blob store beneath `root` (`blobs/sha256/<hex>`, `ingest/`) and drops partials that cannot be resumed. */
export async function openContent(root: string): Promise<Content> {
  const blobs = join(root, 'blobs', 'sha256');
  const partials = join(root, 'ingest');
  mkdirSync(blobs, { recursive: true, mode: 0o700 });
  mkdirSync(partials, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(partials)) if (!name.startsWith('r-')) rmSync(join(partials, name), { force: true });
  return new FileContent(blobs, partials);
}

class FileContent implements Content {
  readonly #blobs: string;
  readonly #partials: string;
  readonly #writing = new Set<string>();

  constructor(blobs: string, partials: string) {
    this.#blobs = blobs;
    this.#partials = partials;
  }

  path(digest: Digest): string {
    if (!DIGEST.test(digest)) throw invalid(`invalid digest: ${digest}`);
    return join(this.#blobs, digest.slice(7));
  }

  size(digest: Digest): number | undefined {
    return statSync(this.path(digest), { throwIfNoEntry: false })?.size;
  }

  read(digest: Digest, { start = 0, end }: { start?: number; end?: number } = {}): Readable {
    const size = this.size(digest);
    if (size === undefined) throw notFound(`blob ${digest} not found`);
    if (start >= (end ?? size)) return Readable.from([]);
    return createReadStream(this.path(digest), {
      start,
      ...(end === undefined ? {} : { end: end - 1 }),
      highWaterMark: 256 << 10,
    });
  }

  async readBytes(digest: Digest, limit = SMALL): Promise<Buffer> {
    return collect(this.read(digest), limit, `blob ${digest}`);
  }

  async put(bytes: Uint8Array): Promise<Digest> {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
    if (this.size(digest) === bytes.length) return digest;
    await using ingest = await this.ingest(randomUUID());
    await ingest.write(bytes);
    return ingest.commit({ digest, size: bytes.length });
  }

  async ingest(ref: string, { resumable = false } = {}): Promise<Ingest> {
    const name = `${resumable ? 'r' : 't'}-${createHash('sha256').update(ref).digest('hex')}`;
    if (this.#writing.has(name)) throw conflict(`${ref} is being written already`);
    this.#writing.add(name);
    const path = join(this.#partials, name);
    try {
      const file = await open(path, resumable ? 'a+' : 'w+', 0o600);
      const hash = createHash('sha256');
      const offset = resumable ? await rehash(file, hash) : 0;
      const done = () => this.#writing.delete(name);
      return new FileIngest({
        file,
        path,
        hash,
        offset,
        resumable,
        target: (d) => this.path(d),
        blobs: this.#blobs,
        done,
      });
    } catch (error) {
      this.#writing.delete(name);
      throw error;
    }
  }

  async delete(digest: Digest): Promise<void> {
    await rm(this.path(digest), { force: true });
  }

  async *list(): AsyncIterable<{ digest: Digest; size: number }> {
    for (const name of await readdir(this.#blobs)) {
      const found = await stat(join(this.#blobs, name)).catch((error) => {
        if (codeOf(error) === 'ENOENT') return undefined; // deleted while we list
        throw error;
      });
      if (found) yield { digest: `sha256:${name}` as Digest, size: found.size };
    }
  }
}

async function rehash(file: FileHandle, hash: ReturnType<typeof createHash>): Promise<number> {
  let offset = 0;
  for await (const chunk of file.createReadStream({ start: 0, autoClose: false, highWaterMark: 1 << 20 })) {
    hash.update(chunk);
    offset += chunk.length;
  }
  return offset;
}

interface IngestState {
  file: FileHandle;
  path: string;
  hash: ReturnType<typeof createHash>;
  offset: number;
  resumable: boolean;
  target(digest: Digest): string;
  blobs: string;
  done(): void;
}

class FileIngest implements Ingest {
  readonly #state: IngestState;
  readonly offset: number;
  #size: number;
  #open = true;

  constructor(state: IngestState) {
    this.#state = state;
    this.offset = state.offset;
    this.#size = state.offset;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#state.hash.update(chunk);
    this.#size += chunk.length;
    let rest = chunk;
    while (rest.length > 0) {
      const { bytesWritten } = await this.#state.file.write(rest);
      rest = rest.subarray(bytesWritten);
    }
  }

  async commit(expected: { digest?: Digest; size?: number } = {}): Promise<Digest> {
    const { hash, file, path, target, blobs } = this.#state;
    const digest = `sha256:${hash.digest('hex')}` as Digest;
    if (expected.size !== undefined && expected.size !== this.#size) {
      await this.abort();
      throw invalid(`unexpected commit size ${this.#size}, expected ${expected.size}`);
    }
    if (expected.digest !== undefined && expected.digest !== digest) {
      await this.abort();
      throw invalid(`unexpected commit digest ${digest}, expected ${expected.digest}`);
    }
    await file.sync();
    await this.#close();
    await rename(path, target(digest));
    const directory = await open(blobs, 'r');
    await directory.sync().finally(() => directory.close());
    return digest;
  }

  async abort(): Promise<void> {
    await this.#close();
    await rm(this.#state.path, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return;
    if (this.#state.resumable) await this.#close();
    else await this.abort();
  }

  async #close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#state.file.close();
    this.#state.done();
  }
}

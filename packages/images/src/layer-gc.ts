import type { Content } from '@corten/content';
import { isKind } from '@corten/errors';
import type { ChainId, Digest } from '@corten/oci';
import type { Snapshots } from '@corten/snapshots';
import { KeyedLock, type Logger } from '@corten/util';
import type { ImageRecords } from './records.ts';

/**
 * Removes layers and blobs that no image has any more, and keeps those that somebody is just about to use.
 * Layers beneath a container's snapshot stay (the snapshots room refuses); they are tried again later.
 */
export class LayerGc {
  readonly #records: ImageRecords;
  readonly #snapshots: Snapshots;
  readonly #content: Content;
  readonly #log: Logger;
  readonly #locks = new KeyedLock();
  readonly #pins = new Map<string, number>();
  /** Layers without an image that a container still stood on when we last tried. */
  readonly #held = new Set<ChainId>();

  constructor(deps: { records: ImageRecords; snapshots: Snapshots; content: Content; log: Logger }) {
    this.#records = deps.records;
    this.#snapshots = deps.snapshots;
    this.#content = deps.content;
    this.#log = deps.log;
  }

  /** Keeps layers or blobs from being removed until disposed; waits for a removal that is under way. */
  async pin(names: readonly Digest[]): Promise<Disposable> {
    for (const name of names) {
      using _held = await this.#locks.lock(name);
      this.#pins.set(name, (this.#pins.get(name) ?? 0) + 1);
    }
    let released = false;
    return {
      [Symbol.dispose]: () => {
        if (released) return;
        released = true;
        for (const name of names) {
          const left = this.#pins.get(name)! - 1;
          if (left === 0) this.#pins.delete(name);
          else this.#pins.set(name, left);
        }
      },
    };
  }

  /** Removes what is unused of a stack, topmost first. Returns the chain IDs that went. */
  async releaseChain(chains: readonly ChainId[]): Promise<ChainId[]> {
    const removed: ChainId[] = [];
    for (const chain of chains.toReversed()) {
      if (!(await this.#removeLayer(chain))) break;
      removed.push(chain);
    }
    return removed;
  }

  async #removeLayer(chain: ChainId): Promise<boolean> {
    using _held = await this.#locks.lock(chain);
    if (this.#records.layerInUse(chain) || this.#pins.has(chain)) return false;
    if (!this.#snapshots.layer(chain)) return true;
    try {
      await this.#snapshots.removeLayer(chain);
      this.#held.delete(chain);
      return true;
    } catch (error) {
      if (!isKind(error, 'conflict')) throw error;
      this.#held.add(chain);
      return false;
    }
  }

  /** Tries again what a container held. */
  async retryHeld(): Promise<void> {
    for (const chain of [...this.#held]) {
      const stack = this.#stack(chain);
      if (this.#records.layerInUse(chain)) this.#held.delete(chain);
      else await this.releaseChain(stack);
    }
  }

  #stack(top: ChainId): ChainId[] {
    const stack: ChainId[] = [];
    for (let at = this.#snapshots.layer(top); at; at = at.parent ? this.#snapshots.layer(at.parent) : undefined)
      stack.unshift(at.chainId);
    return stack;
  }

  /** Deletes blobs from the content store that neither an image nor a running operation needs. */
  async releaseBlobs(digests: readonly Digest[]): Promise<void> {
    for (const digest of digests) {
      using _held = await this.#locks.lock(digest);
      if (this.#pins.has(digest) || this.#records.blob(digest) || this.#records.manifestInUse(digest)) continue;
      if (this.#content.size(digest) !== undefined) await this.#content.delete(digest);
    }
  }

  /** At start: removes layers and blobs that a crash left without an image, and forgets blobs whose bytes are gone. */
  async sweep(): Promise<void> {
    const parents = new Set(this.#snapshots.layers().map((l) => l.parent));
    const tops = this.#snapshots.layers().filter((l) => !parents.has(l.chainId));
    for (const top of tops) await this.releaseChain(this.#stack(top.chainId));
    for (const digest of this.#records.allBlobs())
      if (this.#content.size(digest) === undefined) this.#records.dropBlob(digest);
    const stale: Digest[] = this.#records.dropUnusedBlobs();
    for await (const { digest } of this.#content.list())
      if (!this.#records.blob(digest) && !this.#records.manifestInUse(digest)) stale.push(digest);
    await this.releaseBlobs(stale);
    if (stale.length > 0) this.#log.info('removed blobs that no image needs', { count: stale.length });
  }
}

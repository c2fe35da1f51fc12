import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { MS, mount, mountInfo, unmount } from '@corten/host';
import { writeFileAtomicSync } from '@corten/util';

/** What was done to make a directory a shared mount: bound onto itself, or the mount that it already was made shared. */
type Change = 'bound' | 'shared';

interface Journal {
  /** Mounts do not outlive the kernel: what another boot wrote means nothing. */
  boot: string;
  changes: Record<string, Change>;
}

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/**
 * Directories made shared mounts, so that what the engine mounts beneath them later appears in other mount namespaces.
 * Each change is written down before it is made, and taken back when nothing is mounted beneath any more; an engine
 * that was killed leaves them to the next.
 */
export class SharedRoots {
  readonly #file: string;
  readonly #journal: Journal;

  constructor(file: string) {
    this.#file = file;
    const boot = bootId();
    const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Journal) : undefined;
    this.#journal = known?.boot === boot ? known : { boot, changes: {} };
  }

  /** Idempotent. Gives the directory's real path. */
  share(directory: string): string {
    const path = realpathSync(directory);
    const own = mountAt(path);
    if (propagates(own ?? mountAbove(path))) return path;
    this.#write({ ...this.#journal.changes, [path]: this.#journal.changes[path] ?? (own ? 'shared' : 'bound') });
    if (!own) mount({ source: path, target: path, flags: MS.BIND | MS.REC });
    mount({ source: 'none', target: path, flags: MS.SHARED });
    return path;
  }

  /** Takes back what share did, where nothing is mounted beneath; deepest first. */
  restore(): void {
    const paths = Object.keys(this.#journal.changes).sort((a, b) => b.length - a.length);
    for (const path of paths) {
      if (mountInfo().some((m) => m.mountPoint.startsWith(`${path}/`))) continue;
      const { [path]: change, ...rest } = this.#journal.changes;
      if (mountAt(path)) {
        if (change === 'bound') unmount(path, { detach: true });
        else mount({ source: 'none', target: path, flags: MS.PRIVATE });
      }
      this.#write(rest);
    }
  }

  #write(changes: Record<string, Change>): void {
    this.#journal.changes = changes;
    writeFileAtomicSync(this.#file, JSON.stringify(this.#journal), 0o600);
  }
}

type Mount = ReturnType<typeof mountInfo>[number];
const mountAt = (path: string): Mount | undefined =>
  mountInfo()
    .filter((m) => m.mountPoint === path)
    .at(-1);
/** The mount that `path` lies on. */
const mountAbove = (path: string): Mount | undefined =>
  mountInfo()
    .filter((m) => m.mountPoint === '/' || path.startsWith(`${m.mountPoint}/`))
    .sort((a, b) => a.mountPoint.length - b.mountPoint.length)
    .at(-1);
const propagates = (m: Mount | undefined): boolean => m?.propagation.some((p) => p.startsWith('shared:')) ?? false;

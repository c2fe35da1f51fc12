import { existsSync, readFileSync, statSync } from 'node:fs';
import { type MountNamespace, MS, mount, mountInfo, newMountNamespace } from '@corten/host';

const UNIFIED = '/sys/fs/cgroup/unified';
const CONTROLLERS = `${UNIFIED}/cgroup.controllers`;

/** Controllers in the unified hierarchy of a host that has v1 ones too: the layout that crun refuses. '' when it is not so. */
export const hybridControllers = (): string =>
  existsSync(CONTROLLERS) ? readFileSync(CONTROLLERS, 'utf8').trim() : '';

function cureNamespace(): MountNamespace {
  return newMountNamespace(() => {
    mount({ source: 'none', target: UNIFIED, flags: MS.PRIVATE });
    mount({ source: '/dev/null', target: CONTROLLERS, flags: MS.BIND });
  });
}

/**
 * A mount namespace in which the unified hierarchy looks empty; programs started in it (conmon, crun) accept the host's v1
 * controllers. The host itself is not touched. What is mounted later beneath `roots`, which are shared mounts, is seen
 * inside; for what is mounted elsewhere the namespace is made anew.
 */
export class CgroupCure {
  readonly #roots: readonly string[];
  #namespace: MountNamespace;

  constructor(roots: readonly string[]) {
    this.#roots = roots;
    this.#namespace = cureNamespace();
  }

  /** Runs `work` (synchronous) inside. */
  run<T>(work: () => T): T {
    return this.#namespace.run(work);
  }

  /** Sees to it that these paths are inside what they are outside. What was started earlier keeps its old view. */
  show(paths: readonly string[]): void {
    const others = paths.filter((path) => !this.#roots.some((root) => path === root || path.startsWith(`${root}/`)));
    if (others.length === 0 || this.visible(others)) return;
    const old = this.#namespace;
    this.#namespace = cureNamespace();
    old.close();
  }

  /** Whether each path, and what is mounted beneath it, is the same inside as outside. */
  visible(paths: readonly string[]): boolean {
    const outside = view(paths);
    return outside === this.#namespace.run(() => view(paths));
  }

  close(): void {
    this.#namespace.close();
  }
}

/** What the calling thread sees at the paths: files by device and inode, and the mounts beneath. */
function view(paths: readonly string[]): string {
  const files = paths.map((path) => {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    return `${path} ${stat?.dev}:${stat?.ino}`;
  });
  const mounts = mountInfo('/proc/thread-self/mountinfo')
    .filter((m) => paths.some((path) => m.mountPoint.startsWith(path === '/' ? path : `${path}/`)))
    .filter((m) => !m.mountPoint.startsWith(UNIFIED))
    .map((m) => `${m.mountPoint} ${m.root} ${m.type} ${m.source}`)
    .sort();
  return [...files, ...mounts].join('\n');
}

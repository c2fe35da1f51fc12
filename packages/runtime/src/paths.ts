import { join } from 'node:path';

/** Files of a task. The bundle's path is short: unix socket paths end at 107 bytes. */
export class RuntimePaths {
  readonly execRoot: string;
  constructor(execRoot: string) {
    this.execRoot = execRoot;
  }
  /** conmon writes `<exits>/<id>` with the exit code; its time is when the task ended. */
  get exits(): string {
    return join(this.execRoot, 'exits');
  }
  exit(id: string): string {
    return join(this.exits, id);
  }
  /** conmon's persist directory: holds `oom` when the kernel killed for memory. */
  persist(id: string): string {
    return join(this.execRoot, 'p', id);
  }
  /** The OCI runtime's own state. */
  get runtimeRoot(): string {
    return join(this.execRoot, 'r');
  }
  /** Verdicts on runtimes that work. */
  get probes(): string {
    return join(this.execRoot, 'runtimes.json');
  }
  /** What was changed to make directories shared mounts. */
  get sharedRoots(): string {
    return join(this.execRoot, 'shared-roots.json');
  }
  /** Files of calls under way; emptied when an engine starts. */
  get scratch(): string {
    return join(this.execRoot, 'x');
  }
}

export const bundleFiles = (bundle: string) => ({
  pid: join(bundle, 'pid'),
  attach: join(bundle, 'attach'),
  control: join(bundle, 'ctl'),
  startTime: join(bundle, 'started'),
});

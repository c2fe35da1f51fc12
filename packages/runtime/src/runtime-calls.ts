import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { system } from '@corten/errors';
import type { RuntimePaths } from './paths.ts';
import { type Enter, runAndListen } from './run-program.ts';
import type { ProbedRuntime } from './runtimes.ts';
import { runtimeMessage } from './start-error.ts';

/** Short calls of the OCI runtime: start, pause, resume, update, delete. */
export class RuntimeCalls {
  readonly #paths: RuntimePaths;
  readonly #enterFor: (runtime: ProbedRuntime) => Enter;

  constructor(paths: RuntimePaths, enterFor: (runtime: ProbedRuntime) => Enter) {
    this.#paths = paths;
    this.#enterFor = enterFor;
  }

  run(runtime: ProbedRuntime, args: string[]): Promise<{ code: number; stderr: string }> {
    const all = [...runtime.args, '--root', this.#paths.runtimeRoot, ...args];
    return runAndListen(runtime.path, all, this.#enterFor(runtime));
  }

  /** Throws with the runtime's message. */
  async must(runtime: ProbedRuntime, args: string[]): Promise<void> {
    const { code, stderr } = await this.run(runtime, args);
    if (code !== 0) throw system(runtimeMessage(stderr) || `${runtime.name} ${args[0]} ended with ${code}`);
  }

  /** The family of runtimes whose state a container's is; undefined when there is none. */
  familyOf(id: string): ProbedRuntime['family'] | undefined {
    const state = join(this.#paths.runtimeRoot, id);
    if (existsSync(join(state, 'status'))) return 'crun';
    return existsSync(state) ? 'runc' : undefined;
  }
}

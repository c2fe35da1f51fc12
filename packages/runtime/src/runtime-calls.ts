import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { system } from '@corten/errors';
import { pipe, type SpawnedProcess, spawnProcess } from '@corten/host';
import { collect } from '@corten/util';
import type { RuntimePaths } from './paths.ts';
import type { ProbedRuntime } from './runtimes.ts';
import { runtimeMessage } from './start-error.ts';

/** Short calls of the OCI runtime: start, pause, resume, update, delete. */
export class RuntimeCalls {
  readonly #paths: RuntimePaths;
  readonly #enter: (runtime: ProbedRuntime, start: () => SpawnedProcess) => SpawnedProcess;

  constructor(paths: RuntimePaths, enter: (runtime: ProbedRuntime, start: () => SpawnedProcess) => SpawnedProcess) {
    this.#paths = paths;
    this.#enter = enter;
  }

  async run(runtime: ProbedRuntime, args: string[]): Promise<{ code: number; stderr: string }> {
    const { read, write } = pipe();
    const none = openSync('/dev/null', 'r+');
    const request = {
      path: runtime.path,
      args: [...runtime.args, '--root', this.#paths.runtimeRoot, ...args],
      env: { PATH: process.env['PATH'] ?? '', XDG_RUNTIME_DIR: '/run' },
      fds: { 0: none, 1: none, 2: write },
    };
    let child: SpawnedProcess;
    try {
      child = this.#enter(runtime, () => spawnProcess(request));
    } catch (error) {
      closeSync(read);
      throw error;
    } finally {
      closeSync(write);
      closeSync(none);
    }
    const reader = new Socket({ fd: read, readable: true, writable: false });
    const [stderr, code] = await Promise.all([collect(reader, 1 << 20, 'output'), child.exited]);
    return { code, stderr: stderr.toString('utf8') };
  }

  /** Throws with the runtime's message. */
  async must(runtime: ProbedRuntime, args: string[]): Promise<void> {
    const { code, stderr } = await this.run(runtime, args);
    if (code !== 0) throw system(runtimeMessage(stderr) || `${runtime.name} ${args[0]} ended with ${code}`);
  }
}

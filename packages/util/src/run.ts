import { execFile } from 'node:child_process';

export interface RunResult {
  /** Exit code; -1 when the program could not be started or was killed by a signal. */
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a host program to its end and never throws: the caller decides what an exit code means. Output is bounded to 16 MiB. */
export function run(
  file: string,
  args: readonly string[],
  options: { input?: string; signal?: AbortSignal; env?: NodeJS.ProcessEnv } = {},
): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = execFile(
      file,
      args,
      { maxBuffer: 16 << 20, signal: options.signal, env: options.env },
      (error, stdout, stderr) => {
        const code = error ? (typeof error.code === 'number' ? error.code : -1) : 0;
        resolve({ code, stdout, stderr: stderr || (code === -1 && error ? error.message : '') });
      },
    );
    child.stdin?.on('error', () => {}); // the program may end without reading its input; its exit code tells
    child.stdin?.end(options.input ?? '');
  });
}

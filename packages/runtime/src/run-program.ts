import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { pipe, type SpawnedProcess, spawnProcess } from '@corten/host';
import { collect } from '@corten/util';

/** Starts a program where it works: in the host's mount namespace or in the cure's. */
export type Enter = (start: () => SpawnedProcess) => SpawnedProcess;

const environment = () => ({ PATH: process.env['PATH'] ?? '', XDG_RUNTIME_DIR: '/run' });

/** Runs a runtime without input or output; what it says goes to its log. */
export async function runProgram(path: string, args: string[], enter: Enter): Promise<{ code: number }> {
  const none = openSync('/dev/null', 'r+');
  try {
    const fds = { 0: none, 1: none, 2: none };
    const child = enter(() => spawnProcess({ path, args, env: environment(), fds }));
    return { code: await child.exited };
  } finally {
    closeSync(none);
  }
}

/** Runs a runtime to its end and collects its standard error; not for calls that leave a process behind, which keeps that open. */
export async function runAndListen(
  path: string,
  args: string[],
  enter: Enter,
): Promise<{ code: number; stderr: string }> {
  const { read, write } = pipe();
  const none = openSync('/dev/null', 'r+');
  let child: SpawnedProcess;
  try {
    const fds = { 0: none, 1: none, 2: write };
    child = enter(() => spawnProcess({ path, args, env: environment(), fds }));
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

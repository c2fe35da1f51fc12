import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, system } from '@corten/errors';
import { run } from '@corten/util';

/** Whether something is mounted on `path`: another device than its parent's, or (a bind) another mount ID. */
export function isMountPoint(path: string): boolean {
  try {
    const own = statSync(path);
    const parent = statSync(dirname(path));
    return own.dev !== parent.dev || own.ino === parent.ino || bindMounted(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function bindMounted(path: string): boolean {
  const escaped = path.replaceAll(' ', '\\040');
  return readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${escaped} `);
}

/** Bytes that a directory's files occupy, counted by du(1) in its own process: a volume may hold millions of files. */
export async function diskUsage(path: string): Promise<number> {
  const { code, stdout, stderr } = await run('du', ['-sb', '--', path]);
  const bytes = Number(/^\d+/.exec(stdout)?.[0]);
  // du reports files that vanished while it counted with exit code 1, yet prints the sum
  if (Number.isNaN(bytes)) throw system(`cannot measure ${path}: ${stderr.trim() || `du ended with ${code}`}`);
  return bytes;
}

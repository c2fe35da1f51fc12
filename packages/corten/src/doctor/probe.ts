import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run } from '@corten/util';

export const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // not there or not ours to read: the finding says what is lacking
  }
};

/** Where a program is: on PATH, or where only root's PATH looks. */
export function which(name: string): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin'];
  return directories.map((d) => join(d, name)).find(existsSync);
}

/** First line of a program's answer, or undefined when it fails. */
export async function firstLine(file: string, ...args: string[]): Promise<string | undefined> {
  const { code, stdout, stderr } = await run(file, args, { signal: AbortSignal.timeout(3000) });
  return code === 0 ? (stdout || stderr).split('\n')[0]!.trim() : undefined;
}

/** Whether the kernel can make this in a network or mount namespace of its own, tried and thrown away. */
export async function tried(...command: string[]): Promise<boolean> {
  const { code } = await run('unshare', command, { signal: AbortSignal.timeout(3000) });
  return code === 0;
}

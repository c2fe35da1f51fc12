import { createWriteStream, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Context } from '../cli/command.ts';
import { CliError } from '../cli/errors.ts';

/** Writes an archive to a file, which appears only when it is whole, or to stdout when that is no terminal. */
export async function saveTo(
  context: Context,
  path: string,
  verb: string,
  open: () => Promise<Readable>,
): Promise<void> {
  if (!path) {
    if (context.stdout.isTTY)
      throw new CliError('cowardly refusing to save to a terminal. Use the -o flag or redirect');
    await pipeline(await open(), context.stdout, { end: false });
    return;
  }
  if (!existsSync(dirname(path)))
    throw new CliError(
      `failed to ${verb} image: invalid output path: directory ${JSON.stringify(dirname(path))} does not exist`,
    );
  if (existsSync(path) && !statSync(path).isFile()) {
    if (statSync(path).isDirectory())
      throw new CliError(
        `failed to ${verb} image: invalid output path: ${JSON.stringify(path)} must be a regular file`,
      );
    return pipeline(await open(), createWriteStream(path));
  }
  const temporary = `${path}.tmp-${process.pid}`;
  const source = await open();
  try {
    await pipeline(source, createWriteStream(temporary, { mode: 0o600, highWaterMark: 256 * 1024 }));
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

import { existsSync, unlinkSync, writeFileSync } from 'node:fs';
import type { Context } from '../cli/command.ts';
import { CliError } from '../cli/errors.ts';
import type { Values } from '../cli/flag-types.ts';
import { isNotFound } from '../client/engine.ts';
import type { CreateBody } from './body.ts';
import type { createFlags } from './flags.ts';

/** Makes the container, pulling its image by the policy of `--pull`; resolves to its id. */
export async function createContainer(
  context: Context,
  flags: Values<typeof createFlags>,
  body: CreateBody,
): Promise<string> {
  const { pull, platform, cidfile } = flags;
  if (!['always', 'missing', 'never'].includes(pull))
    throw new CliError(`invalid pull option: '${pull}': must be one of "always", "missing" or "never"`);
  const finishCidFile = cidfile ? openCidFile(cidfile) : undefined;
  let id: string | undefined;
  try {
    if (pull === 'always') await pullImage(context, flags, body.Image);
    const create = () =>
      context.engine.post<{ Id: string; Warnings: string[] | null }>('/containers/create', {
        query: { name: flags.name || undefined, platform: platform || undefined },
        body,
      });
    const made = await create().catch(async (error: unknown) => {
      if (
        pull !== 'missing' ||
        !isNotFound(error) ||
        !/no such image|not found/i.test(error.detail) ||
        /network/i.test(error.detail)
      )
        throw error;
      if (!flags.quiet) context.warn(`Unable to find image '${familiar(body.Image)}' locally`);
      await pullImage(context, flags, body.Image);
      return create();
    });
    for (const warning of made.Warnings ?? []) context.warn(`WARNING: ${warning}`);
    id = made.Id;
    return id;
  } finally {
    finishCidFile?.(id);
  }
}

async function pullImage(context: Context, flags: Values<typeof createFlags>, image: string): Promise<void> {
  const { pullTo } = await import('../commands/image/pull-image.ts');
  await pullTo(context, image, { platform: flags.platform, quiet: flags.quiet, out: context.stderr });
}

/** The name with its tag, as messages show it. */
export const familiar = (image: string): string => (/[:@][^/]*$/.test(image) ? image : `${image}:latest`);

/** Claims the file before the container is made; without a container it goes again. */
function openCidFile(path: string): (id: string | undefined) => void {
  if (existsSync(path))
    throw new CliError(`container ID file found, make sure the other container isn't running or delete ${path}`);
  try {
    writeFileSync(path, '', { flag: 'wx' });
  } catch (error) {
    throw new CliError(`failed to create the container ID file: ${(error as Error).message}`);
  }
  return (id) => (id === undefined ? unlinkSync(path) : writeFileSync(path, id));
}

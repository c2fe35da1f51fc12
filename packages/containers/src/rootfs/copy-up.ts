import { closeSync, constants, readdirSync } from 'node:fs';
import { codeOf, system } from '@corten/errors';
import { O_PATH, openBeneath } from '@corten/host';
import { run } from '@corten/util';
import { withRoot } from './beneath.ts';

/**
 * Fills an empty volume with what the image has at the mount's place: files, owners, modes and all. The directory is
 * resolved beneath the root and handed to cp by descriptor, so no link of the image leads elsewhere.
 */
export async function copyUp(root: string, destination: string, volumePath: string): Promise<void> {
  if (readdirSync(volumePath).length > 0) return;
  const fd = withRoot(root, (rootFd) => {
    try {
      return openBeneath(rootFd, destination, constants.O_DIRECTORY | O_PATH);
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error) ?? '')) return undefined;
      throw error;
    }
  });
  if (fd === undefined) return;
  try {
    const result = await run('cp', ['-a', '--', `/proc/${process.pid}/fd/${fd}/.`, volumePath]);
    if (result.code !== 0) throw system(`failed to populate volume: ${result.stderr.trim()}`);
  } finally {
    closeSync(fd);
  }
}

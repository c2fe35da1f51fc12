import { closeSync, constants, mkdirSync } from 'node:fs';
import { codeOf, invalid } from '@corten/errors';
import { O_PATH, openBeneath } from '@corten/host';
import { withRoot } from './beneath.ts';

/** Makes the working directory where the image lacks it, as Docker does: root's, mode 0755, resolved beneath the root. */
export function makeWorkingDir(root: string, path: string): void {
  if (path === '' || path === '/') return;
  withRoot(root, (rootFd) => {
    const parts = path.split('/').filter(Boolean);
    for (let depth = 1; depth <= parts.length; depth++) makeOne(rootFd, `/${parts.slice(0, depth).join('/')}`, path);
  });
}

function makeOne(rootFd: number, at: string, whole: string): void {
  const open = () => openBeneath(rootFd, at, O_PATH | constants.O_DIRECTORY);
  try {
    closeSync(open());
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') throw invalid(`Cannot mkdir: ${whole} is not a directory`);
    if (codeOf(error) !== 'ENOENT') throw error;
    const cut = at.lastIndexOf('/');
    const parent = openBeneath(rootFd, at.slice(0, cut) || '/', O_PATH | constants.O_DIRECTORY);
    try {
      mkdirSync(`/proc/self/fd/${parent}/${at.slice(cut + 1)}`, 0o755);
    } catch (failed) {
      if (codeOf(failed) !== 'EEXIST') throw failed; // a link that leads nowhere: the runtime will say so
    } finally {
      closeSync(parent);
    }
  }
}

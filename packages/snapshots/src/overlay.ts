import { mount } from '@corten/host';
import type { SnapshotMounts } from './types.ts';

/**
 * Mounts an overlay. mount(2) takes its options as one page, which 127 layers with absolute paths would overflow;
 * so the call is made from the layers' directory with their short relative names. chdir, mount, chdir back is one
 * synchronous stretch on this thread; nothing in the engine uses relative paths.
 */
export function mountOverlay(layersRoot: string, mounts: SnapshotMounts): void {
  const relative = (path: string) => (path.startsWith(`${layersRoot}/`) ? path.slice(layersRoot.length + 1) : path);
  const lower = mounts.lower.map(relative).join(':');
  // index, redirect_dir, metacopy off: layer directories stay plain, readable by any other tool
  const data = `lowerdir=${lower},upperdir=${mounts.upper},workdir=${mounts.work},index=off,redirect_dir=off,metacopy=off`;
  const before = process.cwd();
  process.chdir(layersRoot);
  try {
    mount({ source: 'overlay', target: mounts.merged, type: 'overlay', data });
  } finally {
    process.chdir(before);
  }
}

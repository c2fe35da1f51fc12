import type { Change } from '@corten/snapshots';
import { OWN_MOUNT_POINTS } from '../rootfs/own-mounts.ts';

const OWN = new Set(OWN_MOUNT_POINTS);
const ADDED = 1;
const MODIFIED = 0;

/** `docker diff` without the engine's own mount points, and without directories that changed only because of them. */
export function containerChanges(all: readonly Change[]): Change[] {
  const own = all.filter((c) => c.Kind === ADDED && OWN.has(c.Path));
  if (own.length === 0) return [...all];
  const rest = all.filter((c) => !own.includes(c));
  const parents = new Set(own.map((c) => c.Path.slice(0, c.Path.lastIndexOf('/')) || '/'));
  return rest.filter(
    (c) => !(c.Kind === MODIFIED && parents.has(c.Path) && !rest.some((x) => x.Path.startsWith(`${c.Path}/`))),
  );
}

import { lstatSync } from 'node:fs';
import { isOpaque, isWhiteout, walk } from './walk.ts';

export interface TreeChange {
  Path: string;
  Kind: 0 | 1 | 2;
}

/** What an upper directory changes against its lower directories (topmost first): `docker diff`, sorted by path. */
export function treeChanges(upper: string, lowers: readonly string[]): TreeChange[] {
  const changes: TreeChange[] = [];
  for (const { name, stat } of walk(Buffer.from(upper))) {
    const shown = `/${Buffer.from(name, 'latin1').toString('utf8')}`;
    if (isWhiteout(stat)) changes.push({ Path: shown, Kind: 2 });
    else if (!existsBelow(name, lowers)) changes.push({ Path: shown, Kind: 1 });
    else changes.push({ Path: shown, Kind: 0 });
  }
  return changes.sort((a, b) => (a.Path < b.Path ? -1 : 1));
}

/** Whether the topmost layer that says anything about the name has it. */
function existsBelow(name: string, lowers: readonly string[]): boolean {
  const parts = name.split('/');
  for (const lower of lowers) {
    let path = Buffer.from(lower);
    for (let i = 0; i < parts.length; i++) {
      path = Buffer.concat([path, Buffer.from('/'), Buffer.from(parts[i]!, 'latin1')]);
      const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
      if (!stat) break;
      if (isWhiteout(stat)) return false;
      if (i === parts.length - 1) return true;
      if (!stat.isDirectory()) return false;
      if (
        isOpaque(path) &&
        !lstatSync(Buffer.concat([path, Buffer.from('/'), Buffer.from(parts[i + 1]!, 'latin1')]), {
          throwIfNoEntry: false,
        })
      )
        return false;
    }
  }
  return false;
}

/** Bytes of the files beneath a directory, each inode once. */
export function treeSize(root: string): number {
  const seen = new Set<bigint>();
  let size = 0n;
  for (const { stat } of walk(Buffer.from(root))) {
    if (!stat.isFile() || (stat.nlink > 1n && seen.has(stat.ino))) continue;
    seen.add(stat.ino);
    size += stat.size;
  }
  return Number(size);
}

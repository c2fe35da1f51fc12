import type { ByteSource } from './tar-reader.ts';
import { TarReader } from './tar-reader.ts';
import { cleanName, TreeWriter } from './tree-writer.ts';

export interface ExtractJob {
  root: string;
  /** Directory beneath the root; links in it are resolved beneath the root. */
  into?: string;
  chown?: { uid: number; gid: number };
  noOverwriteDirNonDir?: boolean;
}

/** Extracts a tar beneath a root as it is: no whiteouts. */
export function extract(source: ByteSource, job: ExtractJob): { entries: number; bytes: number } {
  const tree = new TreeWriter(job.root, { chown: job.chown, noOverwriteDirNonDir: job.noOverwriteDirNonDir });
  const into = cleanName(Buffer.from(job.into ?? '', 'utf8').toString('latin1'));
  const reader = new TarReader(source);
  let entries = 0;
  let bytes = 0;
  try {
    for (let entry = reader.next(); entry; entry = reader.next()) {
      const content = () => {
        const piece = reader.content();
        bytes += piece?.length ?? 0;
        return piece;
      };
      if (entry.type === 'other') continue; // e.g. a GNU volume label: nothing to make
      if (entry.type === 'link') entry.linkName = [...into, ...cleanName(entry.linkName)].join('/');
      const parts = cleanName(entry.name);
      if (parts.length === 0 && into.length > 0) continue; // "./" of the archive is the directory that is there already
      tree.write(entry, [...into, ...parts], content);
      entries++;
    }
    tree.finish();
  } catch (error) {
    tree.close();
    throw error;
  }
  return { entries, bytes };
}

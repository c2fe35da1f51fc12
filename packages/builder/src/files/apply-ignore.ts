import { readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '@corten/errors';
import { type Ignore, parseIgnore } from '../dockerfile/ignore.ts';

/** Deletes from a context what its .dockerignore leaves out. */
export function applyIgnore(root: string, text: string): void {
  const ignore = parseIgnore(text);
  visit(root, '', ignore);
}

function visit(root: string, directory: string, ignore: Ignore): void {
  for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
    const path = directory === '' ? entry.name : `${directory}/${entry.name}`;
    const ignored = ignore.ignores(path);
    if (ignored && !(entry.isDirectory() && ignore.hasExceptions)) {
      rmSync(join(root, path), { recursive: true, force: true });
      continue;
    }
    if (!entry.isDirectory()) continue;
    visit(root, path, ignore);
    if (ignored) removeIfEmpty(join(root, path));
  }
}

function removeIfEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOTEMPTY') throw error; // an exception brought something in it back
  }
}

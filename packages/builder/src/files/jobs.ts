/** Jobs of the files worker: synchronous file work that would block the engine's event loop. */

/** One source of COPY or ADD, found. */
export interface FoundSource {
  /** Path beneath the source's root, as it was asked for; its last element names the copy. */
  path: string;
  /** Absolute path with links resolved; it lies beneath the root. */
  real: string;
  directory: boolean;
  /** `file:<hex>` or `dir:<hex>`: over names, types, modes, link targets and contents; not over times. */
  hash: string;
}

/** Leaves out of a build context what its .dockerignore says. */
export interface IgnoreJob {
  do: 'ignore';
  root: string;
  text: string;
}

export interface ScanJob {
  do: 'scan';
  root: string;
  sources: string[];
  /** Owners count too: they will be kept. */
  owners: boolean;
  /** The root is a build context: errors say so. */
  context: boolean;
}

export interface CopyJob {
  do: 'copy';
  sources: Pick<FoundSource, 'path' | 'real' | 'directory'>[];
  /** Root of the image's files. */
  root: string;
  /** Absolute path beneath that root; a slash at the end makes it a directory. */
  destination: string;
  /** `user[:group]`, names looked up in the image; '' for root. Undefined keeps the owners. */
  chown?: string;
  /** Octal mode for everything copied, or ''. */
  chmod: string;
}

/** Deletes a tree. */
export interface RemoveJob {
  do: 'remove';
  path: string;
}

export type FilesJob = IgnoreJob | ScanJob | CopyJob | RemoveJob;

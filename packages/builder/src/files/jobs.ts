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
  /** The sources are deleted soon: a file may become a second name of the source instead of a copy. */
  share: boolean;
}

/** A new directory of the image whose content is still to come: it is put straight into the snapshot's upper directory. */
export interface Fill {
  /** Absolute path of the source directory; names here are latin1 strings of bytes. */
  from: string;
  /** Beneath the image's root. */
  to: string;
  /** The directory itself gets the source's mode, owner and times too. */
  dress: boolean;
}

/** What a copy leaves to be done once the snapshot is unmounted. */
export interface CopyRest {
  fills: Fill[];
  identity?: { uid: number; gid: number };
}

/** The second half of a copy: some five times as fast as through the overlay's mount. */
export interface FillJob extends CopyRest {
  do: 'fill';
  upper: string;
  chmod: string;
  share: boolean;
}

/** Deletes a tree. */
export interface RemoveJob {
  do: 'remove';
  path: string;
}

export type FilesJob = IgnoreJob | ScanJob | CopyJob | FillJob | RemoveJob;

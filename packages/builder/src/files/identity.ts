import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { codeOf, invalid } from '@corten/errors';
import type { Root } from './beneath.ts';

export interface Identity {
  uid: number;
  gid: number;
}

const MAX_ID = 0xffff_fffe;
const MAX_FILE = 8 << 20;
const failed = (why: string) => invalid(`unable to convert uid/gid chown string to host mapping: ${why}`);

/** `user[:group]` to numbers; names are looked up in the image's own /etc/passwd and /etc/group. */
export function parseChown(root: Root, chown: string): Identity {
  const parts = chown.split(':');
  if (parts.length > 2) throw failed(`invalid chown string format: ${chown}`);
  const [user = '', group = user] = parts;
  const uid = lookup(root, '/etc/passwd', user) ?? missing('uid', 'user', user);
  const gid = lookup(root, '/etc/group', group) ?? missing('gid', 'group', group);
  return { uid, gid };
}

function missing(id: string, kind: string, name: string): never {
  throw failed(`can't find ${id} for ${kind} ${name}: no such ${kind}: ${name}`);
}

function lookup(root: Root, file: string, name: string): number | undefined {
  if (/^\d+$/.test(name)) {
    if (Number(name) > MAX_ID) throw failed(`strconv.Atoi: parsing "${name}": value out of range`);
    return Number(name);
  }
  for (const line of readBeneath(root, file).split('\n')) {
    const [entry, , id = ''] = line.split(':');
    if (entry === name && /^\d+$/.test(id) && Number(id) <= MAX_ID) return Number(id);
  }
  return undefined;
}

/** A small regular file of the image; '' when there is none. */
function readBeneath(root: Root, path: string): string {
  let handle: number;
  try {
    handle = root.open(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return '';
    throw error;
  }
  try {
    if (!fstatSync(handle).isFile()) return '';
    const fd = openSync(`/proc/self/fd/${handle}`, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if (fstatSync(fd).size > MAX_FILE) throw failed(`${path} is larger than ${MAX_FILE} bytes`);
      return readFileSync(fd, 'utf8');
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(handle);
  }
}

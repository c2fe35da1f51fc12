import { invalid } from '@corten/errors';

export const BLOCK = 512;

export type EntryType = 'file' | 'link' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo' | 'other';

/** One entry of a tar (pax(5), tar(5)). Names are bytes in latin1 strings, so that any byte survives; see fromBytes/toPath. */
export interface TarEntry {
  name: string;
  linkName: string;
  type: EntryType;
  /** Permission bits. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of content that follow. */
  size: number;
  /** Nanoseconds since 1970. */
  mtime: bigint;
  major: number;
  minor: number;
  userName: string;
  groupName: string;
  xattrs: Map<string, Buffer>;
}

const TYPES: Record<string, EntryType> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};
export const FLAGS: Record<Exclude<EntryType, 'other'>, string> = {
  file: '0',
  link: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

/** File names are bytes; they travel as latin1 strings through this room and become paths through a Buffer. */
export const toPath = (name: string): Buffer => Buffer.from(name, 'latin1');
export const fromPath = (path: string): string => Buffer.from(path, 'utf8').toString('latin1');

const text = (block: Uint8Array, at: number, length: number): string => {
  let end = at;
  while (end < at + length && block[end] !== 0) end++;
  return Buffer.from(block.buffer, block.byteOffset + at, end - at).toString('latin1');
};

/** Octal, or base-256 when the first bit is set (GNU). */
function numeric(block: Uint8Array, at: number, length: number, what: string, offset: number): number {
  const first = block[at]!;
  if (first & 0x80) {
    let value = BigInt(first & 0x40 ? first | ~0x7f : first & 0x3f);
    for (let i = 1; i < length; i++) value = (value << 8n) | BigInt(block[at + i]!);
    if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < -BigInt(Number.MAX_SAFE_INTEGER))
      throw invalid(`archive/tar: ${what} out of range in the header at byte ${offset}`);
    return Number(value);
  }
  const digits = text(block, at, length).trim();
  if (digits === '') return 0;
  if (!/^[0-7]+$/.test(digits)) throw invalid(`archive/tar: invalid tar header: ${what} "${digits}" at byte ${offset}`);
  return Number.parseInt(digits, 8);
}

export const isZeroBlock = (block: Uint8Array): boolean => block.every((byte) => byte === 0);

export interface RawHeader {
  flag: string;
  entry: TarEntry;
  gnuSparse: boolean;
}

/** Parses one 512-byte header; the checksum is verified first. */
export function parseHeader(block: Uint8Array, offset: number): RawHeader {
  verifyChecksum(block, offset);
  const flag = String.fromCharCode(block[156]!);
  const magic = text(block, 257, 8);
  const ustar = magic.startsWith('ustar') && !magic.startsWith('ustar ');
  const prefix = ustar ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  const size = numeric(block, 124, 12, 'size', offset);
  if (size < 0) throw invalid(`archive/tar: invalid tar header: negative size at byte ${offset}`);
  const type = TYPES[flag] ?? 'other';
  const isDirectory = type === 'file' && flag === '\0' && name.endsWith('/'); // V7 wrote directories so
  return {
    flag,
    gnuSparse: flag === 'S',
    entry: {
      name: prefix ? `${prefix}/${name}` : name,
      linkName: text(block, 157, 100),
      type: flag === 'S' ? 'file' : isDirectory ? 'directory' : type,
      mode: numeric(block, 100, 8, 'mode', offset) & 0o7777,
      uid: numeric(block, 108, 8, 'uid', offset),
      gid: numeric(block, 116, 8, 'gid', offset),
      size,
      mtime: BigInt(numeric(block, 136, 12, 'mtime', offset)) * 1_000_000_000n,
      major: ustar || magic.startsWith('ustar ') ? numeric(block, 329, 8, 'devmajor', offset) : 0,
      minor: ustar || magic.startsWith('ustar ') ? numeric(block, 337, 8, 'devminor', offset) : 0,
      userName: text(block, 265, 32),
      groupName: text(block, 297, 32),
      xattrs: new Map(),
    },
  };
}

function verifyChecksum(block: Uint8Array, offset: number): void {
  const stored = Number.parseInt(text(block, 148, 8).trim(), 8);
  let unsigned = 8 * 32;
  let signed = unsigned;
  for (let i = 0; i < BLOCK; i++) {
    if (i >= 148 && i < 156) continue;
    const byte = block[i]!;
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  if (stored !== unsigned && stored !== signed)
    throw invalid(`archive/tar: invalid tar header: bad checksum at byte ${offset}`);
}

/** pax records: `LENGTH KEY=VALUE\n`, lengths in bytes. */
export function parsePax(data: Buffer, offset: number): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < data.length; ) {
    if (data[at] === 0) break; // some writers pad
    const space = data.indexOf(0x20, at);
    const length = Number(space < 0 ? Number.NaN : data.toString('latin1', at, space));
    const end = at + length;
    const equals = data.indexOf(0x3d, space);
    if (
      !Number.isSafeInteger(length) ||
      length < 5 ||
      end > data.length ||
      equals < 0 ||
      equals >= end ||
      data[end - 1] !== 0x0a
    )
      throw invalid(`archive/tar: invalid tar header: malformed pax record at byte ${offset}`);
    records.set(data.toString('latin1', space + 1, equals), data.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** Overrides what the header said by what pax records say. */
export function applyPax(entry: TarEntry, records: Map<string, Buffer>, offset: number): void {
  for (const [key, value] of records) {
    const string = value.toString('latin1');
    if (key === 'path') entry.name = string;
    else if (key === 'linkpath') entry.linkName = string;
    else if (key === 'size') entry.size = whole(string, 'size', offset);
    else if (key === 'uid') entry.uid = whole(string, 'uid', offset);
    else if (key === 'gid') entry.gid = whole(string, 'gid', offset);
    else if (key === 'uname') entry.userName = string;
    else if (key === 'gname') entry.groupName = string;
    else if (key === 'mtime') entry.mtime = paxTime(string, offset);
    else if (key.startsWith('SCHILY.xattr.')) entry.xattrs.set(key.slice(13), Buffer.from(value));
    else if (key.startsWith('LIBARCHIVE.xattr.'))
      entry.xattrs.set(decodeURIComponent(key.slice(17)), Buffer.from(string, 'base64'));
  }
}

function whole(value: string, what: string, offset: number): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(number))
    throw invalid(`archive/tar: invalid tar header: pax ${what} "${value}" at byte ${offset}`);
  return number;
}

function paxTime(value: string, offset: number): bigint {
  const found = /^(-?)(\d+)(?:\.(\d+))?$/.exec(value);
  if (!found) throw invalid(`archive/tar: invalid tar header: pax mtime "${value}" at byte ${offset}`);
  const total = BigInt(found[2]!) * 1_000_000_000n + BigInt((found[3] ?? '').padEnd(9, '0').slice(0, 9));
  return found[1] ? -total : total;
}

const MAX_OCTAL_SIZE = 0o77777777777;
const MAX_OCTAL_ID = 0o7777777;

/** Bytes of the header(s) of an entry: ustar, with a pax header before it where ustar cannot say it. */
export function encodeHeader(entry: TarEntry): Buffer {
  const records: [string, Buffer][] = [];
  const pax = (key: string, value: string) => records.push([key, Buffer.from(value, 'latin1')]);
  if (entry.name.length > 100 || hasHighBytes(entry.name)) pax('path', entry.name);
  if (entry.linkName.length > 100 || hasHighBytes(entry.linkName)) pax('linkpath', entry.linkName);
  if (entry.size > MAX_OCTAL_SIZE) pax('size', String(entry.size));
  if (entry.uid > MAX_OCTAL_ID) pax('uid', String(entry.uid));
  if (entry.gid > MAX_OCTAL_ID) pax('gid', String(entry.gid));
  const fraction = entry.mtime % 1_000_000_000n;
  if (fraction !== 0n && entry.mtime > 0n)
    pax('mtime', `${entry.mtime / 1_000_000_000n}.${fraction.toString().padStart(9, '0').replace(/0+$/, '')}`);
  for (const name of [...entry.xattrs.keys()].sort()) records.push([`SCHILY.xattr.${name}`, entry.xattrs.get(name)!]);
  const plain = plainHeader(entry, FLAGS[entry.type as keyof typeof FLAGS]);
  if (records.length === 0) return plain;
  const body = Buffer.concat(records.map(([key, value]) => paxRecord(key, value)));
  const base = {
    ...entry,
    name: `PaxHeaders.0/${entry.name.slice(-80)}`,
    linkName: '',
    size: body.length,
    mtime: 0n,
    mode: 0o644,
    uid: 0,
    gid: 0,
  };
  return Buffer.concat([plainHeader(base, 'x'), body, padding(body.length), plain]);
}

const hasHighBytes = (name: string): boolean => /[\x80-\xff]/.test(name);

function paxRecord(key: string, value: Buffer): Buffer {
  const rest = key.length + value.length + 3; // space, '=' and newline
  let length = rest;
  while (length !== String(length).length + rest) length = String(length).length + rest;
  return Buffer.concat([Buffer.from(`${length} ${key}=`, 'latin1'), value, Buffer.from('\n')]);
}

export const padding = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);

function plainHeader(entry: TarEntry, flag: string): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number) => {
    const digits = Math.max(0, value).toString(8);
    block.write(digits.length < length ? digits.padStart(length - 1, '0') : '0'.repeat(length - 1), at, 'latin1');
  };
  const seconds = Number(entry.mtime / 1_000_000_000n);
  block.write(entry.name.slice(0, 100), 0, 'latin1');
  octal(entry.mode, 100, 8);
  octal(entry.uid > MAX_OCTAL_ID ? 0 : entry.uid, 108, 8);
  octal(entry.gid > MAX_OCTAL_ID ? 0 : entry.gid, 116, 8);
  octal(entry.size > MAX_OCTAL_SIZE ? 0 : entry.size, 124, 12);
  octal(seconds, 136, 12);
  block.write('        ', 148, 'latin1');
  block.write(flag, 156, 'latin1');
  block.write(entry.linkName.slice(0, 100), 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.write(entry.userName.slice(0, 31), 265, 'latin1');
  block.write(entry.groupName.slice(0, 31), 297, 'latin1');
  octal(entry.major, 329, 8);
  octal(entry.minor, 337, 8);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

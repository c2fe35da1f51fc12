/** conmon's k8s-file format (CRI): `TIME stdout|stderr F|P text`. A piece marked P continues in the next of its stream. */
export interface Piece {
  /** RFC 3339 with nanoseconds, as written. */
  time: string;
  stream: 'stdout' | 'stderr';
  partial: boolean;
  text: Buffer;
}

const SPACE = 0x20;

/** One line without its newline; undefined when it is damaged. */
export function parseLine(line: Buffer): Piece | undefined {
  const a = line.indexOf(SPACE);
  const b = line.indexOf(SPACE, a + 1);
  if (a < 20 || b < 0 || line[b + 2] !== SPACE) return undefined;
  const stream = line.toString('latin1', a + 1, b);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  const tag = line[b + 1];
  if (tag !== 0x46 && tag !== 0x50) return undefined;
  return { time: line.toString('latin1', 0, a), stream, partial: tag === 0x50, text: line.subarray(b + 3) };
}

/** Whether the line that begins here ends a message; damaged lines count as whole. */
export function isFull(head: Buffer): boolean {
  const a = head.indexOf(SPACE);
  const b = head.indexOf(SPACE, a + 1);
  return !(a > 0 && b > a && head[b + 1] === 0x50);
}

/** Nanoseconds since 1970 of conmon's timestamp. */
export function timeOf(text: string): bigint {
  const match = /^(.{19})(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (!match) return 0n;
  const seconds = Date.parse(`${match[1]}${match[3]}`) / 1000;
  return BigInt(seconds) * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}

/** The timestamp as Docker prints it: UTC, always nine digits. */
export function dockerTime(text: string): string {
  const match = /^(.{19})\.(\d{9})(?:\+00:00|Z)$/.exec(text);
  if (match) return `${match[1]}.${match[2]}Z`;
  const nano = timeOf(text);
  const base = new Date(Number(nano / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${base}.${(nano % 1_000_000_000n).toString().padStart(9, '0')}Z`;
}

export interface Message {
  time: string;
  stream: 'stdout' | 'stderr';
  text: Buffer;
}

/** A message that never ends is given out in parts of this size. */
const LONGEST = 1 << 20;

/** Joins the pieces of each stream into messages; memory is bounded. */
export class Joiner {
  readonly #open = new Map<string, { time: string; parts: Buffer[]; size: number }>();

  add(piece: Piece): Message | undefined {
    const open = this.#open.get(piece.stream);
    if (!open && !piece.partial)
      return { time: piece.time, stream: piece.stream, text: Buffer.concat([piece.text, NEWLINE]) };
    const entry = open ?? { time: piece.time, parts: [], size: 0 };
    entry.parts.push(Buffer.from(piece.text));
    entry.size += piece.text.length;
    this.#open.set(piece.stream, entry);
    if (piece.partial && entry.size < LONGEST) return undefined;
    this.#open.delete(piece.stream);
    if (!piece.partial) entry.parts.push(NEWLINE);
    return { time: entry.time, stream: piece.stream, text: Buffer.concat(entry.parts) };
  }

  /** What was written without a newline at the end. */
  *rest(): Generator<Message> {
    for (const [stream, { time, parts }] of this.#open)
      yield { time, stream: stream as Message['stream'], text: Buffer.concat(parts) };
    this.#open.clear();
  }
}
const NEWLINE = Buffer.from('\n');

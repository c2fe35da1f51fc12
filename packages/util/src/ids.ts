import { randomBytes } from 'node:crypto';

/** A new object identifier: 64 hexadecimal digits, never all decimal in its first 12 (a name must not look like a number). */
export function randomId(): string {
  for (;;) {
    const id = randomBytes(32).toString('hex');
    if (/[a-f]/.test(id.slice(0, 12))) return id;
  }
}

/** The 12-digit form shown to people; a `sha256:` prefix is dropped. */
export const shortId = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12);

import type { Context } from '../cli/command.ts';
import { PlainError } from '../cli/errors.ts';

/** A terminal inside needs one outside when input goes to it. */
export function checkTty(context: Context, stdin: boolean, tty: boolean): void {
  if (stdin && tty && !context.stdin.isTTY) throw new PlainError('the input device is not a TTY');
}

import type { Context } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { readText } from '../../client/engine.ts';
import { containerPath } from './path.ts';

export interface PendingExit {
  /** The exit code, when it comes. */
  code: Promise<number>;
}

/** Registers for a container's end. Resolves when the engine has noted it, so that a start after this cannot be missed. */
export async function waitForExit(
  context: Context,
  id: string,
  condition: 'next-exit' | 'removed' | 'not-running',
): Promise<PendingExit> {
  const response = await context.engine.stream('POST', containerPath(id, 'wait'), { query: { condition } });
  const code = readText(response).then((text) => {
    const { StatusCode, Error: error } = JSON.parse(text) as {
      StatusCode: number;
      Error?: { Message?: string } | null;
    };
    if (error?.Message) throw new CliError(`Error response from daemon: ${error.Message}`, 125);
    return StatusCode;
  });
  code.catch(() => {}); // whoever needs it awaits it
  return { code };
}

/** The exit code; when the engine went away meanwhile, 125 and why. */
export async function exitOf(exit: PendingExit): Promise<number> {
  try {
    return await exit.code;
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError('error waiting for container: the engine closed the connection', 125);
  }
}

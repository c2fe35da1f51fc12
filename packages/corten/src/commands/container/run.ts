import { atLeast, type Context, command } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { createBody } from '../../run/body.ts';
import { createContainer } from '../../run/create.ts';
import { runFlags } from '../../run/flags.ts';
import { checkTty } from '../../terminal/check.ts';
import { followSize } from '../../terminal/resize.ts';
import { proxySignals } from '../../terminal/signals.ts';
import { joinStreams } from '../../terminal/streams.ts';
import { containerPath } from './path.ts';
import { exitOf, waitForExit } from './wait-exit.ts';

export const run = command({
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  arity: atLeast(1),
  flags: runFlags,
  optionsFirst: true,
  failure: 125,
  async run(context, { flags, given, args }) {
    const body = createBody(flags, given, args, flags.detach);
    const attached = body.AttachStdin || body.AttachStdout || body.AttachStderr;
    if (attached) checkTty(context, body.AttachStdin, body.Tty);
    const id = await createContainer(context, flags, body);
    if (!attached) {
      await start(context, id);
      context.print(id);
      return 0;
    }
    const stopProxy = flags['sig-proxy'] && !body.Tty ? proxySignals(context, id) : undefined;
    const detachKeys = flags['detach-keys'] || context.config.file.detachKeys;
    const [{ socket }, exit] = await Promise.all([
      context.engine.hijack(containerPath(id, 'attach'), {
        query: {
          stream: 1,
          stdin: body.AttachStdin ? 1 : undefined,
          stdout: body.AttachStdout ? 1 : undefined,
          stderr: body.AttachStderr ? 1 : undefined,
          detachKeys: detachKeys || undefined,
        },
      }),
      waitForExit(context, id, flags.rm ? 'removed' : 'next-exit'),
    ]);
    const joined = joinStreams(context, {
      socket,
      tty: body.Tty,
      stdin: body.AttachStdin,
      stdout: body.AttachStdout,
      stderr: body.AttachStderr,
      detachKeys,
    });
    joined.catch(() => {}); // awaited below, after the start
    try {
      await start(context, id);
    } catch (error) {
      socket.destroy();
      await joined.catch(() => {});
      if (flags.rm)
        await Promise.race([exit.code, new Promise((resolve) => setTimeout(resolve, 2000).unref())]).catch(() => {});
      throw error;
    }
    const stopResize = body.Tty && context.stdout.isTTY ? followSize(context, containerPath(id, 'resize')) : undefined;
    try {
      if ((await joined) === 'detached') return 0;
      return await exitOf(exit);
    } finally {
      stopResize?.();
      stopProxy?.();
    }
  },
});

/** Starts the container; an error of its command becomes 126 or 127 as a shell's would. */
async function start(context: Context, id: string): Promise<void> {
  try {
    await context.engine.post(containerPath(id, 'start'));
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw new CliError(error.message, startFailureCode(error.message));
  }
}

export function startFailureCode(message: string): number {
  if (/executable file not found|no such file or directory|system cannot find the file specified/.test(message))
    return 127;
  if (/permission denied|is a directory/.test(message)) return 126;
  return 125;
}

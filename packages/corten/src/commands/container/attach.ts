import { type Context, command, exactly } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { bool, string } from '../../cli/flag-types.ts';
import { checkTty } from '../../terminal/check.ts';
import { followSize } from '../../terminal/resize.ts';
import { proxySignals } from '../../terminal/signals.ts';
import { joinStreams } from '../../terminal/streams.ts';
import { containerPath } from './path.ts';
import { exitOf, waitForExit } from './wait-exit.ts';

/** What of a container's details an attachment needs. */
export interface AttachableContainer {
  Id: string;
  State: { Running: boolean; Paused: boolean; Restarting: boolean };
  Config: { Tty: boolean; OpenStdin: boolean };
  HostConfig: { AutoRemove: boolean };
}

export const inspectForAttach = (context: Context, name: string): Promise<AttachableContainer> =>
  context.engine.get<AttachableContainer>(containerPath(name, 'json'));

export const attach = command({
  usage: '[OPTIONS] CONTAINER',
  arity: exactly(1),
  flags: {
    'detach-keys': string('', 'Override the key sequence for detaching a container'),
    'no-stdin': bool('', 'Do not attach STDIN'),
    'sig-proxy': bool('', 'Proxy all received signals to the process', { initial: true }),
  },
  async run(context, { flags, args }) {
    const found = await inspectForAttach(context, args[0]!);
    if (!found.State.Running) throw new CliError('You cannot attach to a stopped container, start it first');
    if (found.State.Paused) throw new CliError('You cannot attach to a paused container, unpause it first');
    if (found.State.Restarting)
      throw new CliError('You cannot attach to a restarting container, wait until it is running');
    const stdin = !flags['no-stdin'] && found.Config.OpenStdin;
    const tty = found.Config.Tty;
    checkTty(context, stdin, tty);
    const detachKeys = flags['detach-keys'] || context.config.file.detachKeys;
    const exit = await waitForExit(context, found.Id, 'not-running');
    const { socket } = await context.engine.hijack(containerPath(found.Id, 'attach'), {
      query: { stream: 1, stdin: stdin ? 1 : undefined, stdout: 1, stderr: 1, detachKeys: detachKeys || undefined },
    });
    const stopProxy = flags['sig-proxy'] && !tty ? proxySignals(context, found.Id) : undefined;
    const stopResize = tty && context.stdout.isTTY ? followSize(context, containerPath(found.Id, 'resize')) : undefined;
    try {
      const end = await joinStreams(context, { socket, tty, stdin, stdout: true, stderr: true, detachKeys });
      if (end === 'detached') {
        context.warn('read escape sequence');
        return 0;
      }
      return await exitOf(exit);
    } finally {
      stopProxy?.();
      stopResize?.();
    }
  },
});

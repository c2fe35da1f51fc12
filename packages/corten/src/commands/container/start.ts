import { atLeast, command, forEachName } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { bool, string, unsupported } from '../../cli/flag-types.ts';
import { checkTty } from '../../terminal/check.ts';
import { followSize } from '../../terminal/resize.ts';
import { proxySignals } from '../../terminal/signals.ts';
import { joinStreams } from '../../terminal/streams.ts';
import { inspectForAttach } from './attach.ts';
import { containerPath } from './path.ts';
import { exitOf, waitForExit } from './wait-exit.ts';

export const start = command({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  arity: atLeast(1),
  flags: {
    attach: bool('a', 'Attach STDOUT/STDERR and forward signals'),
    checkpoint: unsupported('string', 'Restore from this checkpoint', 'checkpoints are not implemented'),
    'checkpoint-dir': unsupported('string', 'Directory of checkpoints', 'checkpoints are not implemented'),
    'detach-keys': string('', 'Override the key sequence for detaching a container'),
    interactive: bool('i', "Attach container's STDIN"),
  },
  async run(context, { flags, args }) {
    if (!flags.attach && !flags.interactive) {
      const failed = await forEachName(
        context,
        args,
        async (name) => {
          await context.engine.post(containerPath(name, 'start'));
          return name;
        },
        1,
      );
      if (failed) throw new CliError(`Error: failed to start containers: ${args.join(', ')}`);
      return 0;
    }
    if (args.length > 1) throw new CliError('you cannot start and attach multiple containers at once');
    const found = await inspectForAttach(context, args[0]!);
    const stdin = flags.interactive && found.Config.OpenStdin;
    const tty = found.Config.Tty;
    checkTty(context, stdin, tty);
    const detachKeys = flags['detach-keys'] || context.config.file.detachKeys;
    const exit = await waitForExit(context, found.Id, found.HostConfig.AutoRemove ? 'removed' : 'next-exit');
    const { socket } = await context.engine.hijack(containerPath(found.Id, 'attach'), {
      query: { stream: 1, stdin: stdin ? 1 : undefined, stdout: 1, stderr: 1, detachKeys: detachKeys || undefined },
    });
    const stopProxy = tty ? undefined : proxySignals(context, found.Id);
    const joined = joinStreams(context, { socket, tty, stdin, stdout: true, stderr: true, detachKeys });
    joined.catch(() => {}); // awaited below, after the start
    try {
      await context.engine.post(containerPath(found.Id, 'start'));
    } catch (error) {
      socket.destroy();
      throw error;
    }
    const stopResize = tty && context.stdout.isTTY ? followSize(context, containerPath(found.Id, 'resize')) : undefined;
    try {
      return (await joined) === 'detached' ? 0 : await exitOf(exit);
    } finally {
      stopProxy?.();
      stopResize?.();
    }
  },
});

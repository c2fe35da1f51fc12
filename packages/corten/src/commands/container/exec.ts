import { atLeast, command } from '../../cli/command.ts';
import { bool, list, string } from '../../cli/flag-types.ts';
import { parseEnv } from '../../run/env.ts';
import { checkTty } from '../../terminal/check.ts';
import { followSize } from '../../terminal/resize.ts';
import { joinStreams } from '../../terminal/streams.ts';
import { containerPath } from './path.ts';

export const exec = command({
  usage: '[OPTIONS] CONTAINER COMMAND [ARG...]',
  arity: atLeast(2),
  optionsFirst: true,
  flags: {
    detach: bool('d', 'Detached mode: run command in the background'),
    'detach-keys': string('', 'Override the key sequence for detaching a container'),
    env: list('e', 'Set environment variables'),
    'env-file': list('', 'Read in a file of environment variables'),
    interactive: bool('i', 'Keep STDIN open even if not attached'),
    privileged: bool('', 'Give extended privileges to the command'),
    tty: bool('t', 'Allocate a pseudo-TTY'),
    user: string('u', 'Username or UID (format: <name|uid>[:<group|gid>])'),
    workdir: string('w', 'Working directory inside the container'),
  },
  async run(context, { flags, args }) {
    const [name, ...argv] = args;
    const attach = !flags.detach;
    const stdin = attach && flags.interactive;
    const detachKeys = flags['detach-keys'] || context.config.file.detachKeys;
    if (attach) checkTty(context, stdin, flags.tty);
    const console = flags.tty && context.stdout.isTTY ? [context.stdout.rows, context.stdout.columns] : undefined;
    const { Id } = await context.engine.post<{ Id: string }>(containerPath(name!, 'exec'), {
      body: {
        User: flags.user,
        Privileged: flags.privileged,
        Tty: flags.tty,
        ConsoleSize: console,
        AttachStdin: stdin,
        AttachStdout: attach,
        AttachStderr: attach,
        DetachKeys: detachKeys,
        Env: parseEnv(flags['env-file'], flags.env),
        WorkingDir: flags.workdir,
        Cmd: argv,
      },
    });
    const start = { Detach: flags.detach, Tty: flags.tty, ConsoleSize: console };
    if (flags.detach) {
      await context.engine.post(`/exec/${Id}/start`, { body: start });
      return 0;
    }
    const { socket } = await context.engine.hijack(`/exec/${Id}/start`, { body: start });
    const stopResize = console ? followSize(context, `/exec/${Id}/resize`) : undefined;
    try {
      if (
        (await joinStreams(context, { socket, tty: flags.tty, stdin, stdout: true, stderr: true, detachKeys })) ===
        'detached'
      )
        return 0;
    } finally {
      stopResize?.();
    }
    const { ExitCode } = await context.engine.get<{ ExitCode: number | null }>(`/exec/${Id}/json`);
    return ExitCode ?? 0;
  },
});

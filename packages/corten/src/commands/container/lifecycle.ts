import { atLeast, command, exactly, forEachName } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { bool, optionalInt, string } from '../../cli/flag-types.ts';
import { containerPath } from './path.ts';

const MANY = 'CONTAINER [CONTAINER...]';
const MANY_WITH_OPTIONS = `[OPTIONS] ${MANY}`;
const many = atLeast(1);

const stopFlags = {
  signal: string('s', 'Signal to send to the container'),
  timeout: optionalInt('t', 'Seconds to wait before killing the container', { aliases: ['time'] }),
};

export const stop = command({
  usage: MANY_WITH_OPTIONS,
  arity: many,
  flags: stopFlags,
  run: (context, { args, flags }) =>
    forEachName(context, args, async (name) => {
      await context.engine.post(containerPath(name, 'stop'), {
        query: { t: flags.timeout, signal: flags.signal || undefined },
      });
      return name;
    }),
});

export const restart = command({
  usage: MANY_WITH_OPTIONS,
  arity: many,
  flags: stopFlags,
  run: (context, { args, flags }) =>
    forEachName(
      context,
      args,
      async (name) => {
        await context.engine.post(containerPath(name, 'restart'), {
          query: { t: flags.timeout, signal: flags.signal || undefined },
        });
        return name;
      },
      1,
    ),
});

export const kill = command({
  usage: MANY_WITH_OPTIONS,
  arity: many,
  flags: { signal: string('s', 'Signal to send to the container') },
  run: (context, { args, flags }) =>
    forEachName(context, args, async (name) => {
      await context.engine.post(containerPath(name, 'kill'), { query: { signal: flags.signal || undefined } });
      return name;
    }),
});

const simple = (verb: string) =>
  command({
    usage: MANY,
    arity: many,
    flags: {},
    run: (context, { args }) =>
      forEachName(context, args, async (name) => {
        await context.engine.post(containerPath(name, verb));
        return name;
      }),
  });
export const pause = simple('pause');
export const unpause = simple('unpause');

export const rm = command({
  usage: MANY_WITH_OPTIONS,
  arity: many,
  flags: {
    force: bool('f', 'Force the removal of a running container (uses SIGKILL)'),
    link: bool('l', 'Remove the specified link'),
    volumes: bool('v', 'Remove anonymous volumes associated with the container'),
  },
  run: (context, { args, flags }) =>
    forEachName(context, args, async (name) => {
      const plain = name.replace(/^\/+/, '');
      if (plain === '') throw new CliError('Container name cannot be empty');
      try {
        await context.engine.delete(containerPath(plain), {
          query: {
            force: flags.force ? 1 : undefined,
            link: flags.link ? 1 : undefined,
            v: flags.volumes ? 1 : undefined,
          },
        });
      } catch (error) {
        if (flags.force && error instanceof CliError && (error as { status?: number }).status === 404) {
          context.warn(error.message);
          return undefined;
        }
        throw error;
      }
      return name;
    }),
});

export const wait = command({
  usage: MANY,
  arity: many,
  flags: {},
  run: (context, { args }) =>
    forEachName(context, args, async (name) => {
      const { StatusCode } = await context.engine.post<{ StatusCode: number }>(containerPath(name, 'wait'));
      return String(StatusCode);
    }),
});

export const rename = command({
  usage: 'CONTAINER NEW_NAME',
  arity: exactly(2),
  flags: {},
  async run(context, { args }) {
    const [from, to] = args.map((a) => a.trim());
    if (!from || !to) throw new CliError('Error: Neither old nor new names may be empty');
    try {
      await context.engine.post(containerPath(from, 'rename'), { query: { name: to } });
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      throw new CliError(`${error.message}\nError: failed to rename container named ${from}`);
    }
  },
});

import { pipeline } from 'node:stream/promises';
import { command, exactly } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { bool, string } from '../../cli/flag-types.ts';
import { demultiplexer } from '../../client/frames.ts';
import { parseTimestamp } from '../../output/human.ts';
import { inspectForAttach } from './attach.ts';
import { containerPath } from './path.ts';

export const logs = command({
  usage: '[OPTIONS] CONTAINER',
  arity: exactly(1),
  flags: {
    details: bool('', 'Show extra details provided to logs'),
    follow: bool('f', 'Follow log output'),
    since: string('', 'Show logs since a time (2013-01-02T13:23:37Z) or a span (42m)'),
    tail: string('n', 'Number of lines to show from the end of the logs', { initial: 'all' }),
    timestamps: bool('t', 'Show timestamps'),
    until: string('', 'Show logs before a time (2013-01-02T13:23:37Z) or a span (42m)'),
  },
  async run(context, { flags, args }) {
    const found = await inspectForAttach(context, args[0]!);
    const time = (flag: 'since' | 'until') => {
      try {
        return flags[flag] ? parseTimestamp(flags[flag]) : undefined;
      } catch (error) {
        throw new CliError(`invalid value for ${JSON.stringify(flag)}: ${(error as Error).message}`);
      }
    };
    const response = await context.engine.stream('GET', containerPath(found.Id, 'logs'), {
      query: {
        stdout: 1,
        stderr: 1,
        details: flags.details ? 1 : undefined,
        follow: flags.follow ? 1 : undefined,
        since: time('since'),
        until: time('until'),
        tail: flags.tail,
        timestamps: flags.timestamps ? 1 : undefined,
      },
    });
    if (found.Config.Tty) return void (await pipeline(response, context.stdout, { end: false }));
    const split = demultiplexer(context.stdout, context.stderr);
    split.resume();
    await pipeline(response, split);
  },
});

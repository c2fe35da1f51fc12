import { between, command, exactly } from '../../cli/command.ts';
import { bool, list, string } from '../../cli/flag-types.ts';
import { splitReference } from '../image/reference.ts';
import { saveTo } from '../output-file.ts';
import { containerPath } from './path.ts';

export const exportContainer = command({
  usage: '[OPTIONS] CONTAINER',
  arity: exactly(1),
  flags: { output: string('o', 'Write to a file, instead of STDOUT') },
  async run(context, { flags, args }) {
    await saveTo(context, flags.output, 'export', () =>
      context.engine.stream('GET', containerPath(args[0]!, 'export')),
    );
  },
});

export const commit = command({
  usage: '[OPTIONS] CONTAINER [REPOSITORY[:TAG]]',
  arity: between(1, 2),
  flags: {
    author: string('a', 'Author (e.g., "Ada <ada@example.org>")'),
    change: list('c', 'Apply Dockerfile instruction to the created image'),
    message: string('m', 'Commit message'),
    pause: bool('p', 'Pause container during commit', { initial: true }),
  },
  async run(context, { flags, args }) {
    const [container, reference = ''] = args;
    const { name, suffix } = reference ? splitReference(reference) : { name: '', suffix: '' };
    const { Id } = await context.engine.post<{ Id: string }>('/commit', {
      query: {
        container,
        repo: name || undefined,
        tag: suffix || undefined,
        author: flags.author || undefined,
        comment: flags.message || undefined,
        changes: flags.change,
        pause: flags.pause ? undefined : 0,
      },
    });
    context.print(Id);
  },
});

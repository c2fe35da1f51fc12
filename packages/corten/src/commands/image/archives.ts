import { createReadStream, existsSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { atLeast, between, command, none } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { bool, list, string } from '../../cli/flag-types.ts';
import { jsonLines } from '../../client/json-lines.ts';
import { type ProgressMessage, showProgress } from '../../output/progress.ts';
import { saveTo } from '../output-file.ts';
import { splitReference } from './reference.ts';
import { platformJson } from './transfer.ts';

export const save = command({
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  arity: atLeast(1),
  flags: {
    output: string('o', 'Write to a file, instead of STDOUT'),
    platform: string('', 'Save only the given platform variant'),
  },
  async run(context, { flags, args }) {
    await saveTo(context, flags.output, 'save', () =>
      context.engine.stream('GET', '/images/get', { query: { names: args, platform: platformJson(flags.platform) } }),
    );
  },
});

export const load = command({
  usage: '[OPTIONS]',
  arity: none,
  flags: {
    input: string('i', 'Read from tar archive file, instead of STDIN'),
    platform: string('', 'Load only the given platform variant'),
    quiet: bool('q', 'Suppress the load output'),
  },
  async run(context, { flags }) {
    if (!flags.input && context.stdin.isTTY) throw new CliError('requested load from stdin, but stdin is empty');
    const upload = flags.input ? openFile(flags.input) : context.stdin;
    const quiet = flags.quiet || !context.stdout.isTTY;
    const response = await context.engine.stream('POST', '/images/load', {
      query: { quiet: quiet ? 1 : 0, platform: platformJson(flags.platform) },
      upload,
      contentType: 'application/x-tar',
    });
    await showProgress(jsonLines<ProgressMessage>(response), context.stdout);
  },
});

export const importImage = command({
  usage: '[OPTIONS] file|URL|- [REPOSITORY[:TAG]]',
  arity: between(1, 2),
  flags: {
    change: list('c', 'Apply Dockerfile instruction to the created image'),
    message: string('m', 'Set commit message for imported image'),
    platform: string('', 'Set platform'),
  },
  async run(context, { flags, args }) {
    const [source, reference = ''] = args;
    const { name, suffix } = reference ? splitReference(reference) : { name: '', suffix: '' };
    const remote = /^https?:\/\//.test(source!);
    const upload = remote ? undefined : source === '-' ? context.stdin : openFile(source!);
    const response = await context.engine.stream('POST', '/images/create', {
      query: {
        fromSrc: remote ? source : '-',
        repo: name || undefined,
        tag: suffix || undefined,
        message: flags.message || undefined,
        changes: flags.change,
        platform: flags.platform || undefined,
      },
      upload,
      contentType: 'application/x-tar',
    });
    await showProgress(jsonLines<ProgressMessage>(response), context.stdout);
  },
});

function openFile(path: string): Readable {
  if (!existsSync(path)) throw new CliError(`open ${path}: no such file or directory`);
  if (statSync(path).isDirectory()) throw new CliError(`read ${path}: is a directory`);
  return createReadStream(path, { highWaterMark: 256 * 1024 });
}

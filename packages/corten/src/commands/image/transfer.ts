import { command, exactly } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { bool, contentTrust, string } from '../../cli/flag-types.ts';
import { credentialsFor, encodeAuth, registryOf } from '../../client/credentials.ts';
import { jsonLines } from '../../client/json-lines.ts';
import { type ProgressMessage, showProgress } from '../../output/progress.ts';
import { pullTo } from './pull-image.ts';
import { canonicalReference, imagePath, splitReference } from './reference.ts';

export const pull = command({
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  arity: exactly(1),
  flags: {
    'all-tags': bool('a', 'Download all tagged images in the repository'),
    'disable-content-trust': contentTrust(),
    platform: string('', 'Set platform'),
    quiet: bool('q', 'Suppress verbose output'),
  },
  async run(context, { flags, args }) {
    const image = args[0]!;
    const { suffix } = splitReference(image);
    if (flags['all-tags'] && suffix) throw new CliError("tag can't be used with --all-tags/-a");
    if (!flags['all-tags'] && !suffix && !flags.quiet) context.print('Using default tag: latest');
    await pullTo(context, image, {
      platform: flags.platform,
      quiet: flags.quiet,
      all: flags['all-tags'],
      out: context.stdout,
    });
    context.print(canonicalReference(image, !flags['all-tags']));
  },
});

export const push = command({
  usage: '[OPTIONS] NAME[:TAG]',
  arity: exactly(1),
  flags: {
    'all-tags': bool('a', 'Push all tags of an image to the repository'),
    'disable-content-trust': contentTrust(),
    platform: string('', 'Push a platform-specific manifest'),
    quiet: bool('q', 'Suppress verbose output'),
  },
  async run(context, { flags, args }) {
    const image = args[0]!;
    const { name, suffix } = splitReference(image);
    if (flags['all-tags'] && suffix) throw new CliError("tag can't be used with --all-tags/-a");
    if (suffix.includes(':')) throw new CliError('cannot push a digest reference');
    if (!flags['all-tags'] && !suffix && !flags.quiet) context.print('Using default tag: latest');
    const response = await context.engine.stream('POST', imagePath(name, 'push'), {
      query: { tag: flags['all-tags'] ? undefined : suffix || 'latest', platform: platformJson(flags.platform) },
      headers: { 'X-Registry-Auth': encodeAuth(credentialsFor(context.config, registryOf(name))) },
    });
    const messages = jsonLines<ProgressMessage>(response);
    if (!flags.quiet) return void (await showProgress(messages, context.stdout));
    const { PassThrough } = await import('node:stream');
    await showProgress(messages, new PassThrough().resume());
    context.print(canonicalReference(image, !flags['all-tags']));
  },
});

/** `linux/arm64/v8` as the API's query wants it. */
export function platformJson(text: string): string | undefined {
  if (!text) return undefined;
  const [os, architecture, variant] = text.split('/');
  return JSON.stringify({ os, architecture, variant });
}

import { finished } from 'node:stream/promises';
import type { Context } from '../../cli/command.ts';
import { credentialsFor, encodeAuth, registryOf } from '../../client/credentials.ts';
import { jsonLines } from '../../client/json-lines.ts';
import { type ProgressMessage, showProgress } from '../../output/progress.ts';
import { splitReference } from './reference.ts';

export interface PullChoice {
  platform: string;
  quiet: boolean;
  all?: boolean;
  out: NodeJS.WriteStream;
}

/** Pulls an image and shows how it goes on `out`; nothing when quiet. */
export async function pullTo(context: Context, image: string, choice: PullChoice): Promise<void> {
  const { name, suffix } = splitReference(image);
  const response = await context.engine.stream('POST', '/images/create', {
    query: {
      fromImage: name,
      tag: choice.all ? undefined : suffix || 'latest',
      platform: choice.platform || undefined,
    },
    headers: { 'X-Registry-Auth': encodeAuth(credentialsFor(context.config, registryOf(name))) },
  });
  const messages = jsonLines<ProgressMessage>(response);
  if (!choice.quiet) return showProgress(messages, choice.out);
  const { PassThrough } = await import('node:stream');
  const nowhere = new PassThrough().resume();
  await showProgress(messages, nowhere);
  await finished(nowhere.end(), { writable: false });
}

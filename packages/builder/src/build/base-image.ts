import { invalid } from '@corten/errors';
import type { Image } from '@corten/images';
import { DEFAULT_DOMAIN, matchesPlatform, type Platform, parseAnyReference } from '@corten/oci';
import type { BuildSession } from './session.ts';

/** An image by name or ID: the local one, else pulled. With `fresh` the registry is asked first. */
export async function baseImage(
  session: BuildSession,
  name: string,
  { platform, fresh }: { platform: Platform | undefined; fresh: boolean },
): Promise<Image> {
  const { images, pullImage } = session.deps;
  const local = images.find(name);
  const parsed = parseAnyReference(name);
  if ('id' in parsed) return images.get(name); // an ID cannot be pulled
  const fits = !platform || !local || matchesPlatform(platform, local.config);
  if (local && !fresh && fits) return local;
  const auth = authFor(session, parsed.reference.domain);
  return pullImage(name, {
    ...(platform ? { platform } : {}),
    ...(auth ? { auth } : {}),
    onProgress: (line) => session.output.progress(line),
    signal: session.signal,
  });
}

function authFor({ options }: BuildSession, domain: string) {
  const names = domain === DEFAULT_DOMAIN ? ['https://index.docker.io/v1/', 'docker.io', domain] : [domain];
  for (const name of [...names, `https://${domain}`, `https://${domain}/v1/`])
    if (Object.hasOwn(options.auths, name)) return options.auths[name];
  return undefined;
}

/** FROM's name after expansion; empty is refused. */
export function checkBaseName(expanded: string, written: string): string {
  if (expanded === '') throw invalid(`base name (${written}) should not be blank`);
  return expanded;
}

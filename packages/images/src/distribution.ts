import {
  isIndexType,
  type Platform,
  parseImageConfig,
  parseIndex,
  parseJson,
  parseManifest,
  parseReference,
  withDefaultTag,
} from '@corten/oci';
import type { Context } from './context.ts';
import { explainPullError } from './registry-messages.ts';
import type { RegistryAuth } from './types.ts';

/** POST /auth. */
export async function login(ctx: Context, auth: RegistryAuth): Promise<{ Status: string; IdentityToken?: string }> {
  const { identityToken } = await ctx.registryClient.login(auth, AbortSignal.timeout(60_000));
  return { Status: 'Login Succeeded', IdentityToken: identityToken ?? '' };
}

/** GET /distribution/{name}/json: what a registry has under a name, without pulling it. */
export async function distribution(
  ctx: Context,
  text: string,
  auth?: RegistryAuth,
): Promise<{ Descriptor: unknown; Platforms: Platform[] }> {
  const reference = withDefaultTag(parseReference(text));
  const signal = AbortSignal.timeout(60_000);
  const remote = ctx.registryClient.open(reference, { credentials: auth, access: 'pull', signal });
  try {
    const { digest, mediaType, bytes } = await remote.manifest(reference.digest ?? reference.tag!);
    const value = parseJson(bytes, 'manifest');
    const Descriptor = { mediaType, digest, size: bytes.length };
    if (isIndexType(mediaType)) {
      const platforms = parseIndex(value, mediaType).manifests.map((m) => m.platform);
      return { Descriptor, Platforms: platforms.filter((p): p is Platform => p !== undefined) };
    }
    const config = await remote.blobBytes(parseManifest(value, mediaType).config);
    const { os, architecture, variant } = parseImageConfig(parseJson(config, 'image config'));
    return { Descriptor, Platforms: [{ os, architecture, ...(variant ? { variant } : {}) }] };
  } catch (error) {
    throw explainPullError(error, reference);
  }
}

import { invalid, messageOf, notFound } from '@corten/errors';
import { type Digest, familiarName, familiarString, type Platform, type Reference } from '@corten/oci';
import { RegistryError } from '@corten/registry-client';

/** Docker's wording of what a registry refuses on a pull. */
export function explainPullError(error: unknown, reference: Reference): unknown {
  if (!(error instanceof RegistryError)) return error;
  if (error.code === 'DENIED')
    return notFound(
      `pull access denied for ${familiarName(reference)}, repository does not exist or may require 'docker login': ${error.message}`,
      error,
    );
  if (error.code === 'MANIFEST_UNKNOWN')
    return notFound(`manifest for ${familiarString(reference)} not found: ${error.message}`, error);
  if (error.code === 'NAME_UNKNOWN')
    return notFound(`repository ${familiarName(reference)} not found: ${error.message}`, error);
  if (error.status === 404 && error.code === '')
    return notFound(`manifest for ${familiarString(reference)} not found: manifest unknown: manifest unknown`, error);
  return error;
}

/** No entry of an index runs on the wanted platform. */
export const noMatchingManifest = (platform: Platform) =>
  notFound(
    `no matching manifest for ${platform.os}/${platform.architecture}${platform.variant ? `/${platform.variant}` : ''} in the manifest list entries`,
  );

export const layerMismatch = (diffId: Digest, error: unknown) =>
  invalid(`failed to register layer ${diffId}: ${messageOf(error)}`, error);

export { chainId, chainIds, chainOn, digester, digestOf, hexOf, isDigest, parseDigest } from './digest.ts';
export {
  compressionOf,
  isConfigType,
  isIndexType,
  isLayerType,
  isManifestType,
  isSchema1Type,
  layerMediaType,
  MANIFEST_ACCEPT,
  MediaType,
} from './media-types.ts';
export {
  choosePlatform,
  currentPlatform,
  formatPlatform,
  matchesPlatform,
  normalizePlatform,
  parsePlatform,
  platformScore,
} from './platform.ts';
export {
  bareName,
  canonicalString,
  DEFAULT_DOMAIN,
  DEFAULT_TAG,
  familiarName,
  familiarString,
  isRepositoryPath,
  isTag,
  parseAnyReference,
  parseReference,
  type Reference,
  repositoryName,
  tryParseReference,
  withDefaultTag,
  withDigest,
  withTag,
} from './reference.ts';
export type * from './types.ts';
export { parseDescriptor, parseImageConfig, parseIndex, parseJson, parseManifest } from './validate.ts';

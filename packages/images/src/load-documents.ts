import { invalid } from '@corten/errors';
import {
  choosePlatform,
  currentPlatform,
  type Descriptor,
  digestOf,
  hexOf,
  isIndexType,
  parseIndex,
  parseJson,
  parseManifest,
  parseReference,
  type Reference,
  tryParseReference,
  withDefaultTag,
} from '@corten/oci';

/** An image that an archive holds, put together from its documents. */
export interface ArchivedImage {
  config: Buffer;
  /** Entry names of the layers, lowest first. */
  layers: string[];
  references: Reference[];
  /** The image manifest, when the archive has one. */
  manifest?: Buffer;
}

type Documents = ReadonlyMap<string, Buffer>;
/** `partial` while the archive is still arriving: images whose documents are not all here are left out. */
type Mode = 'partial' | 'complete';

export function imagesOfArchive(documents: Documents, mode: Mode): ArchivedImage[] {
  const docker = documents.get('manifest.json');
  if (docker) return dockerImages(documents, docker, mode);
  const index = documents.get('index.json');
  if (index) return layoutImages(documents, index, mode);
  throw invalid('invalid archive: it has neither manifest.json (docker save) nor index.json (OCI layout)');
}

const strings = (value: unknown, where: string): string[] => {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((v) => typeof v === 'string'))
    throw invalid(`${where}: must be an array of strings`);
  return value as string[];
};

function dockerImages(documents: Documents, bytes: Buffer, mode: Mode): ArchivedImage[] {
  const list = parseJson(bytes, 'manifest.json');
  if (!Array.isArray(list)) throw invalid('manifest.json: must be an array');
  const manifests = layoutManifests(documents);
  const images: ArchivedImage[] = [];
  for (const [i, item] of (list as unknown[]).entries()) {
    const entry = (item ?? {}) as { Config?: unknown; RepoTags?: unknown; Layers?: unknown };
    if (typeof entry.Config !== 'string') throw invalid(`manifest.json[${i}].Config: must be a string`);
    const config = documents.get(entry.Config);
    if (!config) {
      if (mode === 'partial') continue;
      throw invalid(`manifest.json[${i}].Config: ${entry.Config} is not in the archive`);
    }
    const layers = strings(entry.Layers, `manifest.json[${i}].Layers`);
    const references = strings(entry.RepoTags, `manifest.json[${i}].RepoTags`).map((tag) =>
      withDefaultTag(parseReference(tag)),
    );
    const manifest = manifests.get(`${digestOf(config)} ${layers.join(' ')}`);
    images.push({ config, layers, references, ...(manifest ? { manifest } : {}) });
  }
  return images;
}

const blob = (descriptor: Descriptor): string => `blobs/sha256/${hexOf(descriptor.digest)}`;

/** Manifests of an archive that is also an OCI layout, by the config and layers they name. */
function layoutManifests(documents: Documents): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  const index = documents.get('index.json');
  if (!index) return found;
  for (const descriptor of parseIndex(parseJson(index, 'index.json')).manifests) {
    const bytes = documents.get(blob(descriptor));
    if (!bytes || isIndexType(descriptor.mediaType)) continue;
    const manifest = parseManifest(parseJson(bytes, 'manifest'));
    found.set(`${manifest.config.digest} ${manifest.layers.map(blob).join(' ')}`, bytes);
  }
  return found;
}

function layoutImages(documents: Documents, bytes: Buffer, mode: Mode): ArchivedImage[] {
  const images = new Map<string, ArchivedImage>();
  for (const descriptor of parseIndex(parseJson(bytes, 'index.json')).manifests) {
    const leaf = toManifest(documents, descriptor, mode);
    const manifestBytes = leaf && verified(documents, leaf, mode);
    if (!manifestBytes) continue;
    const manifest = parseManifest(parseJson(manifestBytes, 'manifest'));
    const config = verified(documents, manifest.config, mode);
    if (!config) continue;
    const image = images.get(leaf.digest) ?? {
      config,
      layers: manifest.layers.map(blob),
      references: [],
      manifest: manifestBytes,
    };
    images.set(leaf.digest, image);
    const reference = nameOf(descriptor);
    if (reference) image.references.push(reference);
  }
  return [...images.values()];
}

function toManifest(documents: Documents, descriptor: Descriptor, mode: Mode): Descriptor | undefined {
  if (!isIndexType(descriptor.mediaType)) return descriptor;
  const bytes = verified(documents, descriptor, mode);
  if (!bytes) return undefined;
  const chosen = choosePlatform(parseIndex(parseJson(bytes, 'index')).manifests, currentPlatform());
  if (!chosen || isIndexType(chosen.mediaType))
    throw invalid(`index ${descriptor.digest}: no image in it runs on this host`);
  return chosen;
}

/** A document by its digest; the bytes must have it. */
function verified(documents: Documents, descriptor: Descriptor, mode: Mode): Buffer | undefined {
  const bytes = documents.get(blob(descriptor));
  if (bytes) {
    if (digestOf(bytes) !== descriptor.digest)
      throw invalid(`archive: ${blob(descriptor)} does not have the digest of its name`);
    return bytes;
  }
  if (mode === 'partial') return undefined;
  throw invalid(`archive: ${blob(descriptor)} is missing`);
}

/** The name in a descriptor's annotations: containerd's full one, else a reference that is more than a tag. */
function nameOf(descriptor: Descriptor): Reference | undefined {
  const full =
    descriptor.annotations?.['io.containerd.image.name'] ??
    descriptor.annotations?.['org.opencontainers.image.ref.name'];
  if (!full || (!full.includes('/') && !full.includes(':'))) return undefined;
  const reference = tryParseReference(full);
  return reference && !reference.digest ? withDefaultTag(reference) : undefined;
}

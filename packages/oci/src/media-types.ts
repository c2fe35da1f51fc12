import type { Compression } from './types.ts';

/** Media types of OCI image-spec (media-types.md) and of Docker's image manifest version 2, schema 2. */
export const MediaType = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerLayerZstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
  dockerForeignLayer: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  dockerManifestV1: 'application/vnd.docker.distribution.manifest.v1+json',
  dockerManifestV1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
} as const;

/** What a client sends as Accept when it asks for a manifest: everything that `parseManifest` or `parseIndex` reads. */
export const MANIFEST_ACCEPT: readonly string[] = [
  MediaType.dockerManifest,
  MediaType.dockerManifestList,
  MediaType.ociManifest,
  MediaType.ociIndex,
];

export const isIndexType = (type: string): boolean =>
  type === MediaType.ociIndex || type === MediaType.dockerManifestList;
export const isManifestType = (type: string): boolean =>
  type === MediaType.ociManifest || type === MediaType.dockerManifest;
export const isConfigType = (type: string): boolean => type === MediaType.ociConfig || type === MediaType.dockerConfig;
export const isSchema1Type = (type: string): boolean =>
  type === MediaType.dockerManifestV1 || type === MediaType.dockerManifestV1Signed;

/** Layer media types, non-distributable ones included. */
export const isLayerType = (type: string): boolean =>
  /^application\/vnd\.oci\.image\.layer\.(nondistributable\.)?v1\.tar(\+gzip|\+zstd)?$/.test(type) ||
  /^application\/vnd\.docker\.image\.rootfs\.(foreign\.)?diff\.tar(\.gzip|\.zstd)?$/.test(type);

/** How a layer of this media type is compressed. */
export function compressionOf(type: string): Compression {
  if (/[.+]gzip$/.test(type)) return 'gzip';
  return /[.+]zstd$/.test(type) ? 'zstd' : 'none';
}

const DOCKER_LAYER: Record<Compression, string> = {
  none: MediaType.dockerLayer,
  gzip: MediaType.dockerLayerGzip,
  zstd: MediaType.dockerLayerZstd,
};
const OCI_LAYER: Record<Compression, string> = {
  none: MediaType.ociLayer,
  gzip: MediaType.ociLayerGzip,
  zstd: MediaType.ociLayerZstd,
};
/** The media type of a layer blob in a manifest of the given family. */
export const layerMediaType = (family: 'docker' | 'oci', compression: Compression): string =>
  (family === 'docker' ? DOCKER_LAYER : OCI_LAYER)[compression];

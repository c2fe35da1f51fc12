export {
  applyLayerTar,
  changesOf,
  commitLayerTree,
  extractTar,
  type LayerApplied,
  layerTar,
  packTar,
  sizeOf,
} from './archive.ts';
export type { TreeChange } from './changes.ts';
export { type ArchiveCompression, decompress, decompressChunks, detectCompression } from './compression.ts';
export type { ExtractJob } from './extract.ts';
export type { PackJob } from './pack.ts';
export type { TarEntry } from './tar-header.ts';
export { type NewEntry, readTar, type StreamEntry, tarStream } from './tar-stream.ts';

export { type ImagesDependencies, openImages } from './open.ts';
export { matchesLabels } from './prune.ts';
export type * from './types.ts';

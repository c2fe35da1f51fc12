export { openSnapshots, type SnapshotsDependencies } from './snapshots.ts';
export type * from './types.ts';

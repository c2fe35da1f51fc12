export type * from './types.ts';
// openImages(deps: { db, content, snapshots, registry (client), events, users: ImageUsers, log }): Promise<Images>

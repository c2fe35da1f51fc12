export type * from './types.ts';
// openVolumes(deps: { root, db, events, log }): Promise<Volumes>

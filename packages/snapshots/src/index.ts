export type * from './types.ts';
// openSnapshots(deps: { root: string; db: Database; log: Logger }): Promise<Snapshots>   (reconciles what a crash left)

export type * from './types.ts';
// createBuilder(deps: { root, images, snapshots, steps: StepRunner (from containers), db, log }): Builder

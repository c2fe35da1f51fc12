export type * from './types.ts';
// createContainers(deps: { db, root, execRoot, supervisor, snapshots, images, networks, volumes, events, log, defaults })
//   : { containers: Containers; steps: StepRunner }

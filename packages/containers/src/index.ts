export { createContainers } from './containers.ts';
export type { ContainerDefaults, ContainersDependencies } from './context.ts';
export { applyChanges } from './image/changes.ts';
export type * from './types.ts';

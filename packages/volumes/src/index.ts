export type * from './types.ts';
export { openVolumes } from './volumes.ts';

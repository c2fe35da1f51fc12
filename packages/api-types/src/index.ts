export * from './container.ts';
export * from './network.ts';
export { parse } from './schema.ts';
export * as schema from './schema.ts';
export * from './volume.ts';

export * from './auth.ts';
export * from './container.ts';
export * from './network.ts';
export * as schema from './schema.ts';
export { parse } from './schema.ts';
export * from './volume.ts';

export { type BuilderDependencies, createBuilder } from './builder.ts';
export type * from './types.ts';

export { openContent } from './content.ts';
export type * from './types.ts';

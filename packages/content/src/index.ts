export type * from './types.ts';
// openContent(root: string): Promise<Content>

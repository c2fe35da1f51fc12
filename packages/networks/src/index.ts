export { type NetworksDependencies, openNetworks } from './networks.ts';
export type * from './types.ts';

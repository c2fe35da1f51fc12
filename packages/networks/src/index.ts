export type * from './types.ts';
// openNetworks(deps: { db, events, log, execRoot, bip?, mtu?, fixedCidr?, icc?, ipMasq?, ipForward?, defaultAddressPools?, dns?: {...}, bridgeName }): Promise<Networks>

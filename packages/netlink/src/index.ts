export { type BridgeRules, NftTable, type Published, type TableSettings } from './nft.ts';
export { type Link, RouteSocket } from './route.ts';

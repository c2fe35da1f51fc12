import { isIPv4 } from 'node:net';
import { invalid } from '@corten/errors';

/** IPv4 arithmetic on unsigned numbers. */
export const toNumber = (address: string): number =>
  address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
export const toAddress = (number: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');

export interface Subnet {
  /** First address, as a number. */
  base: number;
  prefix: number;
  size: number;
}

/** Parses `172.17.0.0/16` (host bits allowed, dropped). */
export function parseSubnet(cidr: string): Subnet {
  const [address, bits] = cidr.split('/');
  if (!isIPv4(address ?? '') || !/^\d{1,2}$/.test(bits ?? '') || Number(bits) > 32)
    throw invalid(`invalid subnet ${cidr}: invalid CIDR address: ${cidr}`);
  const prefix = Number(bits);
  const size = 2 ** (32 - prefix);
  return { base: Math.floor(toNumber(address!) / size) * size, prefix, size };
}

export const formatSubnet = (s: Subnet): string => `${toAddress(s.base)}/${s.prefix}`;
export const contains = (s: Subnet, address: string): boolean => {
  const number = toNumber(address);
  return number >= s.base && number < s.base + s.size;
};
export const overlaps = (a: Subnet, b: Subnet): boolean => a.base < b.base + b.size && b.base < a.base + a.size;
export const broadcastOf = (s: Subnet): string => toAddress(s.base + s.size - 1);

/** Docker's default pools for local networks. */
export const DEFAULT_POOLS: readonly { base: string; size: number }[] = [
  ...Array.from({ length: 15 }, (_, i) => ({ base: `172.${17 + i}.0.0/16`, size: 16 })),
  { base: '192.168.0.0/16', size: 20 },
];

/** The first subnet of the pools that overlaps none of `taken`. */
export function freeSubnet(
  pools: readonly { base: string; size: number }[],
  taken: readonly Subnet[],
): Subnet | undefined {
  for (const { base, size } of pools) {
    const pool = parseSubnet(base);
    const step = 2 ** (32 - size);
    for (let at = pool.base; at < pool.base + pool.size; at += step) {
      const candidate = { base: at, prefix: size, size: step };
      if (!taken.some((t) => overlaps(t, candidate))) return candidate;
    }
  }
  return undefined;
}

/** A locally administered MAC made of an IPv4 address, as Docker does: 02:42 and the four bytes. */
export const macOf = (address: string): string =>
  ['02', '42', ...address.split('.').map((p) => Number(p).toString(16).padStart(2, '0'))].join(':');

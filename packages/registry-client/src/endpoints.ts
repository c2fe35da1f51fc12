import { BlockList, isIP, isIPv6 } from 'node:net';
import { DEFAULT_DOMAIN } from '@corten/oci';

/** One place where a registry may answer. */
export interface Endpoint {
  base: URL;
  /** Check its certificate. */
  verify: boolean;
  mirror: boolean;
}

const DOCKER_HUB = 'https://registry-1.docker.io';

/** Host without port and brackets. */
export function hostOf(domain: string): string {
  const bracket = /^\[([^\]]+)\]/.exec(domain);
  return bracket ? bracket[1]! : domain.split(':')[0]!;
}

/** Whether http or an unverified certificate is allowed: loopback always, else what the configuration lists. */
export function isInsecure(domain: string, configured: readonly string[]): boolean {
  const host = hostOf(domain);
  if (host === 'localhost' || (host.startsWith('127.') && isIP(host) !== 0) || host === '::1') return true;
  return configured.some((entry) => {
    if (entry === domain || entry === host) return true;
    const [network, bits] = entry.split('/');
    if (!bits || !network || isIP(network) === 0 || isIP(host) === 0) return false;
    if (isIPv6(network) !== isIPv6(host)) return false;
    const list = new BlockList();
    const family = isIPv6(network) ? 'ipv6' : 'ipv4';
    list.addSubnet(network, Number(bits), family);
    return list.check(host, family);
  });
}

/** Endpoints of a registry in the order they are tried. */
export function endpointsOf(
  domain: string,
  options: { insecure: readonly string[]; mirrors: readonly string[]; access: 'pull' | 'push' },
): Endpoint[] {
  if (domain === DEFAULT_DOMAIN) {
    const mirrors = options.access === 'pull' ? options.mirrors : [];
    return [
      ...mirrors.map((m): Endpoint => {
        const base = new URL(m.includes('://') ? m : `https://${m}`);
        return { base, verify: !isInsecure(base.host, options.insecure), mirror: true };
      }),
      { base: new URL(DOCKER_HUB), verify: true, mirror: false },
    ];
  }
  if (!isInsecure(domain, options.insecure))
    return [{ base: new URL(`https://${domain}`), verify: true, mirror: false }];
  return [
    { base: new URL(`https://${domain}`), verify: false, mirror: false },
    { base: new URL(`http://${domain}`), verify: false, mirror: false },
  ];
}

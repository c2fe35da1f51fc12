import { arch } from 'node:os';
import { invalid } from '@corten/errors';
import type { Platform } from './types.ts';

/** Node's architecture names → GOARCH, as image configs use. */
const GOARCH: Record<string, Pick<Platform, 'architecture' | 'variant'>> = {
  x64: { architecture: 'amd64' },
  ia32: { architecture: '386' },
  arm64: { architecture: 'arm64', variant: 'v8' },
  arm: { architecture: 'arm', variant: 'v7' },
  ppc64: { architecture: 'ppc64le' },
  s390x: { architecture: 's390x' },
  riscv64: { architecture: 'riscv64' },
  loong64: { architecture: 'loong64' },
};
const SYNONYMS: Record<string, string> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  i386: '386',
  armhf: 'arm/v7',
  armel: 'arm/v6',
};
const OS_SYNONYMS: Record<string, string> = { macos: 'darwin' };
const PART = /^[A-Za-z0-9_-]+$/;

/** The platform of this host. Containers are Linux here. */
export function currentPlatform(): Platform {
  return { os: 'linux', ...(GOARCH[arch()] ?? { architecture: arch() }) };
}

/** Fills in and drops what two spellings of the same platform differ in: `arm64/v8` = `arm64`, `arm` = `arm/v7`. */
export function normalizePlatform(platform: Platform): Platform {
  const os = OS_SYNONYMS[platform.os.toLowerCase()] ?? platform.os.toLowerCase();
  const given = platform.architecture.toLowerCase();
  const [architecture = given, impliedVariant] = (SYNONYMS[given] ?? given).split('/');
  let variant: string | undefined = (platform.variant || impliedVariant || '').toLowerCase();
  if (architecture === 'arm64' && (variant === 'v8' || variant === '8')) variant = '';
  if (architecture === 'amd64' && variant === 'v1') variant = '';
  if (architecture === 'arm') variant = variant === '' ? 'v7' : variant.replace(/^(?=\d)/, 'v');
  return { os, architecture, ...(variant ? { variant } : {}) };
}

/** Parses `linux/amd64`, `linux/arm64/v8`, `arm64`, `linux`; throws Docker's words. */
export function parsePlatform(text: string): Platform {
  const parts = text.split('/');
  const bad = parts.find((p) => !PART.test(p));
  if (bad !== undefined)
    throw invalid(
      `${JSON.stringify(bad)} is an invalid component of ${JSON.stringify(text)}: platform specifier component must match "^[A-Za-z0-9_-]+$": invalid argument`,
    );
  if (parts.length > 3) throw invalid(`${JSON.stringify(text)}: cannot parse platform specifier: invalid argument`);
  const here = currentPlatform();
  if (parts.length === 1) {
    const only = parts[0]!.toLowerCase();
    const isOs = ['linux', 'windows', 'darwin', 'macos', 'freebsd'].includes(only);
    return normalizePlatform(isOs ? { ...here, os: only } : { os: here.os, architecture: only });
  }
  const [os = '', architecture = '', variant] = parts;
  return normalizePlatform({ os, architecture, ...(variant ? { variant } : {}) });
}

/** `linux/arm64/v8`. */
export const formatPlatform = (p: Platform): string =>
  [p.os, p.architecture, ...(p.variant ? [p.variant] : [])].join('/');

/** Variants that a host of the first kind runs, best first. */
const RUNS: Record<string, string[]> = { v8: ['v8', 'v7', 'v6', 'v5'], v7: ['v7', 'v6', 'v5'], v6: ['v6', 'v5'] };

/** How well `have` serves a host or request of `want`: 0 does not run, higher is better. */
export function platformScore(want: Platform, have: Platform): number {
  const [w, h] = [normalizePlatform(want), normalizePlatform(have)];
  if (w.os !== h.os || w.architecture !== h.architecture) return 0;
  if ((w.variant ?? '') === (h.variant ?? '')) return 100;
  if (w.architecture === 'arm') {
    const position = RUNS[w.variant ?? 'v7']?.indexOf(h.variant ?? 'v7') ?? -1;
    return position < 0 ? 0 : 50 - position;
  }
  return h.variant === undefined ? 50 : w.variant === undefined && w.architecture !== 'amd64' ? 10 : 0;
}

export const matchesPlatform = (want: Platform, have: Platform): boolean => platformScore(want, have) > 0;

/** The best entry for a platform; the first of equals, as Docker does. */
export function choosePlatform<T extends { platform?: Platform }>(
  entries: readonly T[],
  want: Platform,
): T | undefined {
  let best: T | undefined;
  let bestScore = 0;
  for (const entry of entries) {
    const score = entry.platform ? platformScore(want, entry.platform) : 0;
    if (score > bestScore) [best, bestScore] = [entry, score];
  }
  return best;
}

/** Engine API versions this door speaks (Engine API 1.56, "Versioning"). */
export const API_VERSION = '1.56';
export const MIN_API_VERSION = '1.24';

/** Orders `1.9` before `1.24`. */
export function compareVersions(a: string, b: string): number {
  const [aMajor = 0, aMinor = 0] = a.split('.').map(Number);
  const [bMajor = 0, bMinor = 0] = b.split('.').map(Number);
  return aMajor - bMajor || aMinor - bMinor;
}

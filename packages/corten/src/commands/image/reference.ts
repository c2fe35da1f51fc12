import { CliError } from '../../cli/errors.ts';

/** `host:5000/name:tag` → name and tag (or `sha256:…` for a digest); no suffix when none was given. */
export function splitReference(reference: string): { name: string; suffix: string } {
  if (reference === '' || /\s/.test(reference)) throw new CliError('invalid reference format');
  const at = reference.indexOf('@');
  if (at >= 0) return { name: reference.slice(0, at).replace(/:[^/:]*$/, ''), suffix: reference.slice(at + 1) };
  const colon = reference.lastIndexOf(':');
  if (colon < 0 || reference.indexOf('/', colon) >= 0) return { name: reference, suffix: '' };
  return { name: reference.slice(0, colon), suffix: reference.slice(colon + 1) };
}

/** The full name: what `docker pull` prints last (`docker.io/library/debian:12`). */
export function canonicalReference(reference: string, tag = true): string {
  const { name, suffix } = splitReference(reference);
  const first = name.split('/')[0]!;
  const hosted = name.includes('/') && (/[.:]/.test(first) || first === 'localhost');
  const full = hosted ? name : `docker.io/${name.includes('/') ? '' : 'library/'}${name}`;
  if (suffix.includes(':')) return `${full}@${suffix}`;
  return tag ? `${full}:${suffix || 'latest'}` : full;
}

/** An image's path in the API: slashes and colons stay, everything else is escaped. */
export const imagePath = (reference: string, verb = ''): string =>
  `/images/${encodeURIComponent(reference).replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%40', '@')}${verb ? `/${verb}` : ''}`;

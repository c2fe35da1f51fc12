import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface BundleConfig {
  root?: { path?: string };
  mounts?: { type?: string; source?: string; options?: string[] }[];
  linux?: { namespaces?: { path?: string }[] };
}

/** Files and directories of the host that a bundle's config.json names: its root, what it binds, namespaces it joins. */
export function bundleSources(bundle: string): string[] {
  const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as BundleConfig;
  const binds = (config.mounts ?? [])
    .filter((m) => m.type === 'bind' || m.options?.some((o) => o === 'bind' || o === 'rbind'))
    .map((m) => m.source);
  const joined = (config.linux?.namespaces ?? []).map((n) => n.path);
  return [config.root?.path, ...binds, ...joined].filter((path) => path?.startsWith('/')) as string[];
}

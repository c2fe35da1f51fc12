/**
 * Enforces the direction of imports: a package may import only what its package.json lists, and only packages
 * of a lower layer (or the same layer where LAYERS says so). Prints every violation and exits 1.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Lowest first. Inside a layer the order of the array counts: a package may import those before it. */
const LAYERS: readonly (readonly string[])[] = [
  ['errors', 'util', 'oci', 'state', 'host', 'api-types'],
  ['archive', 'content', 'netlink', 'events'],
  ['snapshots', 'registry-client', 'runtime'],
  ['images', 'registry', 'volumes', 'networks', 'containers', 'builder'],
  ['engine-api'],
  ['cortend', 'corten'],
];
const rank = new Map(LAYERS.flat().map((name, i) => [name, i]));
const APPS = new Set(LAYERS.at(-1));
const root = join(import.meta.dirname, '..');
const problems: string[] = [];

const sources = (dir: string): string[] =>
  readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((e) => e.isFile() && e.name.endsWith('.ts'))
    .map((e) => join(e.parentPath, e.name));

/** What import and export statements and import() calls name. */
function specifiersOf(source: string): string[] {
  const statement = /^(?:import|export)\b[^;'"]*?\bfrom\s+'([^']+)'|^import\s+'([^']+)'|\bimport\(\s*'([^']+)'/gm;
  return [...source.matchAll(statement)].map(([, from, bare, dynamic]) => (from ?? bare ?? dynamic)!);
}

for (const name of readdirSync(join(root, 'packages'))) {
  const own = rank.get(name);
  if (own === undefined) {
    problems.push(
      `packages/${name} is in no layer; add it to LAYERS in scripts/check-imports.ts and to ARCHITECTURE.md`,
    );
    continue;
  }
  const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));
  const declared = new Set(Object.keys(manifest.dependencies ?? {}));
  for (const file of sources(join(root, 'packages', name, 'src'))) {
    const isTest = file.endsWith('.test.ts');
    for (const specifier of specifiersOf(readFileSync(file, 'utf8'))) {
      if (specifier.startsWith('.') && !specifier.startsWith('../../')) continue;
      const target = /^@corten\/([^/]+)(\/.*)?$/.exec(specifier);
      const where = file.slice(root.length + 1);
      if (!target) {
        const bare = specifier.split('/')[0]!;
        if (!specifier.startsWith('node:') && !declared.has(bare) && !specifier.startsWith('.'))
          problems.push(`${where}: '${specifier}' is not in packages/${name}/package.json`);
        if (bare === 'koffi' && name !== 'host') problems.push(`${where}: only packages/host may call native code`);
        if (bare === 'valibot' && name !== 'api-types') problems.push(`${where}: schemas live in packages/api-types`);
        continue;
      }
      if (target[2]) problems.push(`${where}: '${specifier}' reaches into a room; import its index`);
      if (!declared.has(`@corten/${target[1]}`))
        problems.push(`${where}: '@corten/${target[1]}' is not in packages/${name}/package.json`);
      const other = rank.get(target[1]!);
      const upward = other === undefined || other >= own;
      if (upward && !(isTest && !APPS.has(target[1]!)))
        problems.push(`${where}: ${name} must not import ${target[1]} (imports go downwards)`);
    }
  }
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);

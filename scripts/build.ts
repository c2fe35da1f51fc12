/**
 * Bundles the programs into dist/: one file each, so that the CLI starts without resolving a hundred modules.
 * Each `*.worker.ts` becomes an entry of its own beside them (see workerUrl in packages/util).
 */
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type BuildOptions, build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
rmSync(dist, { recursive: true, force: true });

const entryPoints: Record<string, string> = {
  cortend: 'packages/cortend/src/main.ts',
};
for (const worker of globSync('packages/*/src/**/*.worker.ts', { cwd: root })) {
  const name = basename(worker, '.ts');
  if (entryPoints[name]) throw new Error(`two workers are named ${name}: ${entryPoints[name]} and ${worker}`);
  entryPoints[name] = worker;
}

const version: string = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;

const common: BuildOptions = {
  absWorkingDir: root,
  outdir: dist,
  bundle: true,
  platform: 'node',
  target: 'node24',
  sourcemap: 'linked',
  external: ['koffi'],
  logLevel: 'warning',
};
const define = {
  __CORTEN_VERSION__: JSON.stringify(version),
  __CORTEN_COMMIT__: JSON.stringify(commit()),
  __CORTEN_BUILT__: JSON.stringify(new Date().toISOString()),
};

await build({
  ...common,
  entryPoints,
  format: 'esm',
  define,
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
});

// The CLI lives for milliseconds: one CommonJS file loads in half the time of ES modules, what a command does not use is not
// evaluated, and Node's own modules are not read export by export.
await build({
  ...common,
  entryPoints: { corten: 'packages/corten/src/main.ts' },
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  minifySyntax: true,
  define: { ...define, 'import.meta.url': '__fileUrl', 'import.meta.dirname': '__dirname' },
  banner: { js: "const __fileUrl = require('node:url').pathToFileURL(__filename).href;" },
});

/** Short commit of the checkout; a source archive without git says so. */
function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'no-git';
  }
}

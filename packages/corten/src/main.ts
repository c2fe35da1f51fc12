/** Entry of the command line. Loads nothing but what the given command needs. */
import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Compiled code is kept beside the bundle, which only its owner can write; never in a shared temporary directory.
const here = dirname(fileURLToPath(import.meta.url));
if (existsSync(join(here, 'corten.js'))) enableCompileCache(join(here, '.compile-cache'));
const { main } = await import('./cli/dispatch.ts');
await main(process.argv.slice(2));

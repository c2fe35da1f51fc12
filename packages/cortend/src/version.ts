import { readFileSync } from 'node:fs';

/** Corten's version; the build stamps it from the root package.json. */
declare const __CORTEN_VERSION__: string | undefined;
declare const __CORTEN_COMMIT__: string | undefined;
declare const __CORTEN_BUILT__: string | undefined;

const fromSource = (): string =>
  JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')).version;

export const VERSION: string = typeof __CORTEN_VERSION__ === 'string' ? __CORTEN_VERSION__ : fromSource();
export const COMMIT: string = typeof __CORTEN_COMMIT__ === 'string' ? __CORTEN_COMMIT__ : 'source';
export const BUILT: string = typeof __CORTEN_BUILT__ === 'string' ? __CORTEN_BUILT__ : '';

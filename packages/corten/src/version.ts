declare const __CORTEN_VERSION__: string | undefined;
declare const __CORTEN_COMMIT__: string | undefined;
declare const __CORTEN_BUILT__: string | undefined;

/** Set by the build; a run from source says so. */
export const version: string = typeof __CORTEN_VERSION__ === 'string' ? __CORTEN_VERSION__ : '0.0.0-source';
export const commit: string = typeof __CORTEN_COMMIT__ === 'string' ? __CORTEN_COMMIT__ : 'source';
export const built: string = typeof __CORTEN_BUILT__ === 'string' ? __CORTEN_BUILT__ : '';
/** The newest Engine API that this client speaks. */
export const API_VERSION = '1.56';

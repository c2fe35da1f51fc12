export { createApi } from './api.ts';
export type { Services, SystemFacts } from './services.ts';
export { API_VERSION, MIN_API_VERSION } from './versions.ts';

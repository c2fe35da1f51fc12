export { createRegistryClient, serverDomain } from './client.ts';
export { RegistryError } from './registry-error.ts';
export type {
  Credentials,
  RegistryClient,
  RegistryClientOptions,
  RegistrySettings,
  RemoteManifest,
  RemoteRepository,
} from './types.ts';

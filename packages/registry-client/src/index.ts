export { createRegistryClient, serverDomain } from './client.ts';
export { RegistryError } from './registry-error.ts';
export type {
  Credentials,
  RegistryClient,
  RegistryClientOptions,
  RemoteManifest,
  RemoteRepository,
} from './types.ts';

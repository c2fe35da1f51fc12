export { createRegistry, type Registry, type RegistryOptions } from './registry.ts';

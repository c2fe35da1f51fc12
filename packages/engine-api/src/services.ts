import type { Builder } from '@corten/builder';
import type { Containers } from '@corten/containers';
import type { Events } from '@corten/events';
import type { Images } from '@corten/images';
import type { Networks } from '@corten/networks';
import type { Logger } from '@corten/util';
import type { Volumes } from '@corten/volumes';

/** Facts about the engine as a whole; gathered by the composition root, rendered here. */
export interface SystemFacts {
  /** Engine API definitions/SystemVersion without what the door knows itself. */
  version(): Record<string, unknown>;
  /** definitions/SystemInfo. */
  info(): Promise<Record<string, unknown>>;
  /** Body of GET /system/df for the chosen object types, all when empty. */
  diskUsage(types: readonly string[]): Promise<Record<string, unknown>>;
}

/** Everything the door calls. */
export interface Services {
  containers: Containers;
  images: Images;
  networks: Networks;
  volumes: Volumes;
  builder: Builder;
  events: Events;
  system: SystemFacts;
  log: Logger;
  /** Applies `docker import --change` and `commit --change` instructions to an image config. */
  applyChanges(config: { config?: object }, changes: readonly string[]): void;
}

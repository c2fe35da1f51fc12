import { join } from 'node:path';
import type { Events } from '@corten/events';
import type { Images } from '@corten/images';
import type { Networks } from '@corten/networks';
import type { Supervisor } from '@corten/runtime';
import type { Snapshots } from '@corten/snapshots';
import type { Database } from '@corten/state';
import type { KeyedLock, Logger } from '@corten/util';
import type { Volumes } from '@corten/volumes';
import type { LiveTable } from './live.ts';
import type { ContainerRecord } from './record.ts';
import type { UlimitConfig } from './spec/resources.ts';
import type { ContainerStore } from './store.ts';

/** What a container gets when its own configuration says nothing. */
export interface ContainerDefaults {
  runtime?: string;
  logDriver: string;
  logOpts: Record<string, string>;
  /** Bytes. */
  shmSize: number;
  ulimits: UlimitConfig[];
  /** '' for `/docker`. */
  cgroupParent: string;
  ipcMode?: string;
  cgroupnsMode?: string;
  init: boolean;
  initPath?: string;
  noNewPrivileges: boolean;
  /** Path of a seccomp profile, 'builtin', or 'unconfined'. */
  seccompProfile?: string;
  hostGatewayIps?: string[];
  dns?: { servers: string[]; search: string[]; options: string[] };
  /** Host address for published ports that name none. */
  publishAddress?: string;
  /** Seconds. */
  stopTimeout?: number;
}

export interface ContainersDependencies {
  db: Database;
  /** `<data-root>/containers`. */
  root: string;
  execRoot: string;
  supervisor: Supervisor;
  snapshots: Snapshots;
  images: Images;
  networks: Networks;
  volumes: Volumes;
  events: Events;
  log: Logger;
  defaults: ContainerDefaults;
}

/** What the parts of this room share. */
export interface Context extends ContainersDependencies {
  readonly store: ContainerStore;
  readonly live: LiveTable;
  /** Serialises start, restart, pause, rename, update and removal of one container. */
  readonly locks: KeyedLock;
  /** `stopping` once the engine shuts down: nothing is started again. */
  readonly phase: { stopping: boolean };
}

/** Paths of one container's own files. */
export const pathsOf = (ctx: Pick<Context, 'root' | 'execRoot'>, id: string) => {
  const directory = join(ctx.root, id);
  return {
    directory,
    hostname: join(directory, 'hostname'),
    hosts: join(directory, 'hosts'),
    resolvConf: join(directory, 'resolv.conf'),
    log: join(directory, `${id}-json.log`),
    shm: join(directory, 'mounts', 'shm'),
    // short: unix socket paths end at 108 bytes
    bundle: join(ctx.execRoot, 'b', id.slice(0, 16)),
  };
};

/** Publishes a container event with Docker's attributes: image, name and the labels. */
export function publish(
  ctx: Pick<Context, 'events'>,
  container: ContainerRecord,
  action: string,
  more: Record<string, string> = {},
): void {
  ctx.events.publish('container', action, container.id, {
    ...container.config.Labels,
    image: container.config.Image,
    name: container.name,
    ...more,
  });
}

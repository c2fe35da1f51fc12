import type { VolumeCreateBody, VolumeInspect } from '@corten/api-types';

export interface Volumes {
  /** Idempotent by name, as Docker's. An empty name makes an anonymous volume (label com.docker.volume.anonymous). */
  create(body: VolumeCreateBody): Promise<VolumeInspect>;
  /** notFound `get NAME: no such volume`. */
  get(name: string): VolumeInspect;
  list(): VolumeInspect[];
  /** conflict `remove NAME: volume is in use - [IDs]`. */
  remove(name: string, force: boolean): Promise<void>;
  prune(options: {
    all: boolean;
    labels?: string[];
    notLabels?: string[];
  }): Promise<{ deleted: string[]; reclaimed: number }>;
  /** Records that a container uses the volume (any state); released when the container is removed. */
  use(name: string, containerId: string): void;
  release(name: string, containerId: string): void;
  usersOf(name: string): string[];
  /** Makes its directory usable (mounts it when the options say so) and returns the host path; counted per container. */
  mount(name: string, containerId: string): Promise<string>;
  unmount(name: string, containerId: string): Promise<void>;
  /** Bytes used. */
  usage(name: string): Promise<number>;
}

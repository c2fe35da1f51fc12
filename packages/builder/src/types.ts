import type { Readable } from 'node:stream';
import type { Progress, RegistryAuth } from '@corten/images';
import type { Digest } from '@corten/oci';

/** Query parameters and headers of `POST /build`, parsed (Engine API, ImageBuild). */
export interface BuildOptions {
  dockerfile: string;
  tags: string[];
  noCache: boolean;
  pull: boolean;
  quiet: boolean;
  remove: boolean;
  forceRemove: boolean;
  /** null value: take it from nowhere (declared but unset). */
  buildArgs: Record<string, string | null>;
  labels: Record<string, string>;
  target: string;
  networkMode: string;
  platform: string;
  extraHosts: string[];
  cacheFrom: string[];
  squash: boolean;
  shmSize: number;
  memory: number;
  memorySwap: number;
  cpuShares: number;
  cpuPeriod: number;
  cpuQuota: number;
  cpuSetCpus: string;
  cpuSetMems: string;
  cgroupParent: string;
  ulimits: { Name: string; Soft: number; Hard: number }[];
  securityOpt: string[];
  isolation: string;
  auths: Record<string, RegistryAuth>;
}

export interface Builder {
  /**
   * Builds from a context tar (plain, gzip, zstd…). Lines go to `onProgress` in the classic builder's words
   * (`Step 1/9 : FROM …`, ` ---> Using cache`, `Successfully built …`). Throws on failure; nothing half-made stays.
   */
  build(
    context: Readable,
    options: BuildOptions,
    onProgress: (line: Progress) => void,
    signal: AbortSignal,
  ): Promise<Digest>;
  /** Unused build cache, for `POST /build/prune`. */
  prune(options: { all: boolean; keepStorage?: number }): Promise<{ deleted: string[]; reclaimed: number }>;
}

import type { Readable } from 'node:stream';
import type { ChainId, DiffId, Digest, ImageConfig, Manifest, Platform } from '@corten/oci';

/** An image here: named by the digest of its config, as Docker names it. */
export interface Image {
  id: Digest;
  config: ImageConfig;
  /** Chain ID of the topmost layer; undefined for an image without layers. */
  topLayer?: ChainId;
  /** Familiar forms: `busybox:latest`, `localhost:5000/a/b:1`. */
  repoTags: string[];
  repoDigests: string[];
  /** Image that a build step stood on, when it was built here. */
  parent?: Digest;
  /** Sum of the layers' sizes in bytes. */
  size: number;
  /** When a tag was last put on it (RFC 3339), or undefined. */
  lastTagTime?: string;
  /** Manifests that this image was pulled or pushed as. */
  manifests: Digest[];
}

/** One line of `docker history`, newest first. */
export interface HistoryEntry {
  Id: string; // digest or '<missing>'
  Created: number; // seconds
  CreatedBy: string;
  Tags: string[] | null;
  Size: number;
  Comment: string;
}

export type DeleteItem = { Untagged: string } | { Deleted: string };

/** One line of a pull/push/load/import stream: Docker's jsonmessage. */
export interface Progress {
  status?: string;
  id?: string;
  progress?: string;
  progressDetail?: { current?: number; total?: number };
  stream?: string;
  errorDetail?: { code?: number; message: string };
  error?: string;
  aux?: unknown;
}
export type OnProgress = (line: Progress) => void;

/** Decoded X-Registry-Auth. */
export interface RegistryAuth {
  username?: string;
  password?: string;
  auth?: string;
  serveraddress?: string;
  identitytoken?: string;
  registrytoken?: string;
}

export interface Images {
  /** By reference, ID, or ID prefix. notFound `No such image: NAME` (with `:latest` shown when no tag was given, as Docker does). */
  get(nameOrId: string): Image;
  find(nameOrId: string): Image | undefined;
  /** Every image (with `intermediate`, also untagged parents of build steps), newest first. */
  list(options?: { intermediate?: boolean }): Image[];
  history(nameOrId: string): HistoryEntry[];

  tag(nameOrId: string, reference: string): void;
  /** Docker's rules for untag and delete; `inUse` tells which containers (ID, running) stand on an image. */
  remove(nameOrId: string, options: { force?: boolean; noprune?: boolean }): Promise<DeleteItem[]>;
  prune(options: {
    dangling: boolean;
    until?: number;
    labels?: string[];
    notLabels?: string[];
  }): Promise<{ deleted: DeleteItem[]; reclaimed: number }>;

  /**
   * Makes an image from a config whose layers are here already (commit, build). Durable when it returns.
   * `references` are tagged onto it in the same transaction. The same config gives the same ID.
   */
  create(config: ImageConfig, options?: { parent?: Digest; references?: string[] }): Promise<Image>;
  /** Images made from `parent` by a build step: the classic builder's cache probe. */
  children(parent: Digest | undefined): Image[];
  chainOf(diffIds: readonly DiffId[]): ChainId | undefined;

  pull(
    reference: string,
    options: {
      platform?: Platform;
      auth?: RegistryAuth;
      allTags?: boolean;
      onProgress: OnProgress;
      signal: AbortSignal;
    },
  ): Promise<Image>;
  push(
    reference: string,
    options: { tag?: string; allTags?: boolean; auth?: RegistryAuth; onProgress: OnProgress; signal: AbortSignal },
  ): Promise<void>;
  /** One tar as a one-layer image. Returns the image; `reference` may be undefined. */
  import(
    tar: Readable,
    options: {
      reference?: string;
      message?: string;
      changes?: (config: ImageConfig) => void;
      platform?: Platform;
      signal?: AbortSignal;
    },
  ): Promise<Image>;
  /** `docker save` archive or OCI layout. */
  load(tar: Readable, options: { quiet?: boolean; onProgress: OnProgress; signal?: AbortSignal }): Promise<void>;
  save(names: string[], options?: { signal?: AbortSignal }): Readable;
  manifest(digest: Digest): Promise<Manifest>;
  /** For `system df`: layer chain IDs with how many images share each. */
  layerUsers(): Map<ChainId, number>;
  /** POST /auth: checks credentials against a registry. */
  login(auth: RegistryAuth): Promise<{ Status: string; IdentityToken?: string }>;
  /** GET /distribution/{name}/json. */
  distribution(reference: string, auth?: RegistryAuth): Promise<{ Descriptor: unknown; Platforms: Platform[] }>;
}

/** What the images room must ask of its neighbours; the composition root wires it. */
export interface ImageUsers {
  /** Containers that stand on an image: used by remove and prune. */
  containersUsing(id: Digest): { id: string; running: boolean }[];
}

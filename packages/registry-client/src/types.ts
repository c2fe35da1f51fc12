import type { Content } from '@corten/content';
import type { Descriptor, Digest, Reference } from '@corten/oci';
import type { Logger } from '@corten/util';

/** Decoded X-Registry-Auth. */
export interface Credentials {
  username?: string;
  password?: string;
  /** base64 of `user:password`. */
  auth?: string;
  serveraddress?: string;
  /** OAuth2 refresh token. */
  identitytoken?: string;
  /** Bearer token used as it is. */
  registrytoken?: string;
}

/** What a reload of the configuration may change. */
export interface RegistrySettings {
  /** Host[:port] or CIDR of registries that may speak http or have any certificate; loopback always may. */
  insecureRegistries?: readonly string[];
  /** Base URLs tried before docker.io itself. */
  mirrors?: readonly string[];
}

export interface RegistryClientOptions extends RegistrySettings {
  userAgent?: string;
  /** Directory with certificate authorities of registries; `/etc/docker/certs.d` by default. */
  certificates?: string;
  log?: Logger;
}

export interface RegistryClient {
  /** A repository at its registry (or mirrors, for pull). Nothing is sent before the first call on it. */
  open(
    reference: Reference,
    options: { credentials?: Credentials; access: 'pull' | 'push'; signal: AbortSignal },
  ): RemoteRepository;
  /** Checks credentials; throws `unauthorized` when they are refused. */
  login(credentials: Credentials, signal: AbortSignal): Promise<{ identityToken?: string }>;
  /** Takes new settings for what is opened from now on. */
  configure(settings: RegistrySettings): void;
  /** Closes idle connections. */
  close(): void;
}

export interface RemoteManifest {
  digest: Digest;
  mediaType: string;
  bytes: Buffer;
}

/** One repository of a registry (OCI distribution-spec 1.1). Errors carry Docker's messages. */
export interface RemoteRepository {
  /** The manifest or index of a tag or digest, verified. At most 4 MiB. */
  manifest(tagOrDigest: string): Promise<RemoteManifest>;
  tags(): Promise<string[]>;
  /** A small blob in memory, verified. */
  blobBytes(descriptor: Descriptor, limit?: number): Promise<Buffer>;
  /**
   * Downloads into the content store, resuming after broken connections. The blob is visible only when verified.
   * `tap` gets every chunk that this call receives, in order; `start` says at which offset they begin.
   */
  download(
    descriptor: Descriptor,
    content: Content,
    options?: {
      onBytes?: (received: number) => void;
      onVerify?: () => void;
      onStart?: (offset: number) => ((chunk: Buffer) => Promise<void>) | undefined;
    },
  ): Promise<void>;
  blobExists(digest: Digest): Promise<boolean>;
  /** Cross-repository mount; false when the registry wants an upload instead. */
  mount(digest: Digest, from: string): Promise<boolean>;
  /** Uploads `size` bytes; `open` is called again for a retry. */
  upload(
    blob: { digest: Digest; size: number },
    open: () => AsyncIterable<Uint8Array>,
    onBytes?: (sent: number) => void,
  ): Promise<void>;
  putManifest(tagOrDigest: string, mediaType: string, bytes: Uint8Array): Promise<Digest>;
}

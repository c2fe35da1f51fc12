import type { ContainerConfig, EndpointSettings, HostConfig, PortMap } from '@corten/api-types';
import type { Digest } from '@corten/oci';
import { ZERO_TIME } from '@corten/util';

/** Where a container is in its life (Engine API, ContainerState.Status). */
export type Status = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

/** One mount of a container, decided at create. */
export interface MountPoint {
  type: 'bind' | 'volume' | 'tmpfs';
  /** Volume name. */
  name?: string;
  /** Host path of a bind. A volume's path is asked from the volumes room at each start. */
  source: string;
  destination: string;
  driver?: string;
  /** As the user wrote it: `ro,z`. */
  mode: string;
  rw: boolean;
  propagation: string;
  nonRecursive?: boolean;
  /** Read-only applies to the top mount only. */
  readOnlyNonRecursive?: boolean;
  /** What the image has at the destination is not copied into an empty volume. */
  noCopy?: boolean;
  subpath?: string;
  /** Make the host directory when it is missing (`-v`, not `--mount`). */
  createSource?: boolean;
  /** Anonymous volumes are removed with the container (`rm -v`, `--rm`). */
  anonymous?: boolean;
  tmpfsOptions?: string;
}

export interface HealthResult {
  Start: string;
  End: string;
  ExitCode: number;
  Output: string;
}
export interface Health {
  Status: 'starting' | 'healthy' | 'unhealthy';
  FailingStreak: number;
  Log: HealthResult[];
}

/** What a running container got from the network. */
export interface NetworkState {
  sandboxId: string;
  sandboxKey: string;
  endpoints: Record<string, EndpointSettings>;
  ports: PortMap;
}

export interface ContainerState {
  status: Status;
  pid: number;
  exitCode: number;
  error: string;
  oomKilled: boolean;
  startedAt: string;
  finishedAt: string;
  restartCount: number;
  /** Stopped by a person: `unless-stopped` and engine restarts respect it. */
  manuallyStopped: boolean;
  everStarted: boolean;
  network?: NetworkState;
  health?: Health;
}

/** A container: what was asked for, with the image's settings merged in, and its state. */
export interface ContainerRecord {
  id: string;
  /** Without the leading slash. */
  name: string;
  /** RFC 3339. */
  created: string;
  imageId: Digest | '';
  config: ContainerConfig;
  hostConfig: HostConfig;
  mounts: MountPoint[];
  /** Networks it shall join, as asked. */
  endpoints: Record<string, EndpointSettings>;
  /** Name of the OCI runtime. */
  runtime: string;
  platform: string;
  state: ContainerState;
}

export const newState = (): ContainerState => ({
  status: 'created',
  pid: 0,
  exitCode: 0,
  error: '',
  oomKilled: false,
  startedAt: ZERO_TIME,
  finishedAt: ZERO_TIME,
  restartCount: 0,
  manuallyStopped: false,
  everStarted: false,
});

/** Whether a process exists (a paused container runs). */
export const isRunning = (c: ContainerRecord): boolean => c.state.status === 'running' || c.state.status === 'paused';

/** Program and arguments as `inspect` shows them. */
export function commandOf(config: ContainerConfig): { path: string; args: string[] } {
  const all = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  return { path: all[0] ?? '', args: all.slice(1) };
}

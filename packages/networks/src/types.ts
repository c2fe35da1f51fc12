import type { EndpointSettings, IPAM, NetworkCreateBody, NetworkInspect, PortMap } from '@corten/api-types';

/** What a container asks of the network when it starts. */
export interface SandboxRequest {
  containerId: string;
  name: string;
  hostname: string;
  /** Network name or ID → settings, first is the one that gives the default route unless GwPriority says otherwise. */
  endpoints: Record<string, EndpointSettings>;
  /** `80/tcp` → bindings; an empty HostPort takes a free one. */
  ports: PortMap;
  /** `--expose` and EXPOSE with -P. */
  exposed: string[];
  dns: { servers: string[]; search: string[]; options: string[] };
  sysctls?: Record<string, string>;
}

export interface Sandbox {
  /** What goes into OCI `linux.namespaces[network].path`: usable until the container's process holds it. */
  namespacePath: string;
  sandboxId: string;
  /** Filled in: IP, gateway, MAC, endpoint ID … */
  endpoints: Record<string, EndpointSettings>;
  /** With the real host ports. */
  ports: PortMap;
  /** Lines for /etc/resolv.conf and extra lines (own name, links) for /etc/hosts. */
  resolvConf: string;
  hosts: { ip: string; names: string[] }[];
}

export interface Networks {
  create(body: NetworkCreateBody): Promise<{ id: string; warning: string }>;
  /** By name, ID or ID prefix; notFound `network NAME not found`. */
  get(nameOrId: string): NetworkInspect;
  list(): NetworkInspect[];
  remove(nameOrId: string): Promise<void>;
  prune(options: { until?: number; labels?: string[]; notLabels?: string[] }): Promise<string[]>;

  /** All or nothing: on an error no link, address, port or rule stays. Port taken: Docker's message `Bind for 0.0.0.0:80 failed: port is already allocated`. */
  attach(request: SandboxRequest): Promise<Sandbox>;
  /** Gives back namespaces, addresses, ports and names of a container. Fine when there are none. */
  detach(containerId: string): Promise<void>;
  /** Live connect and disconnect of a running container; `pid` is its init process. */
  connect(
    nameOrId: string,
    container: { id: string; name: string; pid: number },
    settings: EndpointSettings,
  ): Promise<EndpointSettings>;
  disconnect(nameOrId: string, containerId: string, force: boolean): Promise<void>;
  /** After an engine restart: keeps what belongs to these running containers (their init pid), frees everything else. */
  reconcile(running: readonly { id: string; name: string; pid: number }[]): Promise<void>;
  /** Removes bridges and rules that no container needs any more; for engine shutdown. */
  close(): Promise<void>;
  readonly ipamDefaults: IPAM;
}

import type { PortMap } from '@corten/api-types';
import type { ContainerRecord } from '../record.ts';

/** definitions/PortSummary. */
export interface Port {
  IP?: string;
  PrivatePort: number;
  PublicPort?: number;
  Type: string;
}

/** Ports of a running container: `80/tcp` → real bindings, and what is only exposed. */
export function portMap(c: ContainerRecord): PortMap {
  if (!c.state.network || ['none', 'host'].includes(c.hostConfig.NetworkMode)) return {};
  const exposed = Object.keys(c.config.ExposedPorts).map((port) => [port, null] as const);
  return { ...Object.fromEntries(exposed), ...c.state.network.ports };
}

/** The Ports array of the list. */
export function portList(c: ContainerRecord): Port[] {
  return Object.entries(portMap(c)).flatMap(([key, bindings]): Port[] => {
    const [number = '', Type = 'tcp'] = key.split('/');
    const PrivatePort = Number(number);
    if (!bindings?.length) return [{ PrivatePort, Type }];
    return bindings.map((b) => ({ IP: b.HostIp || '0.0.0.0', PrivatePort, PublicPort: Number(b.HostPort), Type }));
  });
}

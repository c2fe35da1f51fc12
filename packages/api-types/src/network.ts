import * as v from 'valibot';
import { flag, integer, listOf, mapOf, optional, optionalFlag, strings, text, textMap } from './schema.ts';

/** definitions/PortBinding and PortMap: `80/tcp` → host bindings; null for "exposed only". */
export const PortBindingSchema = v.object({ HostIp: text, HostPort: text });
export type PortBinding = v.InferOutput<typeof PortBindingSchema>;
export const PortMapSchema = mapOf(v.nullable(v.array(PortBindingSchema)));
export type PortMap = v.InferOutput<typeof PortMapSchema>;

/** definitions/EndpointSettings. */
export const EndpointSettingsSchema = v.object({
  IPAMConfig: optional(v.object({ IPv4Address: text, IPv6Address: text, LinkLocalIPs: strings })),
  Links: strings,
  MacAddress: text,
  Aliases: strings,
  DriverOpts: textMap,
  GwPriority: integer,
  NetworkID: text,
  EndpointID: text,
  Gateway: text,
  IPAddress: text,
  IPPrefixLen: integer,
  IPv6Gateway: text,
  GlobalIPv6Address: text,
  GlobalIPv6PrefixLen: integer,
  DNSNames: strings,
});
export type EndpointSettings = v.InferOutput<typeof EndpointSettingsSchema>;
/** An EndpointSettings with every field at its zero value. */
export const emptyEndpoint = (): EndpointSettings => v.parse(EndpointSettingsSchema, {});

export const NetworkingConfigSchema = v.object({ EndpointsConfig: mapOf(v.nullable(EndpointSettingsSchema)) });
export type NetworkingConfig = v.InferOutput<typeof NetworkingConfigSchema>;

export const IPAMSchema = v.object({
  Driver: text,
  Config: listOf(v.object({ Subnet: text, IPRange: text, Gateway: text, AuxiliaryAddresses: textMap })),
  Options: textMap,
});
export type IPAM = v.InferOutput<typeof IPAMSchema>;

/** Body of POST /networks/create. */
export const NetworkCreateBodySchema = v.object({
  Name: text,
  Driver: text,
  Scope: text,
  Internal: flag,
  Attachable: flag,
  Ingress: flag,
  ConfigOnly: flag,
  ConfigFrom: optional(v.object({ Network: text })),
  IPAM: optional(IPAMSchema),
  EnableIPv4: optionalFlag,
  EnableIPv6: optionalFlag,
  Options: textMap,
  Labels: textMap,
});
export type NetworkCreateBody = v.InferOutput<typeof NetworkCreateBodySchema>;

export const NetworkConnectBodySchema = v.object({ Container: text, EndpointConfig: optional(EndpointSettingsSchema) });
export const NetworkDisconnectBodySchema = v.object({ Container: text, Force: flag });

/** definitions/NetworkInspect. */
export interface NetworkInspect {
  Name: string;
  Id: string;
  Created: string;
  Scope: string;
  Driver: string;
  EnableIPv4: boolean;
  EnableIPv6: boolean;
  IPAM: {
    Driver: string;
    Options: Record<string, string> | null;
    Config: { Subnet?: string; IPRange?: string; Gateway?: string; AuxiliaryAddresses?: Record<string, string> }[];
  };
  Internal: boolean;
  Attachable: boolean;
  Ingress: boolean;
  ConfigFrom: { Network: string };
  ConfigOnly: boolean;
  Containers: Record<
    string,
    { Name: string; EndpointID: string; MacAddress: string; IPv4Address: string; IPv6Address: string }
  >;
  Options: Record<string, string>;
  Labels: Record<string, string>;
}

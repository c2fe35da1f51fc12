import * as v from 'valibot';
import { NetworkingConfigSchema, PortMapSchema } from './network.ts';
import {
  flag,
  integer,
  listOf,
  optional,
  optionalFlag,
  optionalInteger,
  optionalStrings,
  strings,
  strSlice,
  text,
  textMap,
  textSet,
} from './schema.ts';

/** Engine API 1.56, definitions/HealthConfig. Durations in nanoseconds. */
export const HealthConfigSchema = v.object({
  Test: strings,
  Interval: integer,
  Timeout: integer,
  Retries: integer,
  StartPeriod: integer,
  StartInterval: integer,
});

/** definitions/ContainerConfig. */
export const ContainerConfigSchema = v.object({
  Hostname: text,
  Domainname: text,
  User: text,
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  ExposedPorts: textSet,
  Tty: flag,
  OpenStdin: flag,
  StdinOnce: flag,
  Env: strings,
  Cmd: strSlice,
  Healthcheck: optional(HealthConfigSchema),
  ArgsEscaped: optionalFlag,
  Image: text,
  Volumes: textSet,
  WorkingDir: text,
  Entrypoint: strSlice,
  NetworkDisabled: optionalFlag,
  MacAddress: optional(v.string()),
  OnBuild: optionalStrings,
  Labels: textMap,
  StopSignal: optional(v.string()),
  StopTimeout: optionalInteger,
  Shell: optionalStrings,
});
export type ContainerConfig = v.InferOutput<typeof ContainerConfigSchema>;

const weightDevice = v.object({ Path: text, Weight: integer });
const throttleDevice = v.object({ Path: text, Rate: integer });
export const DeviceMappingSchema = v.object({ PathOnHost: text, PathInContainer: text, CgroupPermissions: text });
export const DeviceRequestSchema = v.object({
  Driver: text,
  Count: integer,
  DeviceIDs: strings,
  Capabilities: listOf(v.array(v.string())),
  Options: textMap,
});
export const UlimitSchema = v.object({ Name: text, Soft: integer, Hard: integer });

export const RestartPolicySchema = v.object({ Name: text, MaximumRetryCount: integer });
export type RestartPolicy = v.InferOutput<typeof RestartPolicySchema>;

/** definitions/Resources: shared by HostConfig and ContainerUpdate. */
const resources = {
  CpuShares: integer,
  Memory: integer,
  CgroupParent: text,
  BlkioWeight: integer,
  BlkioWeightDevice: listOf(weightDevice),
  BlkioDeviceReadBps: listOf(throttleDevice),
  BlkioDeviceWriteBps: listOf(throttleDevice),
  BlkioDeviceReadIOps: listOf(throttleDevice),
  BlkioDeviceWriteIOps: listOf(throttleDevice),
  CpuPeriod: integer,
  CpuQuota: integer,
  CpuRealtimePeriod: integer,
  CpuRealtimeRuntime: integer,
  CpusetCpus: text,
  CpusetMems: text,
  Devices: listOf(DeviceMappingSchema),
  DeviceCgroupRules: strings,
  DeviceRequests: listOf(DeviceRequestSchema),
  MemoryReservation: integer,
  MemorySwap: integer,
  MemorySwappiness: optionalInteger,
  NanoCpus: integer,
  OomKillDisable: optionalFlag,
  Init: optionalFlag,
  PidsLimit: optionalInteger,
  Ulimits: listOf(UlimitSchema),
  CpuCount: integer,
  CpuPercent: integer,
  IOMaximumIOps: integer,
  IOMaximumBandwidth: integer,
};

/** definitions/Mount. */
export const MountSchema = v.object({
  Target: text,
  Source: text,
  Type: text,
  ReadOnly: flag,
  Consistency: text,
  BindOptions: optional(
    v.object({
      Propagation: text,
      NonRecursive: flag,
      CreateMountpoint: flag,
      ReadOnlyNonRecursive: flag,
      ReadOnlyForceRecursive: flag,
    }),
  ),
  VolumeOptions: optional(
    v.object({
      NoCopy: flag,
      Labels: textMap,
      DriverConfig: optional(v.object({ Name: text, Options: textMap })),
      Subpath: text,
    }),
  ),
  ImageOptions: optional(v.object({ Subpath: text })),
  TmpfsOptions: optional(v.object({ SizeBytes: integer, Mode: integer, Options: listOf(v.array(v.string())) })),
});
export type Mount = v.InferOutput<typeof MountSchema>;

/** definitions/HostConfig. */
export const HostConfigSchema = v.object({
  ...resources,
  Binds: strings,
  ContainerIDFile: text,
  LogConfig: optional(v.object({ Type: text, Config: textMap })),
  NetworkMode: text,
  PortBindings: PortMapSchema,
  RestartPolicy: optional(RestartPolicySchema),
  AutoRemove: flag,
  VolumeDriver: text,
  VolumesFrom: strings,
  Mounts: listOf(MountSchema),
  ConsoleSize: optional(v.array(v.number())),
  Annotations: textMap,
  CapAdd: strings,
  CapDrop: strings,
  CgroupnsMode: text,
  Dns: strings,
  DnsOptions: strings,
  DnsSearch: strings,
  ExtraHosts: strings,
  GroupAdd: strings,
  IpcMode: text,
  Cgroup: text,
  Links: strings,
  OomScoreAdj: integer,
  PidMode: text,
  Privileged: flag,
  PublishAllPorts: flag,
  ReadonlyRootfs: flag,
  SecurityOpt: strings,
  StorageOpt: textMap,
  Tmpfs: textMap,
  UTSMode: text,
  UsernsMode: text,
  ShmSize: integer,
  Sysctls: textMap,
  Runtime: text,
  Isolation: text,
  MaskedPaths: optionalStrings,
  ReadonlyPaths: optionalStrings,
});
export type HostConfig = v.InferOutput<typeof HostConfigSchema>;

/** Body of POST /containers/create. */
export const ContainerCreateBodySchema = v.object({
  ...ContainerConfigSchema.entries,
  HostConfig: optional(HostConfigSchema),
  NetworkingConfig: optional(NetworkingConfigSchema),
});
export type ContainerCreateBody = v.InferOutput<typeof ContainerCreateBodySchema>;

/** Body of POST /containers/{id}/update: absent fields stay as they are. */
export const ContainerUpdateBodySchema = v.object({ ...resources, RestartPolicy: optional(RestartPolicySchema) });
export type ContainerUpdateBody = v.InferOutput<typeof ContainerUpdateBodySchema>;

/** Body of POST /containers/{id}/exec. */
export const ExecCreateBodySchema = v.object({
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  DetachKeys: text,
  ConsoleSize: optional(v.array(v.number())),
  Tty: flag,
  Env: strings,
  Cmd: strSlice,
  Privileged: flag,
  User: text,
  WorkingDir: text,
});
export type ExecCreateBody = v.InferOutput<typeof ExecCreateBodySchema>;

export const ExecStartBodySchema = v.object({ Detach: flag, Tty: flag, ConsoleSize: optional(v.array(v.number())) });
export type ExecStartBody = v.InferOutput<typeof ExecStartBodySchema>;

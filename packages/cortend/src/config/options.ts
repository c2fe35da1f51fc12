/**
 * Every option of the engine: dockerd's flag, its daemon.json key and its kind, in one table. `idle` says why an option
 * is taken (so that a dockerd configuration works unchanged) without an effect yet; the engine logs it at start.
 */
export type OptionKind = 'bool' | 'string' | 'int' | 'list' | 'map' | 'runtimes' | 'pools' | 'ulimits' | 'bytes';

export interface Option {
  flag?: string;
  short?: string;
  key?: string;
  kind: OptionKind;
  /** Shown by --help. */
  help: string;
  idle?: string;
  /** Only in the configuration file, or only as a flag. */
  only?: 'file' | 'flag';
  /** Takes effect on SIGHUP. */
  reloadable?: boolean;
}

const swarm = 'the cluster is not there yet';
const buildkit = 'the build cache has no automatic collection yet';

export const OPTIONS = {
  addRuntime: { flag: 'add-runtime', key: 'runtimes', kind: 'runtimes', help: 'Register an additional OCI compatible runtime' },
  allowNondistributable: { flag: 'allow-nondistributable-artifacts', key: 'allow-nondistributable-artifacts', kind: 'list', help: 'Allow push of nondistributable artifacts to registry', idle: 'foreign layers are never pushed' },
  authorizationPlugins: { flag: 'authorization-plugin', key: 'authorization-plugins', kind: 'list', help: 'Authorization plugins to load' },
  bip: { flag: 'bip', key: 'bip', kind: 'string', help: 'IPv4 address and prefix of the default bridge' },
  bip6: { flag: 'bip6', key: 'bip6', kind: 'string', help: 'IPv6 address and prefix of the default bridge', idle: 'the default bridge has no IPv6 yet' },
  bridge: { flag: 'bridge', short: 'b', key: 'bridge', kind: 'string', help: 'Name of the default bridge ("none" for no default network)' },
  builder: { key: 'builder', kind: 'map', help: 'Builder settings', only: 'file', idle: buildkit },
  cdiSpecDirs: { flag: 'cdi-spec-dir', key: 'cdi-spec-dirs', kind: 'list', help: 'CDI specification directories', idle: 'CDI devices are not resolved yet' },
  cgroupParent: { flag: 'cgroup-parent', key: 'cgroup-parent', kind: 'string', help: 'Set parent cgroup for all containers' },
  configFile: { flag: 'config-file', kind: 'string', help: 'Engine configuration file', only: 'flag' },
  containerd: { flag: 'containerd', key: 'containerd', kind: 'string', help: 'containerd grpc address', idle: 'this engine has no containerd' },
  containerdNamespace: { flag: 'containerd-namespace', key: 'containerd-namespace', kind: 'string', help: 'containerd namespace', idle: 'this engine has no containerd' },
  cpuRtPeriod: { flag: 'cpu-rt-period', key: 'cpu-rt-period', kind: 'int', help: 'Limit the CPU real-time period of the parent cgroup', idle: 'not set on the parent cgroup yet' },
  cpuRtRuntime: { flag: 'cpu-rt-runtime', key: 'cpu-rt-runtime', kind: 'int', help: 'Limit the CPU real-time runtime of the parent cgroup', idle: 'not set on the parent cgroup yet' },
  dataRoot: { flag: 'data-root', key: 'data-root', kind: 'string', help: 'Root directory of persistent state' },
  debug: { flag: 'debug', short: 'D', key: 'debug', kind: 'bool', help: 'Enable debug mode', reloadable: true },
  defaultAddressPools: { flag: 'default-address-pool', key: 'default-address-pools', kind: 'pools', help: 'Default address pools for local networks (base=CIDR,size=N)' },
  defaultCgroupnsMode: { flag: 'default-cgroupns-mode', key: 'default-cgroupns-mode', kind: 'string', help: 'Default cgroup namespace mode: "host" or "private"' },
  defaultGateway: { flag: 'default-gateway', key: 'default-gateway', kind: 'string', help: 'Default gateway IPv4 address of containers', idle: 'the bridge itself is the gateway' },
  defaultGatewayV6: { flag: 'default-gateway-v6', key: 'default-gateway-v6', kind: 'string', help: 'Default gateway IPv6 address of containers', idle: 'the default bridge has no IPv6 yet' },
  defaultIpcMode: { flag: 'default-ipc-mode', key: 'default-ipc-mode', kind: 'string', help: 'Default ipc mode: "shareable" or "private"' },
  defaultNetworkOpts: { flag: 'default-network-opt', key: 'default-network-opts', kind: 'map', help: 'Default network options', idle: 'give options at network create' },
  defaultRuntime: { flag: 'default-runtime', key: 'default-runtime', kind: 'string', help: 'Default OCI runtime for containers' },
  defaultShmSize: { flag: 'default-shm-size', key: 'default-shm-size', kind: 'bytes', help: 'Default shm size for containers' },
  defaultUlimits: { flag: 'default-ulimit', key: 'default-ulimits', kind: 'ulimits', help: 'Default ulimits for containers' },
  dns: { flag: 'dns', key: 'dns', kind: 'list', help: 'DNS server to use' },
  dnsOptions: { flag: 'dns-opt', key: 'dns-opts', kind: 'list', help: 'DNS options to use' },
  dnsSearch: { flag: 'dns-search', key: 'dns-search', kind: 'list', help: 'DNS search domains to use' },
  execOpts: { flag: 'exec-opt', key: 'exec-opts', kind: 'list', help: 'Runtime execution options', idle: 'containers are placed with the cgroupfs driver' },
  execRoot: { flag: 'exec-root', key: 'exec-root', kind: 'string', help: 'Root directory of execution state' },
  experimental: { flag: 'experimental', key: 'experimental', kind: 'bool', help: 'Enable experimental features' },
  features: { flag: 'feature', key: 'features', kind: 'map', help: 'Enable features', idle: 'there are no feature switches' },
  firewallBackend: { flag: 'firewall-backend', key: 'firewall-backend', kind: 'string', help: 'Firewall backend', idle: 'nftables is always used' },
  fixedCidr: { flag: 'fixed-cidr', key: 'fixed-cidr', kind: 'string', help: 'IPv4 subnet for fixed IPs' },
  fixedCidrV6: { flag: 'fixed-cidr-v6', key: 'fixed-cidr-v6', kind: 'string', help: 'IPv6 subnet for fixed IPs', idle: 'the default bridge has no IPv6 yet' },
  group: { flag: 'group', short: 'G', key: 'group', kind: 'string', help: 'Group for the unix socket' },
  hosts: { flag: 'host', short: 'H', key: 'hosts', kind: 'list', help: 'Socket(s) to listen on' },
  hostGatewayIps: { flag: 'host-gateway-ip', key: 'host-gateway-ips', kind: 'list', help: 'Address that "host-gateway" in --add-host resolves to' },
  httpProxy: { flag: 'http-proxy', key: 'http-proxy', kind: 'string', help: 'HTTP proxy of the engine', idle: 'registry transfers use no proxy yet' },
  httpsProxy: { flag: 'https-proxy', key: 'https-proxy', kind: 'string', help: 'HTTPS proxy of the engine', idle: 'registry transfers use no proxy yet' },
  noProxy: { flag: 'no-proxy', key: 'no-proxy', kind: 'string', help: 'Hosts that need no proxy', idle: 'registry transfers use no proxy yet' },
  proxies: { key: 'proxies', kind: 'map', help: 'Proxy settings', only: 'file', idle: 'registry transfers use no proxy yet' },
  icc: { flag: 'icc', key: 'icc', kind: 'bool', help: 'Enable inter-container communication on the default bridge' },
  init: { flag: 'init', key: 'init', kind: 'bool', help: 'Run an init in containers by default' },
  initPath: { flag: 'init-path', key: 'init-path', kind: 'string', help: 'Path to the init binary' },
  insecureRegistries: { flag: 'insecure-registry', key: 'insecure-registries', kind: 'list', help: 'Registries reached without verified TLS', reloadable: true },
  ip: { flag: 'ip', key: 'ip', kind: 'string', help: 'Default address for published ports' },
  ipForward: { flag: 'ip-forward', key: 'ip-forward', kind: 'bool', help: 'Enable net.ipv4.ip_forward' },
  ipForwardNoDrop: { flag: 'ip-forward-no-drop', key: 'ip-forward-no-drop', kind: 'bool', help: 'Do not set the FORWARD policy to DROP', idle: 'the FORWARD policy is never changed' },
  ipMasq: { flag: 'ip-masq', key: 'ip-masq', kind: 'bool', help: 'Enable IP masquerading' },
  ip6tables: { flag: 'ip6tables', key: 'ip6tables', kind: 'bool', help: 'Enable ip6tables rules', idle: 'nftables is always used' },
  iptables: { flag: 'iptables', key: 'iptables', kind: 'bool', help: 'Enable firewall rules', idle: 'nftables is always used' },
  ipv6: { flag: 'ipv6', key: 'ipv6', kind: 'bool', help: 'Enable IPv6 on the default bridge', idle: 'the default bridge has no IPv6 yet' },
  labels: { flag: 'label', key: 'labels', kind: 'list', help: 'Set key=value labels on the engine', reloadable: true },
  liveRestore: { flag: 'live-restore', key: 'live-restore', kind: 'bool', help: 'Keep containers running while the engine is down (default true)', reloadable: true },
  logDriver: { flag: 'log-driver', key: 'log-driver', kind: 'string', help: 'Default driver for container logs' },
  logFormat: { flag: 'log-format', key: 'log-format', kind: 'string', help: 'Format of the engine log', idle: 'the engine log is text' },
  logLevel: { flag: 'log-level', short: 'l', key: 'log-level', kind: 'string', help: 'Level of the engine log: debug, info, warn, error, fatal', reloadable: true },
  logOpts: { flag: 'log-opt', key: 'log-opts', kind: 'map', help: 'Default log driver options' },
  maxConcurrentDownloads: { flag: 'max-concurrent-downloads', key: 'max-concurrent-downloads', kind: 'int', help: 'Downloads at once for each pull' },
  maxConcurrentUploads: { flag: 'max-concurrent-uploads', key: 'max-concurrent-uploads', kind: 'int', help: 'Uploads at once for each push' },
  maxDownloadAttempts: { flag: 'max-download-attempts', key: 'max-download-attempts', kind: 'int', help: 'Attempts for each download' },
  metricsAddr: { flag: 'metrics-addr', key: 'metrics-addr', kind: 'string', help: 'Address of the metrics endpoint', idle: 'there is no metrics endpoint yet' },
  mtu: { flag: 'mtu', key: 'mtu', kind: 'int', help: 'MTU of the default bridge' },
  networkControlPlaneMtu: { flag: 'network-control-plane-mtu', key: 'network-control-plane-mtu', kind: 'int', help: 'MTU of the control plane', idle: swarm },
  noNewPrivileges: { flag: 'no-new-privileges', key: 'no-new-privileges', kind: 'bool', help: 'Set no-new-privileges by default for new containers' },
  nodeGenericResources: { flag: 'node-generic-resource', key: 'node-generic-resources', kind: 'list', help: 'Advertise generic resources', idle: swarm },
  pidfile: { flag: 'pidfile', short: 'p', key: 'pidfile', kind: 'string', help: 'Path of the PID file' },
  rawLogs: { flag: 'raw-logs', key: 'raw-logs', kind: 'bool', help: 'Engine log without colours', idle: 'the engine log has no colours' },
  registryMirrors: { flag: 'registry-mirror', key: 'registry-mirrors', kind: 'list', help: 'Preferred mirrors of docker.io', reloadable: true },
  seccompProfile: { flag: 'seccomp-profile', key: 'seccomp-profile', kind: 'string', help: 'Path of the default seccomp profile; "unconfined" disables' },
  selinux: { flag: 'selinux-enabled', key: 'selinux-enabled', kind: 'bool', help: 'Enable SELinux support', idle: 'SELinux labels are not applied yet' },
  shutdownTimeout: { flag: 'shutdown-timeout', key: 'shutdown-timeout', kind: 'int', help: 'Seconds that containers get to stop', reloadable: true },
  storageDriver: { flag: 'storage-driver', short: 's', key: 'storage-driver', kind: 'string', help: 'Storage driver: overlay2' },
  storageOpts: { flag: 'storage-opt', key: 'storage-opts', kind: 'list', help: 'Storage driver options', idle: 'overlay2 has no options here' },
  swarmAddr: { flag: 'swarm-default-advertise-addr', key: 'swarm-default-advertise-addr', kind: 'string', help: 'Default swarm advertise address', idle: swarm },
  tls: { flag: 'tls', key: 'tls', kind: 'bool', help: 'Use TLS; implied by --tlsverify' },
  tlsCaCert: { flag: 'tlscacert', key: 'tlscacert', kind: 'string', help: 'Trust only client certificates signed by this CA' },
  tlsCert: { flag: 'tlscert', key: 'tlscert', kind: 'string', help: 'Path of the TLS certificate' },
  tlsKey: { flag: 'tlskey', key: 'tlskey', kind: 'string', help: 'Path of the TLS key' },
  tlsVerify: { flag: 'tlsverify', key: 'tlsverify', kind: 'bool', help: 'Use TLS and verify the client' },
  userlandProxy: { flag: 'userland-proxy', key: 'userland-proxy', kind: 'bool', help: 'Use a userland proxy for loopback traffic', idle: 'published ports reach loopback without one' },
  userlandProxyPath: { flag: 'userland-proxy-path', key: 'userland-proxy-path', kind: 'string', help: 'Path of the userland proxy', idle: 'published ports reach loopback without one' },
  usernsRemap: { flag: 'userns-remap', key: 'userns-remap', kind: 'string', help: 'User/group for user namespaces' },
  validate: { flag: 'validate', kind: 'bool', help: 'Validate the configuration and exit', only: 'flag' },
  version: { flag: 'version', short: 'v', kind: 'bool', help: 'Print version information and quit', only: 'flag' },
  help: { flag: 'help', short: 'h', kind: 'bool', help: 'Print usage', only: 'flag' },
} as const satisfies Record<string, Option>;

export type OptionName = keyof typeof OPTIONS;
/** Raw values as found, before they are given their meaning in settings.ts. */
export type RawOptions = Partial<Record<OptionName, unknown>>;
export const OPTION_LIST = Object.entries(OPTIONS) as [OptionName, Option][];

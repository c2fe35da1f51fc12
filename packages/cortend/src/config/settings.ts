import { isIP } from 'node:net';
import { invalid } from '@corten/errors';
import { mergeOptions, readConfigFile } from './file.ts';
import { parseFlags } from './flags.ts';
import { OPTIONS, type OptionName, type RawOptions } from './options.ts';
import type { AddressPool, Runtime, Ulimit } from './values.ts';

/** The engine's configuration with defaults applied and checked. */
export interface Settings {
  configFile: string;
  dataRoot: string;
  execRoot: string;
  pidfile: string;
  hosts: string[];
  group: string;
  debug: boolean;
  logLevel: 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  labels: string[];
  experimental: boolean;
  liveRestore: boolean;
  /** Seconds. */
  shutdownTimeout: number;
  logDriver: string;
  logOpts: Record<string, string>;
  runtimes: Record<string, Runtime>;
  defaultRuntime?: string;
  bridge: string;
  bip?: string;
  fixedCidr?: string;
  mtu?: number;
  icc: boolean;
  ipMasq: boolean;
  ipForward: boolean;
  ip?: string;
  defaultAddressPools: AddressPool[];
  dns: { servers: string[]; options: string[]; search: string[] };
  hostGatewayIps: string[];
  registryMirrors: string[];
  insecureRegistries: string[];
  maxConcurrentDownloads: number;
  maxConcurrentUploads: number;
  maxDownloadAttempts: number;
  cgroupParent: string;
  defaultIpcMode: string;
  defaultCgroupnsMode?: string;
  /** Bytes. */
  defaultShmSize: number;
  defaultUlimits: Ulimit[];
  init: boolean;
  initPath?: string;
  noNewPrivileges: boolean;
  seccompProfile?: string;
  tls?: { ca?: string; cert: string; key: string; verify: boolean };
  /** Options that were given and do nothing yet, as written, with the reason. */
  idle: string[];
}

export interface CommandLine {
  mode: 'run' | 'validate' | 'version' | 'help';
  settings: Settings;
}

const DEFAULT_CONFIG = '/etc/corten/daemon.json';
const LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const;

/** Flags and configuration file together. Throws `invalid` naming the flag or key. */
export function readSettings(argv: readonly string[]): CommandLine {
  const flags = parseFlags(argv);
  if (flags.help) return { mode: 'help', settings: settingsOf({}, '') };
  if (flags.version) return { mode: 'version', settings: settingsOf({}, '') };
  const configFile = (flags.configFile as string | undefined) ?? DEFAULT_CONFIG;
  const file = readConfigFile(configFile, flags.configFile !== undefined);
  const settings = settingsOf(mergeOptions(flags, file, configFile), configFile);
  return { mode: flags.validate ? 'validate' : 'run', settings };
}

function settingsOf(raw: RawOptions, configFile: string): Settings {
  const get = <T>(name: OptionName, fallback: T): T => (raw[name] as T | undefined) ?? fallback;
  const maybe = <T>(name: OptionName) => raw[name] as T | undefined;
  const execRoot = get('execRoot', '/run/corten');
  const debug = get('debug', false);
  refuseImpossible(raw);
  return {
    configFile,
    dataRoot: absolute('data-root', get('dataRoot', '/var/lib/corten')),
    execRoot: absolute('exec-root', execRoot),
    pidfile: absolute('pidfile', get('pidfile', '/run/corten.pid')),
    hosts: hostsOf(get<string[]>('hosts', []), raw),
    group: get('group', 'docker'),
    debug,
    logLevel: debug ? 'debug' : levelOf(get('logLevel', 'info')),
    labels: labelsOf(get<string[]>('labels', [])),
    experimental: get('experimental', false),
    liveRestore: get('liveRestore', true),
    shutdownTimeout: get('shutdownTimeout', 15),
    logDriver: get('logDriver', 'json-file'),
    logOpts: get('logOpts', {}),
    runtimes: runtimesOf(get('addRuntime', {})),
    defaultRuntime: maybe('defaultRuntime'),
    bridge: get('bridge', ''),
    bip: cidrOf('bip', maybe('bip')),
    fixedCidr: cidrOf('fixed-cidr', maybe('fixedCidr')),
    mtu: maybe('mtu'),
    icc: get('icc', true),
    ipMasq: get('ipMasq', true),
    ipForward: get('ipForward', true),
    ip: maybe('ip'),
    defaultAddressPools: get('defaultAddressPools', []),
    dns: { servers: addresses('dns', get('dns', [])), options: get('dnsOptions', []), search: get('dnsSearch', []) },
    hostGatewayIps: get('hostGatewayIps', []),
    registryMirrors: mirrorsOf(get('registryMirrors', [])),
    insecureRegistries: get('insecureRegistries', []),
    maxConcurrentDownloads: positive('max-concurrent-downloads', get('maxConcurrentDownloads', 3)),
    maxConcurrentUploads: positive('max-concurrent-uploads', get('maxConcurrentUploads', 5)),
    maxDownloadAttempts: positive('max-download-attempts', get('maxDownloadAttempts', 5)),
    cgroupParent: get('cgroupParent', ''),
    defaultIpcMode: oneOf('default-ipc-mode', get('defaultIpcMode', 'private'), ['private', 'shareable']),
    defaultCgroupnsMode: maybe('defaultCgroupnsMode'),
    defaultShmSize: get('defaultShmSize', 64 << 20),
    defaultUlimits: Object.entries(get<Record<string, Ulimit>>('defaultUlimits', {})).map(([Name, u]) => ({
      ...u,
      Name,
    })),
    init: get('init', false),
    initPath: maybe('initPath'),
    noNewPrivileges: get('noNewPrivileges', false),
    seccompProfile: maybe('seccompProfile'),
    tls: tlsOf(raw),
    idle: idleOf(raw),
  };
}

function refuseImpossible(raw: RawOptions): void {
  const driver = raw.storageDriver as string | undefined;
  if (driver && driver !== 'overlay2' && driver !== 'overlayfs')
    throw invalid(`storage-driver: "${driver}" is not supported: only overlay2 is`);
  if (raw.usernsRemap) throw invalid('userns-remap: user namespaces are not supported yet');
  if ((raw.authorizationPlugins as string[] | undefined)?.length)
    throw invalid('authorization-plugins: not supported yet; refusing to start without the check they ask for');
}

function hostsOf(hosts: string[], raw: RawOptions): string[] {
  if (hosts.length === 0) return ['unix:///run/corten.sock'];
  const secure = raw.tls || raw.tlsVerify;
  return hosts.map((host) => normalHost(host, Boolean(secure)));
}

/** `unix:///path`, `tcp://host:port` (2375, with TLS 2376), `fd://…`; as dockerd completes them. */
function normalHost(host: string, secure: boolean): string {
  const [scheme, rest = ''] = host.includes('://') ? host.split('://', 2) : ['tcp', host];
  if (scheme === 'unix') return `unix://${rest || '/run/corten.sock'}`;
  if (scheme === 'fd') return `fd://${rest}`;
  if (scheme !== 'tcp') throw invalid(`unable to parse docker host \`${host}\`: unsupported scheme "${scheme}"`);
  const found = /^(\[[^\]]+\]|[^:/]*)(?::(\d+))?\/?$/.exec(rest);
  const port = Number(found?.[2] ?? (secure ? 2376 : 2375));
  if (!found || port > 65535) throw invalid(`invalid bind address (${host}): expected tcp://host:port`);
  return `tcp://${found[1] || '127.0.0.1'}:${port}`;
}

function tlsOf(raw: RawOptions): Settings['tls'] {
  if (!raw.tls && !raw.tlsVerify) return undefined;
  const home = `${process.env['HOME'] ?? '/root'}/.docker`;
  const path = (name: OptionName, file: string) => (raw[name] as string | undefined) ?? `${home}/${file}`;
  return {
    ca: raw.tlsVerify || raw.tlsCaCert ? path('tlsCaCert', 'ca.pem') : undefined,
    cert: path('tlsCert', 'cert.pem'),
    key: path('tlsKey', 'key.pem'),
    verify: Boolean(raw.tlsVerify),
  };
}

function idleOf(raw: RawOptions): string[] {
  return (Object.keys(raw) as OptionName[]).flatMap((name) => {
    const option = OPTIONS[name];
    return 'idle' in option ? [`${'key' in option ? option.key : name}: ${option.idle}`] : [];
  });
}

function absolute(key: string, path: string): string {
  if (!path.startsWith('/')) throw invalid(`${key}: "${path}" is not an absolute path`);
  return path.replace(/\/+$/, '') || '/';
}

function oneOf<T extends string>(key: string, value: string, allowed: readonly T[]): T {
  if ((allowed as readonly string[]).includes(value)) return value as T;
  throw invalid(`${key}: "${value}" is not one of ${allowed.join(', ')}`);
}

function positive(key: string, value: number): number {
  if (value < 1) throw invalid(`invalid ${key}: ${value}`);
  return value;
}

function levelOf(level: string): Settings['logLevel'] {
  if ((LEVELS as readonly string[]).includes(level)) return level as Settings['logLevel'];
  throw invalid(`invalid logging level: ${level}`);
}

function labelsOf(labels: string[]): string[] {
  const seen = new Map<string, string>();
  for (const label of labels) {
    const [key, value] = label.split(/=(.*)/s);
    if (!key || value === undefined) throw invalid(`bad attribute format: ${label}`);
    if (seen.has(key) && seen.get(key) !== value)
      throw invalid(`conflict labels for ${key}=${value} and ${key}=${seen.get(key)}`);
    seen.set(key, value);
  }
  return [...new Set(labels)];
}

function runtimesOf(runtimes: Record<string, unknown>): Record<string, Runtime> {
  const found: Record<string, Runtime> = {};
  for (const [name, value] of Object.entries(runtimes)) {
    const { path, runtimeArgs, runtimeType } = value as {
      path?: unknown;
      runtimeArgs?: unknown;
      runtimeType?: unknown;
    };
    if (runtimeType)
      throw invalid(`runtimes: ${name}: runtimeType is for containerd shims; give the path of an OCI runtime`);
    if (typeof path !== 'string' || path === '') throw invalid(`runtimes: ${name}: a path is needed`);
    if (runtimeArgs !== undefined && !(Array.isArray(runtimeArgs) && runtimeArgs.every((a) => typeof a === 'string')))
      throw invalid(`runtimes: ${name}: runtimeArgs must be a list of strings`);
    found[name] = { path, args: runtimeArgs as string[] | undefined };
  }
  return found;
}

function cidrOf(key: string, value: string | undefined): string | undefined {
  if (value === undefined || value === '') return undefined;
  const [address, bits] = value.split('/');
  if (isIP(address!) !== 4 || !/^\d+$/.test(bits ?? '') || Number(bits) > 32)
    throw invalid(`${key}: invalid CIDR address: ${value}`);
  return value;
}

function addresses(key: string, list: string[]): string[] {
  for (const address of list)
    if (isIP(address) === 0) throw invalid(`${key}: IP address is not correctly formatted: ${address}`);
  return list;
}

function mirrorsOf(mirrors: string[]): string[] {
  return mirrors.map((mirror) => {
    const url = URL.parse(mirror);
    if (!url || !/^https?:$/.test(url.protocol))
      throw invalid(`invalid mirror: unsupported scheme or no URL in "${mirror}"`);
    if (url.search || url.hash) throw invalid(`invalid mirror: path, query, or fragment at end of the URI "${mirror}"`);
    return url.href;
  });
}

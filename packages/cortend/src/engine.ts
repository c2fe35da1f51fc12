import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createBuilder } from '@corten/builder';
import { applyChanges, createContainers } from '@corten/containers';
import { openContent } from '@corten/content';
import { createApi, type Services } from '@corten/engine-api';
import { createEvents } from '@corten/events';
import { openImages } from '@corten/images';
import { openNetworks } from '@corten/networks';
import { createRegistryClient } from '@corten/registry-client';
import { openSupervisor } from '@corten/runtime';
import { openSnapshots } from '@corten/snapshots';
import { openDatabase } from '@corten/state';
import type { Logger } from '@corten/util';
import { openVolumes } from '@corten/volumes';
import type { Settings } from './config/settings.ts';
import { engineIdentity } from './identity.ts';
import { lockRoot, writePidfile } from './instance.ts';
import { type Listener, listenAll } from './listen.ts';
import { systemFacts } from './system-facts.ts';
import { VERSION } from './version.ts';

/** A running engine. */
export interface Engine {
  /** Takes over the reloadable options. */
  reload(settings: Settings): void;
  /** Stops listening, then containers (unless live restore keeps them), then gives back what the host lent. */
  stop(): Promise<void>;
}

const DEFAULT_ROOT = '/var/lib/corten';

/** Opens every room, reconciles with what an earlier engine left, then listens. Undoes itself when a step fails. */
export async function startEngine(first: Settings, log: Logger): Promise<Engine> {
  let settings = first;
  const started = performance.now();
  process.umask(0o022);
  await using cleanup = new AsyncDisposableStack();
  for (const reason of settings.idle) log.warn('option without effect', { option: reason });

  cleanup.use(lockRoot(settings.dataRoot));
  chmodSync(settings.dataRoot, 0o710);
  mkdirSync(settings.execRoot, { recursive: true, mode: 0o711 });
  cleanup.use(writePidfile(settings.pidfile));

  const path = (...parts: string[]) => join(settings.dataRoot, ...parts);
  const db = openDatabase(path('state.db'));
  cleanup.defer(() => db.close());
  const instance = createHash('sha256').update(settings.dataRoot).digest('hex').slice(0, 8);
  const events = createEvents();

  const supervisor = await openSupervisor({
    execRoot: settings.execRoot,
    runtimes: settings.runtimes,
    defaultRuntime: settings.defaultRuntime,
    sharedRoots: [settings.dataRoot, settings.execRoot],
    log: log.child('runtime'),
  });
  cleanup.defer(() => supervisor.close());
  const content = await openContent(path('content'));
  const snapshots = await openSnapshots({ root: path('snapshots'), db, log: log.child('snapshots') });
  const volumes = await openVolumes({ root: path('volumes'), db, events, log: log.child('volumes') });
  const networks = await openNetworks({
    db,
    events,
    log: log.child('networks'),
    execRoot: settings.execRoot,
    instance,
    bridgeName: bridgeName(settings, instance),
    bip: settings.bip,
    fixedCidr: settings.fixedCidr,
    mtu: settings.mtu,
    icc: settings.icc,
    ipMasq: settings.ipMasq,
    ipForward: settings.ipForward,
    defaultAddressPools: settings.defaultAddressPools,
    dns: settings.dns,
  });
  cleanup.defer(() => networks.close());

  const registryClient = createRegistryClient({
    insecureRegistries: settings.insecureRegistries,
    mirrors: settings.registryMirrors,
    userAgent: `corten/${VERSION}`,
    log: log.child('registry-client'),
  });
  const users = { containersUsing: (id: string) => containers.usingImage(id) };
  const images = await openImages({ db, content, snapshots, registryClient, events, users, log: log.child('images') });
  const { containers, steps } = createContainers({
    db,
    root: path('containers'),
    execRoot: settings.execRoot,
    supervisor,
    snapshots,
    images,
    networks,
    volumes,
    events,
    log: log.child('containers'),
    defaults: containerDefaults(settings),
  });
  const builder = createBuilder({ root: path('builder'), images, snapshots, steps, db, log: log.child('builder') });
  const identity = engineIdentity(db);

  let listeners: Listener[] = [];
  const services: Services = {
    containers,
    images,
    networks,
    volumes,
    builder,
    events,
    log: log.child('api'),
    applyChanges,
    system: systemFacts({
      settings: () => settings,
      engineId: identity,
      containers,
      images,
      volumes,
      snapshots,
      supervisor,
      listeners: () => listeners.length,
    }),
  };
  await containers.reconcile();
  const api = createApi(services, { serverHeader: `Corten/${VERSION} (linux)` });
  listeners = await listenAll(settings, api.newServer, log);
  const runtime = supervisor.defaultRuntime();
  const ms = Math.round(performance.now() - started);
  log.info('engine ready', { ms, hosts: settings.hosts, runtime: runtime.name, why: runtime.verdict.why });

  const owned = cleanup.move();
  return {
    reload(next) {
      settings = { ...settings, ...reloadable(next) };
      registryClient.configure({ insecureRegistries: next.insecureRegistries, mirrors: next.registryMirrors });
      events.publish('daemon', 'reload', identity, { name: identity, ...reloadAttributes(settings) });
      log.info('configuration reloaded');
    },
    async stop() {
      await Promise.all(listeners.map((l) => l.close()));
      await containers.shutdown({ liveRestore: settings.liveRestore, timeout: settings.shutdownTimeout });
      await owned.disposeAsync();
      log.info('stopped');
    },
  };
}

/** An engine with its own root gets its own bridge, so that engines do not share one by accident. */
function bridgeName(settings: Settings, instance: string): string {
  if (settings.bridge) return settings.bridge;
  return settings.dataRoot === DEFAULT_ROOT ? 'corten0' : `cor-${instance}`;
}

function containerDefaults(settings: Settings) {
  return {
    logDriver: settings.logDriver,
    logOpts: settings.logOpts,
    shmSize: settings.defaultShmSize,
    ulimits: settings.defaultUlimits,
    cgroupParent: settings.cgroupParent,
    ipcMode: settings.defaultIpcMode,
    cgroupnsMode: settings.defaultCgroupnsMode,
    init: settings.init,
    initPath: settings.initPath,
    noNewPrivileges: settings.noNewPrivileges,
    seccompProfile: settings.seccompProfile,
    hostGatewayIps: settings.hostGatewayIps,
    dns: settings.dns,
    publishAddress: settings.ip,
  };
}

/** What SIGHUP may change. */
function reloadable(next: Settings) {
  const { debug, logLevel, labels, liveRestore, shutdownTimeout, insecureRegistries, registryMirrors } = next;
  return { debug, logLevel, labels, liveRestore, shutdownTimeout, insecureRegistries, registryMirrors };
}

function reloadAttributes(settings: Settings): Record<string, string> {
  return {
    debug: String(settings.debug),
    labels: JSON.stringify(settings.labels),
    'live-restore': String(settings.liveRestore),
    'shutdown-timeout': String(settings.shutdownTimeout),
    'insecure-registries': JSON.stringify(settings.insecureRegistries),
    'registry-mirrors': JSON.stringify(settings.registryMirrors),
  };
}

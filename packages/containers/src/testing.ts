import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ContainerCreateBody, ContainerCreateBodySchema, parse } from '@corten/api-types';
import { packTar } from '@corten/archive';
import { notFound } from '@corten/errors';
import { createEvents, type EngineEvent } from '@corten/events';
import type { Image, Images } from '@corten/images';
import type { Networks } from '@corten/networks';
import type { Digest, ImageConfig, ImageRunConfig } from '@corten/oci';
import { openSupervisor, type Supervisor } from '@corten/runtime';
import { openSnapshots } from '@corten/snapshots';
import { openDatabase } from '@corten/state';
import { createLogger } from '@corten/util';
import { openVolumes } from '@corten/volumes';
import { createContainers } from './containers.ts';
import type { Containers, StepRunner } from './types.ts';

/** Why containers cannot be run here, or undefined. */
export function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!['/bin/busybox', '/usr/bin/busybox'].some(existsSync)) return 'needs busybox';
  if (!['/usr/bin/conmon', '/usr/local/bin/conmon', '/usr/libexec/podman/conmon'].some(existsSync))
    return 'needs conmon';
  return undefined;
}

const APPLETS =
  'sh true false echo cat sleep seq stty id env ls hostname head wc test touch mkdir kill printf trap grep dd yes'.split(
    ' ',
  );

function busyboxTree(dir: string): void {
  for (const d of ['bin', 'proc', 'dev', 'sys', 'tmp', 'etc', 'data']) mkdirSync(join(dir, d), { recursive: true });
  copyFileSync(['/bin/busybox', '/usr/bin/busybox'].find(existsSync)!, join(dir, 'bin/busybox'));
  for (const applet of APPLETS) symlinkSync('busybox', join(dir, 'bin', applet));
  writeFileSync(join(dir, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n');
  writeFileSync(join(dir, 'etc/group'), 'root:x:0:\nuser:x:1000:\nextra:x:2000:user\n');
  writeFileSync(join(dir, 'data/seed'), 'seed\n');
}

/** A whole containers room on real mechanisms, with one image `busybox` and without bridge networks. */
export interface Bench extends AsyncDisposable {
  containers: Containers;
  steps: StepRunner;
  supervisor: Supervisor;
  events: EngineEvent[];
  dir: string;
  snapshots: Awaited<ReturnType<typeof openSnapshots>>;
  imageId: string;
  body(value: object): ContainerCreateBody;
  /** Another engine on the same state, as after a kill -9. */
  again(): Promise<{ containers: Containers; close(): Promise<void> }>;
  /** Forgets the engine's hold on the state, without stopping anything. */
  crash(): Promise<void>;
}

export async function openBench(config: ImageRunConfig = { Cmd: ['sh'], Env: ['IMAGE=yes'] }): Promise<Bench> {
  const dir = mkdtempSync('/dev/shm/ct-');
  const tree = join(dir, 'tree');
  busyboxTree(tree);
  const first = await openRooms(dir);
  const { layer } = await first.snapshots.unpack(packTar({ root: tree, path: '/', name: '' }), {});
  const image = fakeImage(config, layer.chainId as Digest, layer.diffId);
  first.images.set(image.id, image);
  const rooms = [first];
  return {
    ...first,
    dir,
    events: first.seen,
    imageId: image.id,
    body: (value) =>
      parse(ContainerCreateBodySchema, {
        Image: 'busybox',
        ...value,
        HostConfig: { NetworkMode: 'none', ...(value as { HostConfig?: object }).HostConfig },
      }),
    async again() {
      const next = await openRooms(dir);
      next.images.set(image.id, image);
      rooms.push(next);
      return { containers: next.containers, close: () => next.close() };
    },
    crash: () => first.close(),
    async [Symbol.asyncDispose]() {
      const last = rooms.at(-1)!;
      await last.containers.shutdown({ liveRestore: false, timeout: 1 });
      for (const c of await last.containers.list({ all: true, size: false, filters: {} }))
        await last.containers.remove(c.Id, { force: true, volumes: true, link: false });
      for (const room of rooms) await room.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const fakeImage = (config: ImageRunConfig, topLayer: Digest, diffId: Digest): Image => ({
  id: `sha256:${'ab'.repeat(32)}` as Digest,
  config: { architecture: 'amd64', os: 'linux', config, rootfs: { type: 'layers', diff_ids: [diffId] } } as ImageConfig,
  topLayer,
  repoTags: ['busybox:latest'],
  repoDigests: [],
  size: 1,
  manifests: [],
});

async function openRooms(dir: string) {
  const log = createLogger(() => 'error');
  const db = openDatabase(join(dir, 'state.db'));
  const events = createEvents();
  const seen: EngineEvent[] = [];
  events.subscribe((e) => seen.push(e));
  const execRoot = join(dir, 'x');
  mkdirSync(execRoot, { recursive: true });
  const real = await openSupervisor({ execRoot, sharedRoots: [dir], log });
  const snapshots = await openSnapshots({ root: join(dir, 'snapshots'), db, log });
  const volumes = await openVolumes({ root: join(dir, 'volumes'), db, events, log });
  const images = new Map<string, Image>();
  const find = (name: string) =>
    images.get(name) ?? (/^busybox(:latest)?$/.test(name) ? [...images.values()][0] : undefined);
  const fakeImages: Partial<Images> = {
    find,
    get: (name) => {
      const image = find(name);
      if (!image) throw notFound(`No such image: ${name}`);
      return image;
    },
    create: async (config) => {
      const made = { ...[...images.values()][0]!, config, id: `sha256:${'cd'.repeat(32)}` as Digest, repoTags: [] };
      images.set(made.id, made);
      return made;
    },
  };
  const networks: Partial<Networks> = {
    list: () => [],
    get: (name) => {
      throw notFound(`network ${name} not found`);
    },
    attach: async () => {
      throw notFound('network bridge not found');
    },
    detach: async () => {},
    reconcile: async () => {},
  };
  let closed = false;
  // an engine that was killed hears of no exit any more
  const onExit: Supervisor['onExit'] = (listener) => real.onExit((id, exit) => void (closed || listener(id, exit)));
  const supervisor = new Proxy(real, {
    get: (target, key) => {
      if (key === 'onExit') return onExit;
      const value = target[key as keyof Supervisor];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const { containers, steps } = createContainers({
    db,
    root: join(dir, 'containers'),
    execRoot,
    supervisor,
    snapshots,
    images: fakeImages as Images,
    networks: networks as Networks,
    volumes,
    events,
    log,
    defaults: {
      logDriver: 'json-file',
      logOpts: {},
      shmSize: 64 << 20,
      ulimits: [],
      cgroupParent: '/corten-test',
      init: false,
      noNewPrivileges: false,
    },
  });
  return {
    containers,
    steps,
    supervisor,
    snapshots,
    images,
    seen,
    async close() {
      if (closed) return;
      closed = true;
      await supervisor.close();
      db.close();
    },
  };
}

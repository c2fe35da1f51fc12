import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packTar } from '@corten/archive';
import { createContainers } from '@corten/containers';
import { openContent } from '@corten/content';
import { notFound } from '@corten/errors';
import { createEvents } from '@corten/events';
import { openImages, type Progress } from '@corten/images';
import type { Networks } from '@corten/networks';
import type { Digest } from '@corten/oci';
import { createRegistryClient } from '@corten/registry-client';
import { openSupervisor } from '@corten/runtime';
import { openSnapshots } from '@corten/snapshots';
import { openDatabase } from '@corten/state';
import { createLogger } from '@corten/util';
import { openVolumes } from '@corten/volumes';
import { createBuilder } from './builder.ts';
import type { BuildOptions } from './types.ts';

const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox'];
const CONMON = ['/usr/bin/conmon', '/usr/local/bin/conmon', '/usr/libexec/podman/conmon'];
const APPLETS = 'sh true false echo cat ls stat touch chmod mkdir ln rm env id sleep test pwd seq printf'.split(' ');

/** Why builds cannot be run here, or undefined. */
export function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!BUSYBOX.some(existsSync)) return 'needs busybox';
  return CONMON.some(existsSync) ? undefined : 'needs conmon';
}

/** Files by path: text, or a link (`{ link }`), or a mode with text (`{ mode, text }`). */
export type Tree = Record<string, string | { link: string } | { mode: number; text: string }>;

export function writeTree(root: string, tree: Tree): void {
  for (const [path, value] of Object.entries(tree)) {
    const at = join(root, path);
    mkdirSync(dirname(at), { recursive: true });
    if (typeof value === 'string') writeFileSync(at, value);
    else if ('link' in value) symlinkSync(value.link, at);
    else writeFileSync(at, value.text, { mode: value.mode });
  }
}

export const DEFAULTS: BuildOptions = {
  dockerfile: 'Dockerfile',
  tags: [],
  noCache: false,
  pull: false,
  quiet: false,
  remove: true,
  forceRemove: false,
  buildArgs: {},
  labels: {},
  target: '',
  networkMode: 'none',
  platform: '',
  extraHosts: [],
  cacheFrom: [],
  squash: false,
  shmSize: 0,
  memory: 0,
  memorySwap: 0,
  cpuShares: 0,
  cpuPeriod: 0,
  cpuQuota: 0,
  cpuSetCpus: '',
  cpuSetMems: '',
  cgroupParent: '',
  ulimits: [],
  securityOpt: [],
  isolation: '',
  auths: {},
};

export interface Built {
  id: Digest;
  /** Everything that was said, IDs of 12 digits masked. */
  text: string;
  lines: Progress[];
}

/** For tests: the rooms that builds need, on real mechanisms, with one image `base:1` (busybox). */
export async function openBench() {
  const dir = mkdtempSync('/dev/shm/bt-');
  const log = createLogger(() => 'error');
  const db = openDatabase(join(dir, 'state.db'));
  const events = createEvents();
  const execRoot = join(dir, 'x');
  mkdirSync(execRoot);
  const supervisor = await openSupervisor({ execRoot, sharedRoots: [dir], log });
  const content = await openContent(join(dir, 'content'));
  const snapshots = await openSnapshots({ root: join(dir, 'snapshots'), db, log });
  const volumes = await openVolumes({ root: join(dir, 'volumes'), db, events, log });
  const registryClient = createRegistryClient();
  const users = { containersUsing: () => [] };
  const images = await openImages({ db, content, snapshots, registryClient, events, users, log });
  const { steps } = createContainers({
    db,
    root: join(dir, 'containers'),
    execRoot,
    supervisor,
    snapshots,
    images,
    networks: noNetworks(),
    volumes,
    events,
    log,
    defaults: {
      logDriver: 'json-file',
      logOpts: {},
      shmSize: 64 << 20,
      ulimits: [],
      cgroupParent: '/corten-build-test',
      init: false,
      noNewPrivileges: false,
    },
  });
  const root = join(dir, 'builder');
  const builder = createBuilder({ root, images, snapshots, steps, db, log });
  await images.import(packTar({ root: busyboxTree(join(dir, 'base')), path: '/', name: '' }), { reference: 'base:1' });

  let contexts = 0;
  /** Builds from a Dockerfile and files; the lines so far are in `lines` even when it throws. */
  async function build(
    dockerfile: string,
    files: Tree = {},
    options: Partial<BuildOptions> & { signal?: AbortSignal; lines?: Progress[] } = {},
  ): Promise<Built> {
    const { signal = new AbortController().signal, lines = [], ...rest } = options;
    const context = join(dir, `context-${contexts++}`);
    writeTree(context, { Dockerfile: dockerfile, ...files });
    const tar = packTar({ root: context, path: '/', name: '' });
    const id = await builder.build(tar, { ...DEFAULTS, ...rest }, (line) => lines.push(line), signal);
    return { id, lines, text: textOf(lines) };
  }

  /** What a shell command prints in an image. */
  async function look(image: string, command: string): Promise<string> {
    const { lines } = await build(
      `FROM ${image}\nUSER 0\nWORKDIR /\nRUN ["/bin/sh","-c",${JSON.stringify(command)}]`,
      {},
      { noCache: true },
    );
    const all = lines.map((l) => l.stream ?? '').join('');
    return all.slice(all.lastIndexOf('Running in') + 'Running in 123456789012\n'.length, all.lastIndexOf('Removing'));
  }

  return {
    dir,
    root,
    builder,
    images,
    snapshots,
    supervisor,
    build,
    look,
    async [Symbol.asyncDispose]() {
      await supervisor.close();
      registryClient.close();
      await snapshots.unmountAll(new Set());
      db.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export const textOf = (lines: readonly Progress[]): string =>
  lines
    .map((l) => l.stream ?? '')
    .join('')
    .replaceAll(/\b[0-9a-f]{12}\b/g, 'ID');

function busyboxTree(dir: string): string {
  for (const d of ['bin', 'tmp']) mkdirSync(join(dir, d), { recursive: true });
  copyFileSync(BUSYBOX.find(existsSync)!, join(dir, 'bin/busybox'));
  for (const applet of APPLETS) symlinkSync('busybox', join(dir, 'bin', applet));
  writeTree(dir, {
    'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home:/bin/sh\n',
    'etc/group': 'root:x:0:\ngrp:x:1001:\n',
    'q/old': 'old',
    'q/sub': { link: '/etc' },
    dangling: { link: '/real' },
    out: { link: '../../../../etc' },
  });
  return dir;
}

function noNetworks(): Networks {
  const none = () => {
    throw notFound('network not found');
  };
  const networks: Partial<Networks> = {
    list: () => [],
    get: none,
    attach: async () => none(),
    detach: async () => {},
    reconcile: async () => {},
  };
  return networks as Networks;
}

import { mkdirSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import type { ContainerCreateBody, EndpointSettings, HostConfig } from '@corten/api-types';
import { emptyEndpoint } from '@corten/api-types';
import { invalid, isKind } from '@corten/errors';
import type { Image } from '@corten/images';
import { formatPlatform, matchesPlatform, parsePlatform } from '@corten/oci';
import { randomId, rfc3339Nano } from '@corten/util';
import { type Context, pathsOf, publish } from '../context.ts';
import { checkName, randomName } from '../names.ts';
import { type ContainerRecord, newState } from '../record.ts';
import { copyUp } from '../rootfs/copy-up.ts';
import { hasCapability } from '../spec/capabilities.ts';
import { nameConflict } from '../store.ts';
import { checkConfig, checkHostConfig } from './check-config.ts';
import { completeHostConfig } from './host-config.ts';
import { mergeImageConfig } from './merge-image.ts';
import { mountPoints } from './mount-specs.ts';
import { checkResources } from './resource-checks.ts';

export interface CreateOptions {
  name?: string;
  platform?: string;
}

/** POST /containers/create: everything that can be checked is, before the first thing is made. */
export async function createContainer(
  ctx: Context,
  body: ContainerCreateBody,
  options: CreateOptions,
): Promise<{ Id: string; Warnings: string[] }> {
  const { record, warnings } = plan(ctx, body, options);
  ctx.store.add(record);
  try {
    const image = record.imageId ? ctx.images.get(record.imageId) : undefined;
    mkdirSync(pathsOf(ctx, record.id).directory, { recursive: true, mode: 0o710 });
    await ctx.snapshots.prepare(record.id, image?.topLayer);
    if (record.mounts.some((m) => m.type === 'volume')) await makeVolumes(ctx, record);
  } catch (error) {
    await undo(ctx, record);
    throw error;
  }
  publish(ctx, record, 'create');
  return { Id: record.id, Warnings: warnings };
}

function plan(ctx: Context, body: ContainerCreateBody, options: CreateOptions) {
  const { HostConfig: givenHost, NetworkingConfig: networking, ...givenConfig } = body;
  const name = options.name === undefined ? freeName(ctx) : checkName(options.name);
  const taken = ctx.store.byName(name);
  if (taken) throw nameConflict(name, taken.id);
  const image = givenConfig.Image ? ctx.images.get(givenConfig.Image) : undefined;
  const warnings = image ? platformWarnings(image, options.platform) : [];
  const runtime = runtimeName(ctx, givenHost?.Runtime);
  const checked = checkConfig(givenConfig);
  const hostConfig = completeHostConfig(givenHost, checked, ctx.defaults, runtime);
  checkHostConfig(hostConfig, checked);
  warnings.push(...checkResources(hostConfig));
  if (hostConfig.OomScoreAdj < 0 && !hasCapability('CAP_SYS_RESOURCE'))
    warnings.push('The engine has no CAP_SYS_RESOURCE: a negative OomScoreAdj is discarded.');
  if (hostConfig.NetworkMode === 'host' && Object.keys(hostConfig.PortBindings).length > 0)
    warnings.push('Published ports are discarded when using host network mode');
  const config = mergeImageConfig(checked, image?.config.config ?? {});
  checkConfig(config); // the image's part too
  const id = randomId();
  pinModes(ctx, hostConfig);
  const record: ContainerRecord = {
    id,
    name,
    created: rfc3339Nano(),
    imageId: image?.id ?? '',
    config: { ...config, Hostname: config.Hostname || defaultHostname(hostConfig, id) },
    hostConfig,
    mounts: mountPoints(hostConfig, config.Volumes, (other) => ctx.store.find(other)),
    endpoints: endpointsOf(hostConfig, networking?.EndpointsConfig ?? {}, config.MacAddress),
    runtime,
    platform: 'linux',
    state: newState(),
  };
  return { record, warnings };
}

function freeName(ctx: Context): string {
  for (let tries = 0; tries < 1000; tries++) {
    const name = randomName(tries > 5);
    if (!ctx.store.byName(name)) return name;
  }
  return randomId().slice(0, 12);
}

function platformWarnings(image: Image, platform: string | undefined): string[] {
  if (platform) {
    const wanted = parsePlatform(platform);
    if (!matchesPlatform(wanted, image.config))
      throw invalid(
        `image with reference ${image.repoTags[0] ?? image.id} was found but does not provide the specified platform (${formatPlatform(wanted)})`,
      );
    return [];
  }
  return [];
}

function runtimeName(ctx: Context, given: string | undefined): string {
  const name = given || ctx.defaults.runtime || ctx.supervisor.defaultRuntime().name;
  if (!ctx.supervisor.runtimes().some((r) => r.name === name))
    throw invalid(`unknown or invalid runtime name: ${name}`);
  return name;
}

/**
 * `container:name` is written as `container:ID`, so that a rename does not break it. One that is not there is left: the
 * start says so (a "not found" from create would make clients pull the image).
 */
function pinModes(ctx: Context, h: HostConfig): void {
  for (const key of ['NetworkMode', 'IpcMode', 'PidMode'] as const) {
    if (!h[key].startsWith('container:')) continue;
    try {
      h[key] = `container:${ctx.store.find(h[key].slice('container:'.length)).id}`;
    } catch (error) {
      if (!isKind(error, 'notFound')) throw error;
    }
  }
}

function defaultHostname(h: HostConfig, id: string): string {
  if (h.NetworkMode === 'host' || h.UTSMode === 'host') return hostname();
  return h.NetworkMode.startsWith('container:') ? '' : id.slice(0, 12);
}

/** Networks to join: the one of NetworkMode first. */
function endpointsOf(
  h: HostConfig,
  given: Record<string, EndpointSettings | null>,
  macAddress: string | undefined,
): Record<string, EndpointSettings> {
  if (h.NetworkMode.startsWith('container:')) return {};
  const named = Object.entries(given).map(
    ([name, settings]) => [name === 'default' ? 'bridge' : name, settings] as const,
  );
  const all = new Map(named.map(([name, settings]) => [name, settings ?? emptyEndpoint()]));
  const first = all.get(h.NetworkMode) ?? emptyEndpoint();
  all.delete(h.NetworkMode);
  if (['host', 'none'].includes(h.NetworkMode) && all.size > 0)
    throw invalid(`conflicting options: cannot attach both user-defined and non-user-defined network-modes`);
  const links = h.NetworkMode === 'bridge' ? h.Links : [];
  return {
    [h.NetworkMode]: {
      ...first,
      Links: [...first.Links, ...links],
      MacAddress: first.MacAddress || (macAddress ?? ''),
    },
    ...Object.fromEntries(all),
  };
}

/** Makes and claims the container's volumes, and fills the empty ones from the image. */
async function makeVolumes(ctx: Context, record: ContainerRecord): Promise<void> {
  const root = await ctx.snapshots.mount(record.id);
  try {
    for (const m of record.mounts) {
      if (m.type !== 'volume') continue;
      const options = record.hostConfig.Mounts.find(
        (x) => x.Type === 'volume' && x.Target === m.destination,
      )?.VolumeOptions;
      const volume = await ctx.volumes.create({
        Name: m.name ?? '',
        Driver: m.driver ?? 'local',
        DriverOpts: options?.DriverConfig?.Options ?? {},
        Labels: options?.Labels ?? {},
      });
      m.name = volume.Name;
      m.source = volume.Mountpoint;
      m.driver = volume.Driver;
      ctx.volumes.use(volume.Name, record.id);
      ctx.store.save(record);
      if (m.noCopy || m.subpath) continue;
      const path = await ctx.volumes.mount(volume.Name, record.id);
      try {
        await copyUp(root, m.destination, path);
      } finally {
        await ctx.volumes.unmount(volume.Name, record.id);
      }
    }
  } finally {
    await ctx.snapshots.unmount(record.id);
  }
}

async function undo(ctx: Context, record: ContainerRecord): Promise<void> {
  for (const m of record.mounts) {
    if (m.type !== 'volume' || !m.name || m.source === '') continue;
    ctx.volumes.release(m.name, record.id);
    if (m.anonymous) await ctx.volumes.remove(m.name, true).catch((e) => ctx.log.warn('volume stays', { error: e }));
  }
  await ctx.snapshots.remove(record.id).catch((e) => ctx.log.warn('snapshot stays', { id: record.id, error: e }));
  rmSync(pathsOf(ctx, record.id).directory, { recursive: true, force: true });
  ctx.store.delete(record.id);
}

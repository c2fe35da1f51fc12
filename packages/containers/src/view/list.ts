import type { Context } from '../context.ts';
import { type ContainerRecord, commandOf, isRunning } from '../record.ts';
import type { ContainerSummary } from '../types.ts';
import { listFilter } from './filters.ts';
import { mountJson } from './mount-json.ts';
import { portList } from './ports.ts';
import { statusText } from './status.ts';

/** GET /containers/json: newest first. */
export async function listContainers(
  ctx: Context,
  options: { all: boolean; limit?: number; size: boolean; filters: Record<string, string[]> },
): Promise<ContainerSummary[]> {
  const filter = listFilter(ctx, options.filters);
  const orderly = 'before' in options.filters || 'since' in options.filters;
  const everything = options.all || filter.all || options.limit !== undefined || orderly;
  const chosen = [...ctx.store.all()]
    .filter((c) => (everything || isRunning(c) || c.state.status === 'restarting') && filter.test(c))
    .sort((a, b) => (a.created < b.created ? 1 : -1))
    .slice(0, options.limit);
  return Promise.all(chosen.map((c) => summary(ctx, c, options.size)));
}

/** definitions/ContainerSummary. */
async function summary(ctx: Context, c: ContainerRecord, size: boolean): Promise<ContainerSummary> {
  const { path, args } = commandOf(c.config);
  return {
    Id: c.id,
    Names: [`/${c.name}`],
    Image: imageName(ctx, c),
    ImageID: c.imageId,
    Command: [path, ...args.map(quoted)].join(' '),
    Created: Math.floor(Date.parse(c.created) / 1000),
    Ports: portList(c),
    ...(size ? await sizes(ctx, c) : {}),
    Labels: c.config.Labels,
    State: c.state.status,
    Status: statusText(c.state),
    HostConfig: {
      NetworkMode: c.hostConfig.NetworkMode,
      ...(Object.keys(c.hostConfig.Annotations).length > 0 ? { Annotations: c.hostConfig.Annotations } : {}),
    },
    NetworkSettings: { Networks: c.state.network?.endpoints ?? c.endpoints },
    Mounts: c.mounts.filter((m) => m.type !== 'tmpfs').map(mountJson),
    Health: { Status: c.state.health?.Status ?? 'none', FailingStreak: c.state.health?.FailingStreak ?? 0 },
  };
}

const quoted = (arg: string): string => (/\s/.test(arg) ? `'${arg}'` : arg);

/** The name it was made with, while that still means its image; the ID otherwise. */
function imageName(ctx: Context, c: ContainerRecord): string {
  const { Image } = c.config;
  return ctx.images.find(Image)?.id === c.imageId ? Image : c.imageId || Image;
}

/** SizeRw and SizeRootFs. */
export async function sizes(ctx: Context, c: ContainerRecord): Promise<{ SizeRw: number; SizeRootFs: number }> {
  const SizeRw = await ctx.snapshots.usage(c.id);
  const image = c.imageId ? ctx.images.find(c.imageId) : undefined;
  return { SizeRw, SizeRootFs: SizeRw + (image?.size ?? 0) };
}

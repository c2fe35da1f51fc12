import type { Context } from '../context.ts';
import { type ContainerRecord, isRunning } from '../record.ts';

/** A container's files as a directory of the host, until released. */
export interface RootAccess {
  root: string;
  release(): Promise<void>;
}

/** How many readers hold the mounted root of each container that does not run. */
const holders = new WeakMap<ContainerRecord, number>();

/** The merged root file system; mounted for the time of the access when the container does not run. */
export async function accessRoot(ctx: Context, c: ContainerRecord): Promise<RootAccess> {
  holders.set(c, (holders.get(c) ?? 0) + 1);
  const release = async () => {
    const left = (holders.get(c) ?? 1) - 1;
    holders.set(c, left);
    using _lock = await ctx.locks.lock(c.id); // not in the middle of a start
    const idle = holders.get(c) === 0 && !isRunning(c) && ctx.store.get(c.id) === c;
    if (idle) await ctx.snapshots.unmount(c.id);
  };
  try {
    return { root: await ctx.snapshots.mount(c.id), release };
  } catch (error) {
    await release();
    throw error;
  }
}

/**
 * The place where a path of the container lies: seen through its own mounts when it runs, else in the root file system
 * or in the volume or bind that covers it.
 */
export async function accessPath(
  ctx: Context,
  c: ContainerRecord,
  path: string,
): Promise<RootAccess & { path: string; writable: boolean }> {
  const inside = `/${path}`.replace(/\/+/g, '/');
  const covering = c.mounts
    .filter((m) => inside === m.destination || inside.startsWith(`${m.destination}/`))
    .sort((a, b) => b.destination.length - a.destination.length)[0];
  const writable = covering ? covering.rw : !c.hostConfig.ReadonlyRootfs;
  if (isRunning(c) && c.state.pid > 0)
    return { root: `/proc/${c.state.pid}/root`, path: inside, writable, release: async () => {} };
  if (!covering || covering.type === 'tmpfs') return { ...(await accessRoot(ctx, c)), path: inside, writable };
  const rest = inside.slice(covering.destination.length) || '/';
  if (covering.type === 'bind') return { root: covering.source, path: rest, writable, release: async () => {} };
  const root = await ctx.volumes.mount(covering.name!, c.id);
  return { root, path: rest, writable, release: () => ctx.volumes.unmount(covering.name!, c.id) };
}

import { isKind } from '@corten/errors';
import { canonicalString, type Digest } from '@corten/oci';
import type { Context } from './context.ts';
import { removeImage } from './remove.ts';
import type { DeleteItem } from './types.ts';

export interface PruneOptions {
  dangling: boolean;
  /** Only images created before this time (seconds since 1970). */
  until?: number;
  labels?: string[];
  notLabels?: string[];
}

/** Removes unnamed images, or with `dangling` false every image that no container uses. */
export async function pruneImages(
  ctx: Context,
  options: PruneOptions,
): Promise<{ deleted: DeleteItem[]; reclaimed: number }> {
  const sizes = new Map(ctx.snapshots.layers().map((l) => [l.chainId as string, l.size]));
  const deleted: DeleteItem[] = [];
  for (const id of ctx.records.ids().filter((i) => isCandidate(ctx, i, options))) {
    for (const name of namesToRemove(ctx, id, options.dangling)) {
      try {
        deleted.push(...(await removeImage(ctx, name, { force: false })));
      } catch (error) {
        // In use, or gone meanwhile with a child: neither is a failure of prune.
        if (!isKind(error, 'conflict') && !isKind(error, 'notFound')) throw error;
      }
    }
  }
  await ctx.gc.retryHeld();
  let reclaimed = 0;
  for (const item of deleted) if ('Deleted' in item) reclaimed += sizes.get(item.Deleted) ?? 0;
  ctx.events.publish('image', 'prune', '', { reclaimed: String(reclaimed) });
  return { deleted, reclaimed };
}

function isCandidate(ctx: Context, id: Digest, options: PruneOptions): boolean {
  const config = ctx.records.config(id);
  if (ctx.records.children(id).length > 0 && (options.dangling || ctx.records.referencesOf(id).length === 0))
    return false;
  if (options.until !== undefined && !(Date.parse(config.created ?? '') < options.until * 1000)) return false;
  return matchesLabels(config.config?.Labels ?? {}, options.labels ?? [], options.notLabels ?? []);
}

function namesToRemove(ctx: Context, id: Digest, danglingOnly: boolean): string[] {
  const references = ctx.records.referencesOf(id);
  if (references.length === 0) return [id];
  if (danglingOnly && references.some((r) => r.tag)) return [];
  return references.map(canonicalString);
}

/** Label filters `key` and `key=value`: all of `wanted`, none of `unwanted`. */
export function matchesLabels(labels: Record<string, string>, wanted: string[], unwanted: string[]): boolean {
  const has = (filter: string): boolean => {
    const at = filter.indexOf('=');
    const key = at < 0 ? filter : filter.slice(0, at);
    return Object.hasOwn(labels, key) && (at < 0 || labels[key] === filter.slice(at + 1));
  };
  return wanted.every(has) && !unwanted.some(has);
}

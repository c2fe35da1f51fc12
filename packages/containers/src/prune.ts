import { invalid, isKind } from '@corten/errors';
import type { Context } from './context.ts';
import { removeContainer } from './lifecycle/remove.ts';
import { type ContainerRecord, isRunning } from './record.ts';
import { hasLabel } from './view/filters.ts';

/** POST /containers/prune: every container that does not run and passes the filters. */
export async function pruneContainers(
  ctx: Context,
  filters: Record<string, string[]>,
): Promise<{ deleted: string[]; reclaimed: number }> {
  const until = untilOf(filters['until']);
  const passes = (c: ContainerRecord) =>
    !isRunning(c) &&
    c.state.status !== 'restarting' &&
    (until === undefined || Date.parse(c.created) < until) &&
    (filters['label'] ?? []).every((l) => hasLabel(c.config.Labels, l)) &&
    !(filters['label!'] ?? []).some((l) => hasLabel(c.config.Labels, l));
  const deleted: string[] = [];
  let reclaimed = 0;
  for (const c of [...ctx.store.all()].filter(passes)) {
    try {
      const size = await ctx.snapshots.usage(c.id);
      await removeContainer(ctx, c, { force: false, volumes: false, link: false });
      reclaimed += size;
      deleted.push(c.id);
    } catch (error) {
      // started or removed by somebody meanwhile: no longer ours to prune
      if (!isKind(error, 'conflict') && !isKind(error, 'notFound')) throw error;
    }
  }
  ctx.events.publish('container', 'prune', '', { reclaimed: String(reclaimed) });
  return { deleted, reclaimed };
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Unix seconds, an RFC 3339 time, or a Go duration before now; in milliseconds since 1970. */
function untilOf(values: string[] | undefined): number | undefined {
  if (!values?.length) return undefined;
  if (values.length > 1) throw invalid('more than one until filter specified');
  const text = values[0]!;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length > 0 && parts.map((p) => p[0]).join('') === text)
    return Date.now() - parts.reduce((sum, [, n, unit]) => sum + Number(n) * UNITS[unit!]!, 0);
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw invalid(`invalid until filter: "${text}"`);
  return time;
}

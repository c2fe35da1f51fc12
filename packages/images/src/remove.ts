import { type CortenError, conflict } from '@corten/errors';
import {
  chainIds,
  type Digest,
  familiarString,
  parseReference,
  type Reference,
  repositoryName,
  withDefaultTag,
} from '@corten/oci';
import { shortId } from '@corten/util';
import { type Context, publish } from './context.ts';
import { isIdPrefix, requireId } from './lookup.ts';
import type { DeleteItem } from './types.ts';

/** Which reasons against a deletion are looked for. Hard ones hold even with force. */
interface Checks {
  dependentChild: boolean;
  running: boolean;
  references: boolean;
  stopped: boolean;
}
interface Conflict {
  hard: boolean;
  /** A container uses the image. */
  used: boolean;
  message: string;
}

/** Docker's rules for untagging and deleting: a name loses its tag first; the image goes with its last name. */
export async function removeImage(
  ctx: Context,
  nameOrId: string,
  options: { force?: boolean; noprune?: boolean },
): Promise<DeleteItem[]> {
  const id = requireId(ctx, nameOrId);
  const force = options.force ?? false;
  const items: DeleteItem[] = [];
  let untaggedOnly = false;
  if (isIdPrefix(id, nameOrId)) {
    removeNamesOfId(ctx, id, force, items);
  } else {
    if (!removeName(ctx, id, nameOrId, force, items)) return items;
    untaggedOnly = true;
  }
  await removeUnnamed(ctx, id, { force, prune: !options.noprune, quiet: untaggedOnly }, items);
  return items;
}

/** Removes one name; true when the image has no other name left and is to be deleted itself. */
function removeName(ctx: Context, id: Digest, name: string, force: boolean, items: DeleteItem[]): boolean {
  const references = ctx.records.referencesOf(id);
  const user = ctx.users.containersUsing(id)[0];
  if (!force && user && isSingleReference(references))
    throw conflict(
      `conflict: unable to remove repository reference "${name}" (must force) - container ${shortId(user.id)} is using its referenced image ${shortId(id)}`,
    );
  const reference = withDefaultTag(parseReference(name));
  untag(ctx, id, reference, items);
  let left = ctx.records.referencesOf(id);
  const sameRepository = (r: Reference) => repositoryName(r) === repositoryName(reference);
  if (!reference.digest && !left.some((r) => r.tag && sameRepository(r))) {
    // Digests of a repository go with its last tag.
    for (const digestReference of left.filter(sameRepository)) untag(ctx, id, digestReference, items, false);
    left = ctx.records.referencesOf(id);
  }
  return left.length === 0;
}

function removeNamesOfId(ctx: Context, id: Digest, force: boolean, items: DeleteItem[]): void {
  const references = ctx.records.referencesOf(id);
  if (!isSingleReference(references)) return;
  const found = findConflict(ctx, id, { dependentChild: true, running: true, stopped: !force, references: false });
  if (found) throw conflictError(id, found);
  for (const reference of references) untag(ctx, id, reference, items);
}

function untag(ctx: Context, id: Digest, reference: Reference, items: DeleteItem[], event = true): void {
  ctx.records.unpoint(reference);
  items.push({ Untagged: familiarString(reference) });
  if (event) publish(ctx, 'untag', id, id, id);
}

/** At most one tag, and every digest reference in that tag's repository. */
function isSingleReference(references: readonly Reference[]): boolean {
  if (references.length <= 1) return true;
  const tagged = references.filter((r) => !r.digest);
  const repositories = new Set(references.filter((r) => r.digest).map(repositoryName));
  if (tagged.length > 1) return false;
  return repositories.size === 1 && repositories.has(repositoryName(tagged[0] ?? references[0]!));
}

function findConflict(ctx: Context, id: Digest, checks: Checks): Conflict | undefined {
  if (checks.dependentChild && ctx.records.children(id).length > 0)
    return { hard: true, used: false, message: 'image has dependent child images' };
  const users = ctx.users.containersUsing(id);
  const running = users.find((u) => u.running);
  if (checks.running && running)
    return { hard: true, used: true, message: `image is being used by running container ${shortId(running.id)}` };
  if (checks.references && ctx.records.referencesOf(id).length > 0)
    return { hard: false, used: false, message: 'image is referenced in multiple repositories' };
  const stopped = users.find((u) => !u.running);
  if (checks.stopped && stopped)
    return { hard: false, used: true, message: `image is being used by stopped container ${shortId(stopped.id)}` };
  return undefined;
}

const conflictError = (id: Digest, found: Conflict): CortenError =>
  conflict(
    `conflict: unable to delete ${shortId(id)} (${found.hard ? 'cannot be forced' : 'must be forced'}) - ${found.message}`,
  );

/** Deletes the image with what names are left and, with `prune`, its unnamed parents. */
async function removeUnnamed(
  ctx: Context,
  id: Digest,
  options: { force: boolean; prune: boolean; quiet: boolean },
  items: DeleteItem[],
): Promise<void> {
  const soft = !options.force;
  const found = findConflict(ctx, id, { dependentChild: true, running: true, references: soft, stopped: soft });
  if (found) {
    // After an untag the image may stay for a reason; that is no error of the untag.
    const dangling = ctx.records.referencesOf(id).length === 0 && ctx.records.children(id).length === 0;
    if (options.quiet && (!dangling || found.used)) return;
    throw conflictError(id, found);
  }
  const parent = ctx.records.parentOf(id);
  for (const reference of ctx.records.referencesOf(id)) untag(ctx, id, reference, items);
  items.push({ Deleted: id });
  for (const chain of await deleteImage(ctx, id)) items.push({ Deleted: chain });
  if (options.prune && parent) await removeUnnamed(ctx, parent, { force: false, prune: true, quiet: true }, items);
}

/** Deletes the record, then what only it needed. Returns the layers that went. */
async function deleteImage(ctx: Context, id: Digest): Promise<Digest[]> {
  const chains = chainIds(ctx.records.config(id).rootfs.diff_ids);
  const labels = ctx.records.config(id).config?.Labels ?? {};
  const manifests = ctx.records.manifestsOf(id);
  let blobs: Digest[] = [];
  ctx.records.durable(() => {
    ctx.records.delete(id);
    blobs = ctx.records.dropUnusedBlobs();
  });
  ctx.events.publish('image', 'delete', id, { ...labels, name: id });
  const removed = await ctx.gc.releaseChain(chains);
  await ctx.gc.releaseBlobs([...blobs, ...manifests]);
  await ctx.gc.retryHeld();
  return removed;
}

/** Removes what a failed pull, load or import left: unnamed layers and blobs. */
export async function discard(ctx: Context, chains: readonly Digest[], blobs: readonly Digest[]): Promise<void> {
  const stale = ctx.records.transaction(() => ctx.records.dropUnusedBlobs());
  await ctx.gc.releaseChain(chains);
  await ctx.gc.releaseBlobs([...stale, ...blobs]);
}

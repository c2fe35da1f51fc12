import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { ImageConfig } from '@corten/oci';
import { testImages } from './testing.ts';

const tarOf = (text: string) => Buffer.alloc(1024, text);
const config = (diffIds: string[], extra: Partial<ImageConfig> = {}): ImageConfig => ({
  os: 'linux',
  architecture: 'amd64',
  created: '2024-01-01T00:00:00Z',
  rootfs: { type: 'layers', diff_ids: diffIds as never },
  ...extra,
});

test('an imported tar is an image of one layer with Docker’s history', async () => {
  using t = await testImages();
  const image = await t.images.import(Readable.from([gzipSync(tarOf('a'))]), { reference: 'base' });
  assert.deepEqual(image.repoTags, ['base:latest']);
  assert.equal(image.config.rootfs.diff_ids.length, 1);
  assert.equal(t.images.history('base')[0]!.Comment, 'Imported from -');
  assert.equal(t.images.get(image.id.slice(7, 19)).id, image.id);
  assert.equal(t.images.get(`docker.io/library/base:latest`).id, image.id);
  assert.deepEqual(
    t.seen.map((e) => e.Action),
    ['tag', 'import'],
  );
  assert.throws(() => t.images.get('nope'), { message: 'No such image: nope:latest', kind: 'notFound' });
  assert.throws(() => t.images.get('Foo'), { message: /must be lowercase/, kind: 'invalid' });
  assert.equal(t.images.find('nope'), undefined);
});

test('the same config gives the same image, and its names are in one transaction', async () => {
  using t = await testImages();
  const layer = t.snapshots.add(tarOf('x'));
  const a = await t.images.create(config([layer.diffId]), { references: ['a:1', 'b:2'] });
  const b = await t.images.create(config([layer.diffId]));
  assert.equal(a.id, b.id);
  assert.deepEqual(b.repoTags, ['a:1', 'b:2']);
  assert.ok(b.lastTagTime);
  await assert.rejects(t.images.create(config([`sha256:${'0'.repeat(64)}`]), { references: ['c'] }), /does not exist/);
  assert.equal(t.images.find('c'), undefined);
  await assert.rejects(t.images.create(config([layer.diffId]), { references: ['Bad'] }), /lowercase/);
});

test('deleting follows Docker’s rules', async () => {
  using t = await testImages();
  const base = t.snapshots.add(tarOf('base'));
  const top = t.snapshots.add(tarOf('top'), base.chainId);
  const parent = await t.images.create(config([base.diffId]), { references: ['p'] });
  const child = await t.images.create(config([base.diffId, top.diffId]), {
    parent: parent.id,
    references: ['c:1', 'c:2'],
  });
  assert.deepEqual(
    t.images.children(parent.id).map((i) => i.id),
    [child.id],
  );

  await assert.rejects(t.images.remove(parent.id, {}), {
    kind: 'conflict',
    message: `conflict: unable to delete ${parent.id.slice(7, 19)} (cannot be forced) - image has dependent child images`,
  });
  await assert.rejects(t.images.remove(child.id, {}), {
    message: /\(must be forced\) - image is referenced in multiple repositories/,
  });
  assert.deepEqual(await t.images.remove('c:2', {}), [{ Untagged: 'c:2' }]);

  t.users.push({ id: 'f'.repeat(64), running: false, image: child.id });
  await assert.rejects(t.images.remove('c:1', {}), {
    message: `conflict: unable to remove repository reference "c:1" (must force) - container ffffffffffff is using its referenced image ${child.id.slice(7, 19)}`,
  });
  await assert.rejects(t.images.remove(child.id, {}), {
    message: /\(must be forced\) - image is being used by stopped container ffffffffffff/,
  });
  t.users[0]!.running = true;
  await assert.rejects(t.images.remove(child.id, { force: true }), {
    message: /\(cannot be forced\) - image is being used by running container ffffffffffff/,
  });
  t.users.length = 0;

  // The parent keeps its name, so it stays; then it goes with its layer.
  assert.deepEqual(await t.images.remove('c:1', {}), [
    { Untagged: 'c:1' },
    { Deleted: child.id },
    { Deleted: top.chainId },
  ]);
  assert.deepEqual(await t.images.remove('p', {}), [
    { Untagged: 'p:latest' },
    { Deleted: parent.id },
    { Deleted: base.chainId },
  ]);
  assert.equal(t.snapshots.layers().length, 0);
});

test('unnamed parents go with their last child; with noprune they stay', async () => {
  using t = await testImages();
  const layer = t.snapshots.add(tarOf('l'));
  const parent = await t.images.create(config([layer.diffId], { author: 'step' }));
  const child = await t.images.create(config([layer.diffId], { author: 'end' }), {
    parent: parent.id,
    references: ['x'],
  });
  assert.deepEqual(
    t.images.list().map((i) => i.id),
    [child.id],
  );
  assert.equal(t.images.list({ intermediate: true }).length, 2);
  assert.deepEqual(t.images.history('x'), []);
  const items = await t.images.remove('x', {});
  assert.deepEqual(items, [
    { Untagged: 'x:latest' },
    { Deleted: child.id },
    { Deleted: parent.id },
    { Deleted: layer.chainId },
  ]);
});

test('a layer under a container stays until nothing holds it', async () => {
  using t = await testImages();
  const layer = t.snapshots.add(tarOf('l'));
  const image = await t.images.create(config([layer.diffId]), { references: ['x'] });
  t.users.push({ id: 'e'.repeat(64), running: false, image: image.id });
  t.snapshots.held.add(layer.chainId);
  assert.deepEqual(await t.images.remove('x', { force: true }), [{ Untagged: 'x:latest' }, { Deleted: image.id }]);
  assert.equal(t.snapshots.layers().length, 1);
  t.snapshots.held.clear();
  await t.images.prune({ dangling: true });
  assert.equal(t.snapshots.layers().length, 0);
});

test('prune takes dangling images, or all that are unused', async () => {
  using t = await testImages();
  const make = async (name: string | undefined, labels: Record<string, string> = {}) => {
    const layer = t.snapshots.add(tarOf(`${name}${JSON.stringify(labels)}`));
    return t.images.create(config([layer.diffId], { config: { Labels: labels } }), { references: name ? [name] : [] });
  };
  const dangling = await make(undefined);
  const kept = await make(undefined, { keep: 'yes' });
  const used = await make('used');
  await make('unused');
  t.users.push({ id: 'd'.repeat(64), running: true, image: used.id });
  const first = await t.images.prune({ dangling: true, notLabels: ['keep=yes'] });
  assert.equal(first.reclaimed, 1024);
  assert.ok(first.deleted.some((d) => 'Deleted' in d && d.Deleted === dangling.id));
  assert.ok(t.images.find(kept.id));
  await t.images.prune({ dangling: false });
  assert.deepEqual(
    t.images.list().map((i) => i.id),
    [used.id],
  );
});

test('opening sweeps layers and blobs without an image', async () => {
  using t = await testImages();
  const layer = t.snapshots.add(tarOf('kept'));
  t.snapshots.add(tarOf('stray'), layer.chainId);
  await t.images.create(config([layer.diffId]));
  await t.content.put(Buffer.from('stray'));
  await t.reopen();
  assert.deepEqual(
    t.snapshots.layers().map((l) => l.chainId),
    [layer.chainId],
  );
  assert.equal(t.content.blobs.size, 0);
});

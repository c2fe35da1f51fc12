import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readTar, tarStream } from '@corten/archive';
import { mountInfo, unmount } from '@corten/host';
import type { ChainId } from '@corten/oci';
import { openDatabase } from '@corten/state';
import { createLogger } from '@corten/util';
import { openSnapshots } from './snapshots.ts';

const dir = mkdtempSync('/dev/shm/corten-snapshots-');
const db = openDatabase(join(dir, 'db'));
const log = createLogger(() => 'error');
const root = join(dir, 'data');
const snapshots = await openSnapshots({ root, db, log });
after(() => {
  for (const { mountPoint } of mountInfo()) if (mountPoint.startsWith(dir)) unmount(mountPoint, { detach: true });
  db.close();
  rmSync(dir, { recursive: true });
});
const layerOf = async (files: Record<string, string>, parent?: ChainId) =>
  (await snapshots.unpack(tarStream(Object.entries(files).map(([name, content]) => ({ name, content }))), { parent }))
    .layer;
const isMounted = (path: string) => mountInfo().some((m) => m.mountPoint === path);

test('layers stack; a snapshot sees them all, changes are its own', async () => {
  const base = await layerOf({ a: 'base', b: 'base' });
  const top = await layerOf({ b: 'top' }, base.chainId);
  assert.equal(top.parent, base.chainId);
  await snapshots.prepare('c1', top.chainId);
  const merged = await snapshots.mount('c1');
  assert.equal(await snapshots.mount('c1'), merged);
  assert.equal(readFileSync(join(merged, 'a'), 'utf8') + readFileSync(join(merged, 'b'), 'utf8'), 'basetop');
  writeFileSync(join(merged, 'new'), '12345');
  rmSync(join(merged, 'a'));
  assert.deepEqual(await snapshots.changes('c1'), [
    { Path: '/a', Kind: 2 },
    { Path: '/new', Kind: 1 },
  ]);
  assert.equal(await snapshots.usage('c1'), 5);
  const committed = await snapshots.commit('c1');
  assert.ok(!committed.empty);
  const names: string[] = [];
  for await (const { name } of readTar(snapshots.tar(committed.layer.chainId))) names.push(name);
  assert.deepEqual(names.sort(), ['.wh.a', 'new']);
  await snapshots.remove('c1');
  assert.ok(!isMounted(merged) && !existsSync(merged));
  await assert.rejects(snapshots.removeLayer(base.chainId), { kind: 'conflict' });
});

test('consume moves the changes into a layer and the snapshot is gone; nothing changed gives no layer', async () => {
  const base = await layerOf({ f: '1' });
  await snapshots.prepare('step', base.chainId);
  writeFileSync(join(await snapshots.mount('step'), 'built'), 'x');
  const done = await snapshots.commit('step', { consume: true });
  assert.ok(!done.empty && done.layer.parent === base.chainId);
  assert.ok(!snapshots.keys().includes('step'));
  await snapshots.prepare('idle', base.chainId);
  await snapshots.mount('idle');
  assert.deepEqual(await snapshots.commit('idle', { consume: true }), { empty: true });
  await snapshots.prepare('again', done.layer.chainId);
  assert.equal(readFileSync(join(await snapshots.mount('again'), 'built'), 'utf8'), 'x');
  await snapshots.remove('again');
});

test('a snapshot on nothing works', async () => {
  await snapshots.prepare('scratch');
  writeFileSync(join(await snapshots.mount('scratch'), 'only'), 'x');
  const done = await snapshots.commit('scratch', { consume: true });
  assert.ok(!done.empty && done.layer.parent === undefined && done.layer.chainId === done.layer.diffId);
});

test('127 layers fit one mount', async () => {
  let parent: ChainId | undefined;
  for (let i = 0; i < 127; i++) parent = (await layerOf({ [`f${i}`]: String(i) }, parent)).chainId;
  await snapshots.prepare('deep', parent);
  assert.equal(readdirSync(await snapshots.mount('deep')).length, 127);
  await snapshots.remove('deep');
});

test('a wrong diff ID or a bad tar leaves nothing', async () => {
  const before = [snapshots.layers().length, readdirSync(join(root, 'l')).length];
  const wrong = `sha256:${'0'.repeat(64)}` as ChainId;
  await assert.rejects(snapshots.unpack(tarStream([{ name: 'x' }]), { expectedDiffId: wrong }), {
    kind: 'invalid',
    message: /verification failed/,
  });
  await assert.rejects(snapshots.unpack(tarStream([{ name: 'x' }]), { parent: wrong }), { kind: 'notFound' });
  assert.deepEqual([snapshots.layers().length, readdirSync(join(root, 'l')).length], before);
  assert.deepEqual(readdirSync(join(root, 'staging')), []);
});

test('opening again removes what no row names and keeps what is mounted', async () => {
  await snapshots.prepare('kept');
  const merged = await snapshots.mount('kept');
  mkdirSync(join(root, 'l/zzz/diff'), { recursive: true });
  mkdirSync(join(root, 's/zzz/m'), { recursive: true });
  mkdirSync(join(root, 'staging/zzz'));
  const again = await openSnapshots({ root, db, log });
  assert.ok(
    !existsSync(join(root, 'l/zzz')) && !existsSync(join(root, 's/zzz')) && !existsSync(join(root, 'staging/zzz')),
  );
  assert.ok(isMounted(merged));
  assert.equal(await again.mount('kept'), merged);
  await again.unmountAll(new Set(['kept']));
  assert.ok(isMounted(merged));
  await again.unmountAll(new Set());
  assert.ok(!isMounted(merged));
  await again.remove('kept');
});

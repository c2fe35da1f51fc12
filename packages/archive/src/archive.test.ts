import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { getXattr, makeDevice, makeNode, S_IFCHR, setXattr } from '@corten/host';
import { applyLayerTar, changesOf, commitLayerTree, extractTar, layerTar, packTar } from './archive.ts';
import { encodeHeader, padding, type TarEntry } from './tar-header.ts';
import { readTar, tarStream } from './tar-stream.ts';

const dir = mkdtempSync('/dev/shm/corten-archive-');
after(() => rmSync(dir, { recursive: true }));
let counter = 0;
const fresh = (): string => {
  const path = join(dir, String(counter++));
  mkdirSync(path);
  return path;
};
const sha = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const all = async (stream: Readable) => Buffer.concat((await stream.toArray()) as Buffer[]);
const entry = (fields: Partial<TarEntry> & { content?: string }): Buffer => {
  const content = Buffer.from(fields.content ?? '');
  const header = encodeHeader({
    name: 'x',
    linkName: '',
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: content.length,
    mtime: 0n,
    major: 0,
    minor: 0,
    userName: '',
    groupName: '',
    xattrs: new Map(),
    ...fields,
  });
  return Buffer.concat([header, content, padding(content.length)]);
};
const tar = (...entries: Buffer[]) => Buffer.concat([...entries, Buffer.alloc(1024)]);
const apply = (bytes: Buffer, staging = fresh()) =>
  applyLayerTar(Readable.from([bytes]), staging).then((r) => ({ ...r, staging, diff: join(staging, 'diff') }));

/** A tree with everything a layer may hold. */
function sample(): string {
  const root = fresh();
  mkdirSync(join(root, 'a/deep/er'), { recursive: true });
  writeFileSync(join(root, 'a/file'), 'content');
  writeFileSync(join(root, 'a/big'), Buffer.alloc(3_000_000, 'abc'));
  linkSync(join(root, 'a/file'), join(root, 'hard'));
  symlinkSync('a/file', join(root, 'soft'));
  writeFileSync(join(root, `long-${'n'.repeat(150)}`), 'long');
  writeFileSync(join(root, 'ünïcode'), '');
  writeFileSync(Buffer.concat([Buffer.from(`${root}/raw-`), Buffer.from([0xff, 0xfe])]), 'bytes');
  makeNode(join(root, 'null'), S_IFCHR | 0o666, makeDevice(1, 3));
  chmodSync(join(root, 'a/file'), 0o4755);
  setXattr(join(root, 'a/file'), 'user.note', Buffer.from('hi'));
  return root;
}

for (const [kind, compress] of [
  ['plain', (b: Buffer) => b],
  ['gzip', gzipSync],
  ['zstd', zstdCompressSync],
] as const) {
  test(`a ${kind} layer made by GNU tar is applied, and its tar comes back byte for byte`, async () => {
    const root = sample();
    const bytes = execFileSync('tar', ['-C', root, '--format=pax', '--xattrs', '--numeric-owner', '-cf', '-', '.'], {
      maxBuffer: 1 << 26,
    });
    const sent = compress(bytes);
    const layer = await apply(sent);
    assert.equal(layer.diffId, sha(bytes));
    assert.deepEqual(layer.blob, {
      digest: sha(sent),
      size: sent.length,
      compression: kind === 'plain' ? 'none' : kind,
    });
    assert.ok((await all(layerTar(layer.staging))).equals(bytes));
    assert.equal(readFileSync(join(layer.diff, 'hard'), 'utf8'), 'content');
    assert.equal(lstatSync(join(layer.diff, 'a/file')).mode & 0o7777, 0o4755);
    assert.equal(lstatSync(join(layer.diff, 'a/file')).ino, lstatSync(join(layer.diff, 'hard')).ino);
    assert.equal(getXattr(join(layer.diff, 'a/file'), 'user.note')?.toString(), 'hi');
    assert.equal(
      lstatSync(join(layer.diff, 'a'), { bigint: true }).mtimeNs,
      lstatSync(join(root, 'a'), { bigint: true }).mtimeNs,
    );
    assert.equal(lstatSync(join(layer.diff, 'null')).rdev, makeDevice(1, 3));
    assert.deepEqual(readdirSync(layer.diff).sort(), readdirSync(root).sort());
  });
}

test('GNU format with long names is read too', async () => {
  const bytes = execFileSync('tar', ['-C', sample(), '--format=gnu', '-cf', '-', '.'], { maxBuffer: 1 << 26 });
  const layer = await apply(bytes);
  assert.equal(readFileSync(join(layer.diff, `long-${'n'.repeat(150)}`), 'utf8'), 'long');
});

test('a committed directory gives a tar that GNU tar reads, and applying it gives the same digest', async () => {
  const root = sample();
  makeNode(join(root, 'gone'), S_IFCHR, 0);
  setXattr(join(root, 'a/deep'), 'trusted.overlay.opaque', Buffer.from('y'));
  const staging = fresh();
  const copy = join(staging, 'diff');
  const committed = await commitLayerTree(root, join(staging, 'recipe'), copy);
  const bytes = await all(layerTar(staging));
  assert.equal(sha(bytes), committed.diffId);
  const listed = execFileSync('tar', ['-tf', '-'], { input: bytes }).toString().split('\n');
  for (const name of ['.wh.gone', 'a/deep/.wh..wh..opq', 'a/file', 'hard'])
    assert.ok(listed.includes(name), `${name} in ${listed}`);
  const again = await apply(bytes);
  assert.equal(again.diffId, committed.diffId);
  assert.equal(lstatSync(join(again.diff, 'gone')).rdev, 0);
  assert.ok(lstatSync(join(again.diff, 'gone')).isCharacterDevice());
  assert.equal(getXattr(join(again.diff, 'a/deep'), 'trusted.overlay.opaque')?.toString(), 'y');
  const empty = await commitLayerTree(fresh(), join(fresh(), 'recipe'));
  assert.equal(empty.empty, true);
});

const hostile: [name: string, tar: Buffer, check: (diff: string) => void][] = [
  [
    '.. is clamped to the root',
    tar(entry({ name: '../../../escaped', content: 'x' })),
    (d) => assert.ok(existsSync(join(d, 'escaped'))),
  ],
  [
    'an absolute name is beneath the root',
    tar(entry({ name: '/tmp/inside', content: 'x' })),
    (d) => assert.ok(existsSync(join(d, 'tmp/inside'))),
  ],
  [
    'an absolute link to outside leads nowhere but inside',
    tar(entry({ name: 'out', type: 'symlink', linkName: '/' }), entry({ name: 'out/corten-hostile', content: 'x' })),
    (d) => {
      assert.ok(!existsSync('/corten-hostile'));
      assert.ok(existsSync(join(d, 'corten-hostile')));
    },
  ],
  [
    'a chain of links with .. stays inside',
    tar(
      entry({ name: 'd', type: 'directory' }),
      entry({ name: 'd/up', type: 'symlink', linkName: '../../..' }),
      entry({ name: 'd/up/corten-hostile', content: 'x' }),
    ),
    (d) => assert.ok(existsSync(join(d, 'corten-hostile')) && !existsSync('/corten-hostile')),
  ],
  [
    'lib -> usr/lib, then lib/x',
    tar(
      entry({ name: 'usr/lib', type: 'directory' }),
      entry({ name: 'lib', type: 'symlink', linkName: 'usr/lib' }),
      entry({ name: 'lib/x', content: 'x' }),
    ),
    (d) => assert.ok(existsSync(join(d, 'usr/lib/x')) && readlinkSync(join(d, 'lib')) === 'usr/lib'),
  ],
  [
    'a link is replaced, not followed, by a file of its name',
    tar(entry({ name: 'f', type: 'symlink', linkName: '/etc/passwd' }), entry({ name: 'f', content: 'mine' })),
    (d) => assert.equal(readFileSync(join(d, 'f'), 'utf8'), 'mine'),
  ],
];
for (const [name, bytes, check] of hostile) {
  test(`hostile: ${name}`, async () => {
    const layer = await apply(bytes);
    check(layer.diff);
    assert.ok((await all(layerTar(layer.staging))).equals(bytes));
  });
}

test('entries that replace earlier ones: the tar still comes back', async () => {
  const bytes = tar(
    entry({ name: 'd/one', content: 'first' }),
    entry({ name: 'same', content: 'old' }),
    entry({ name: 'same', content: 'newer' }),
    entry({ name: 'd', content: 'now a file' }),
    entry({ name: 'same', content: 'newest' }),
  );
  const layer = await apply(bytes);
  assert.equal(readFileSync(join(layer.diff, 'same'), 'utf8'), 'newest');
  assert.ok((await all(layerTar(layer.staging))).equals(bytes));
});

const broken: [name: string, tar: Buffer, message: RegExp][] = [
  ['a bad checksum', tar(entry({}).fill(0x41, 0, 5)), /bad checksum at byte 0/],
  ['a truncated file', tar(entry({ content: 'x'.repeat(2000) })).subarray(0, 1000), /unexpected EOF at byte 1000/],
  ['a hard link to nothing', tar(entry({ type: 'link', linkName: 'none' })), /cannot hard-link "x" to "none"/],
  ['text', Buffer.from('this is no tar'.repeat(100)), /invalid tar header/],
  ['a file as a directory', tar(entry({ name: 'f' }), entry({ name: 'f/g' })), /cannot enter "f"/],
  ['broken gzip', Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), Buffer.alloc(600, 7)]), /invalid gzip data/],
];
for (const [name, bytes, message] of broken)
  test(`broken: ${name} is refused with its place`, () => assert.rejects(apply(bytes), { kind: 'invalid', message }));

test('random damage to a tar is either accepted or refused as invalid, never anything else', async () => {
  const good = tar(
    entry({ name: 'a/b', content: 'x'.repeat(700) }),
    entry({ name: 'l', type: 'link', linkName: 'a/b' }),
    entry({ name: `p${'q'.repeat(120)}`, content: 'z' }),
  );
  for (let round = 0; round < 150; round++) {
    const bytes = Buffer.from(good);
    for (let i = 0; i < 1 + (round % 4); i++)
      bytes[(round * 7919 + i * 104729) % bytes.length] = (round * 31 + i * 17) & 0xff;
    await apply(bytes).catch((error) => assert.equal(error.kind, 'invalid', String(error)));
  }
});

test('extract and pack: a tree goes out and in again, beneath the root only', async () => {
  const root = fresh();
  mkdirSync(join(root, 'in'));
  symlinkSync('/', join(root, 'in/slash'));
  const source = sample();
  await extractTar(packTar({ root: source, path: 'a', name: 'b' }), { root, into: '/in/slash/in' });
  assert.equal(readFileSync(join(root, 'in/b/file'), 'utf8'), 'content');
  const names: string[] = [];
  for await (const { name } of readTar(packTar({ root, path: 'in/b', name: '' }))) names.push(name);
  assert.deepEqual(names, ['big', 'deep/', 'deep/er/', 'file']);
  const single: string[] = [];
  for await (const { name, header } of readTar(packTar({ root: source, path: 'soft' })))
    single.push(`${name}>${header.linkName}`);
  assert.deepEqual(single, ['soft>a/file']);
  await assert.rejects(all(packTar({ root, path: 'nosuch' })), { kind: 'notFound' });
});

test('extract gives everything one owner when asked', async () => {
  const root = fresh();
  await extractTar(tarStream([{ name: 'f', content: 'x', uid: 5 }]), { root, chown: { uid: 7, gid: 8 } });
  assert.deepEqual([lstatSync(join(root, 'f')).uid, lstatSync(join(root, 'f')).gid], [7, 8]);
});

test('changes: added, modified, deleted, through opaque directories', async () => {
  const [upper, top, bottom] = [fresh(), fresh(), fresh()];
  for (const name of ['kept', 'changed', 'removed']) writeFileSync(join(bottom, name), '');
  mkdirSync(join(bottom, 'dir'));
  writeFileSync(join(bottom, 'dir/hidden'), '');
  mkdirSync(join(top, 'dir'));
  setXattr(join(top, 'dir'), 'trusted.overlay.opaque', Buffer.from('y'));
  writeFileSync(join(upper, 'changed'), 'x');
  writeFileSync(join(upper, 'added'), 'x');
  mkdirSync(join(upper, 'dir'));
  writeFileSync(join(upper, 'dir/hidden'), '');
  makeNode(join(upper, 'removed'), S_IFCHR, 0);
  assert.deepEqual(await changesOf(upper, [top, bottom]), [
    { Path: '/added', Kind: 1 },
    { Path: '/changed', Kind: 0 },
    { Path: '/dir', Kind: 0 },
    { Path: '/dir/hidden', Kind: 1 },
    { Path: '/removed', Kind: 2 },
  ]);
});

import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { digestOf, hexOf, MediaType } from '@corten/oci';
import { OUTER_END, outerEntries, outerHeader, outerPadding } from './outer-tar.ts';
import { testImages } from './testing.ts';
import type { Progress } from './types.ts';

const tarOf = (text: string, size = 10_240) => Buffer.alloc(size, `${text} `);
function outer(files: [string, Buffer | string][]): Buffer {
  const parts = files.flatMap(([name, content]) => {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.alloc(Buffer.byteLength(content), content);
    return [outerHeader(name, bytes.length, 0), bytes, outerPadding(bytes.length)];
  });
  return Buffer.concat([...parts, OUTER_END]);
}
/** In small pieces, as a socket gives them. */
const stream = (bytes: Buffer, piece = 1000) =>
  Readable.from(
    (function* () {
      for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
    })(),
  );
async function load(t: Awaited<ReturnType<typeof testImages>>, bytes: Buffer, quiet = true): Promise<Progress[]> {
  const lines: Progress[] = [];
  await t.images.load(stream(bytes), { quiet, onProgress: (l) => void lines.push(l) });
  return lines;
}
const configOf = (...layers: Buffer[]) =>
  JSON.stringify({
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: layers.map((l) => digestOf(l)) },
  });
const nothing = (t: Awaited<ReturnType<typeof testImages>>) =>
  assert.deepEqual([t.images.list().length, t.snapshots.layers().length, t.content.blobs.size], [0, 0, 0]);

test('a saved image comes back with its ID and names, unpacked from the stream', async () => {
  using a = await testImages();
  const base = a.snapshots.add(tarOf('base'));
  const top = a.snapshots.add(tarOf('top', 20_480), base.chainId);
  const config = JSON.parse(configOf(tarOf('base'), tarOf('top', 20_480)));
  const image = await a.images.create(config, { references: ['app:1', 'app:2', 'r.io/x/y:z'] });
  const archive = Buffer.concat(await a.images.save(['app', 'r.io/x/y:z']).toArray());
  using b = await testImages();
  const lines = await load(b, archive);
  assert.deepEqual(
    lines.map((l) => l.stream),
    ['Loaded image: app:1\n', 'Loaded image: app:2\n', 'Loaded image: r.io/x/y:z\n'],
  );
  assert.equal(b.images.get('app:2').id, image.id);
  assert.deepEqual(
    b.snapshots.layers().map((l) => l.chainId),
    [base.chainId, top.chainId],
  );
  assert.deepEqual(
    b.seen.map((e) => e.Action),
    ['load'],
  );
  assert.equal((await load(b, gzipSync(archive))).length, 3);
  const noTags = Buffer.concat(await a.images.save([image.id.slice(7, 19)]).toArray());
  using c = await testImages();
  assert.deepEqual(await load(c, noTags), [{ stream: `Loaded image ID: ${image.id}\n` }]);
  assert.throws(() => a.images.save(['nope']), { message: 'No such image: nope:latest' });
});

test('an older archive: documents last, layers in any order, repeated layers as links', async () => {
  const [base, top] = [tarOf('base'), tarOf('top')];
  const config = configOf(base, top, base);
  const link = outerHeader('ccc/layer.tar', 0, 0);
  link.write('2', 156);
  link.write('../aaa/layer.tar', 157);
  let sum = 0;
  link.write('        ', 148);
  for (const byte of link) sum += byte;
  link.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const archive = Buffer.concat([
    outer([
      ['bbb/layer.tar', top],
      ['aaa/VERSION', '1.0'],
      ['aaa/layer.tar', base],
    ]).subarray(0, -1024),
    link,
    outer([
      ['conf.json', config],
      [
        'manifest.json',
        JSON.stringify([
          { Config: 'conf.json', RepoTags: ['old:1'], Layers: ['aaa/layer.tar', 'bbb/layer.tar', 'ccc/layer.tar'] },
        ]),
      ],
    ]),
  ]);
  using t = await testImages();
  await load(t, archive);
  assert.equal(t.images.get('old:1').id, digestOf(config));
  assert.equal(t.snapshots.layers().length, 3);
  assert.equal(t.content.blobs.size, 0);
  const renamed = await load(
    t,
    outer([
      ['conf.json', configOf(base)],
      ['aaa/layer.tar', base],
      ['manifest.json', JSON.stringify([{ Config: 'conf.json', RepoTags: ['old:1'], Layers: ['aaa/layer.tar'] }])],
    ]),
  );
  assert.equal(
    renamed[0]!.stream,
    `The image old:1 already exists, renaming the old one with ID ${digestOf(config)} to empty string\n`,
  );
});

test('an OCI layout keeps its compressed layers and manifest', async () => {
  const layer = tarOf('layer');
  const packed = gzipSync(layer);
  const config = configOf(layer);
  const of = (mediaType: string, bytes: Buffer | string) => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    config: of(MediaType.ociConfig, config),
    layers: [of(MediaType.ociLayerGzip, packed)],
  });
  const entry = {
    ...of(MediaType.ociManifest, manifest),
    annotations: { 'io.containerd.image.name': 'docker.io/library/lay:1' },
  };
  const file = (bytes: Buffer | string): [string, Buffer | string] => [`blobs/sha256/${hexOf(digestOf(bytes))}`, bytes];
  const archive = outer([
    file(packed),
    file(config),
    file(manifest),
    ['index.json', JSON.stringify({ schemaVersion: 2, manifests: [entry] })],
    ['oci-layout', '{"imageLayoutVersion":"1.0.0"}'],
  ]);
  using t = await testImages();
  await load(t, archive);
  const image = t.images.get('lay:1');
  assert.deepEqual([image.id, image.manifests], [digestOf(config), [digestOf(manifest)]]);
  assert.ok(t.content.blobs.has(digestOf(packed)));
  await t.images.remove('lay:1', {});
  nothing(t);
});

test('bad archives are refused with a reason and leave nothing', async () => {
  const layer = tarOf('layer');
  const manifest = (over: object) => JSON.stringify([{ Config: 'c.json', RepoTags: null, Layers: ['l.tar'], ...over }]);
  const cases: [Buffer, RegExp][] = [
    [Buffer.alloc(0), /empty/],
    [Buffer.alloc(2048, 'x'), /invalid tar header/],
    [outer([['l.tar', layer]]), /neither manifest.json/],
    [outer([['manifest.json', '{']]), /not valid JSON/],
    [outer([['manifest.json', '{}']]), /must be an array/],
    [
      outer([
        ['l.tar', layer],
        ['manifest.json', manifest({})],
      ]),
      /c.json is not in the archive/,
    ],
    [
      outer([
        ['c.json', configOf(layer)],
        ['manifest.json', manifest({})],
      ]),
      /l.tar is missing/,
    ],
    [
      outer([
        ['c.json', configOf(layer, layer)],
        ['l.tar', layer],
        ['manifest.json', manifest({})],
      ]),
      /length mismatch: expected 2, got 1/,
    ],
    [
      outer([
        ['c.json', configOf(tarOf('other'))],
        ['l.tar', layer],
        ['manifest.json', manifest({})],
      ]),
      /failed to register layer/,
    ],
    [
      outer([
        ['manifest.json', manifest({})],
        ['c.json', configOf(tarOf('other'))],
        ['l.tar', layer],
      ]),
      /failed to register layer/,
    ],
    [
      outer([
        ['c.json', configOf(layer)],
        ['l.tar', layer],
        ['manifest.json', manifest({ RepoTags: ['Bad'] })],
      ]),
      /lowercase/,
    ],
    [
      outer([
        ['c.json', '{"rootfs":1}'],
        ['l.tar', layer],
        ['manifest.json', manifest({})],
      ]),
      /rootfs/,
    ],
    [outer([['l.tar', layer]]).subarray(0, 5000), /unexpected EOF/],
    [gzipSync(outer([['l.tar', layer]])).subarray(0, 60), /unexpected end of file/],
  ];
  for (const [archive, message] of cases) {
    using t = await testImages();
    await assert.rejects(load(t, archive), { message, kind: 'invalid' }, String(message));
    nothing(t);
  }
});

test('the outer tar reader skips what is not read and never hangs on damage', async () => {
  const archive = outer([
    ['a', 'one'],
    ['b', Buffer.alloc(3000, 'x')],
    ['c', ''],
  ]);
  const names: string[] = [];
  for await (const entry of outerEntries(stream(archive, 7))) names.push(`${entry.name} ${entry.size}`);
  assert.deepEqual(names, ['a 3', 'b 3000', 'c 0']);
  let seed = 7;
  for (let round = 0; round < 300; round++) {
    const damaged = Buffer.concat([archive]);
    for (let i = 0; i < 3; i++) {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      damaged[seed % damaged.length] = seed & 255;
    }
    try {
      for await (const entry of outerEntries(stream(damaged, 900))) assert.ok(entry.size >= 0);
    } catch (error) {
      assert.equal((error as { kind?: string }).kind, 'invalid', String(error));
    }
  }
});

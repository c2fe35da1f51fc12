import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf, MediaType, parseImageConfig, parseIndex, parseJson, parseManifest } from './index.ts';

const descriptor = (mediaType: string) => ({ mediaType, digest: digestOf('x'), size: 1 });
const manifest = {
  schemaVersion: 2,
  mediaType: MediaType.ociManifest,
  config: descriptor(MediaType.ociConfig),
  layers: [descriptor(MediaType.ociLayerGzip)],
};

test('a good manifest, index and config pass', () => {
  assert.equal(parseManifest(manifest).layers.length, 1);
  assert.equal(parseIndex({ schemaVersion: 2, manifests: [descriptor(MediaType.ociManifest)] }).manifests.length, 1);
  const config = parseImageConfig({
    os: 'linux',
    architecture: 'amd64',
    config: { Cmd: null, Env: ['A=b'] },
    rootfs: { type: 'layers', diff_ids: [digestOf('x')] },
  });
  assert.deepEqual(config.config, { Env: ['A=b'] });
});

test('an error names the field', () => {
  const bad = (change: object) => () => parseManifest({ ...manifest, ...change });
  assert.throws(bad({ config: undefined }), { message: 'manifest.config: must be an object' });
  assert.throws(bad({ layers: [{ ...descriptor('x'), size: -1 }] }), {
    message: 'manifest.layers[0].size: must be a whole number of bytes',
  });
  assert.throws(bad({ layers: [{ ...descriptor('x'), digest: 'sha256:../x' }] }), {
    message: 'manifest.layers[0].digest: must be a sha256 digest',
  });
  assert.throws(bad({ manifests: [] }), /it is an index/);
  assert.throws(bad({ schemaVersion: 1 }), /schema 1 is not supported/);
  assert.throws(() => parseManifest(manifest, MediaType.dockerManifest), /does not agree with the content type/);
  assert.throws(() => parseManifest(null), { message: 'manifest: must be an object' });
  assert.throws(() => parseIndex({ schemaVersion: 2, manifests: {} }), {
    message: 'index.manifests: must be an array',
  });
  assert.throws(() => parseImageConfig({}), /rootfs: is missing/);
  assert.throws(() => parseImageConfig({ rootfs: { type: 'layers', diff_ids: ['x'] } }), /diff_ids\[0\]/);
  assert.throws(() => parseImageConfig({ config: { Env: 'x' }, rootfs: { type: 'layers', diff_ids: [] } }), {
    message: 'image config.config.Env: must be an array',
  });
  assert.throws(
    () => parseImageConfig({ history: [{}], rootfs: { type: 'layers', diff_ids: [] } }),
    /speaks of 1 layers/,
  );
  assert.throws(() => parseJson('{', 'manifest'), { message: 'manifest: not valid JSON' });
});

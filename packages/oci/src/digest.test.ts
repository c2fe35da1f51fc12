import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chainId, chainIds, digester, digestOf, parseDigest } from './index.ts';

test('parseDigest takes sha256 in lower case only', () => {
  const good = digestOf('x');
  assert.equal(parseDigest(good), good);
  for (const [text, message] of [
    ['', 'invalid checksum digest format'],
    ['sha256', 'invalid checksum digest format'],
    ['sha256:../../x', 'invalid checksum digest format'],
    [good.toUpperCase(), 'invalid checksum digest format'],
    [`sha256:${'A'.repeat(64)}`, 'invalid checksum digest format'],
    ['sha256:abcd', 'invalid checksum digest length'],
    [`sha512:${'a'.repeat(128)}`, 'unsupported digest algorithm'],
    [`${good}\n`, 'invalid checksum digest format'],
  ] as const)
    assert.throws(() => parseDigest(text), { message, kind: 'invalid' }, text);
});

test('a digest of chunks is the digest of the whole', () => {
  const d = digester();
  d.update(Buffer.from('ab'));
  d.update(Buffer.from('c'));
  assert.equal(d.digest(), 'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('chain IDs follow the image specification', () => {
  const [a, b, c] = [digestOf('a'), digestOf('b'), digestOf('c')];
  assert.equal(chainId([]), undefined);
  assert.equal(chainId([a]), a);
  assert.equal(chainId([a, b]), digestOf(`${a} ${b}`));
  assert.deepEqual(chainIds([a, b, c]), [a, digestOf(`${a} ${b}`), digestOf(`${digestOf(`${a} ${b}`)} ${c}`)]);
});

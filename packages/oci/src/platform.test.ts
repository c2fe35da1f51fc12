import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choosePlatform, currentPlatform, formatPlatform, matchesPlatform, parsePlatform } from './index.ts';

test('platforms parse and print', () => {
  assert.deepEqual(parsePlatform('linux/amd64'), { os: 'linux', architecture: 'amd64' });
  assert.deepEqual(parsePlatform('linux/arm64/v8'), { os: 'linux', architecture: 'arm64' });
  assert.deepEqual(parsePlatform('linux/arm'), { os: 'linux', architecture: 'arm', variant: 'v7' });
  assert.deepEqual(parsePlatform('x86_64'), { os: 'linux', architecture: 'amd64' });
  assert.equal(formatPlatform(parsePlatform('linux/arm/6')), 'linux/arm/v6');
  assert.throws(() => parsePlatform('linux/a b'), { kind: 'invalid' });
  assert.throws(() => parsePlatform('a/b/c/d'), { kind: 'invalid' });
  assert.equal(currentPlatform().os, 'linux');
});

test('the best entry of an index is chosen', () => {
  const entries = [
    { n: 1, platform: { os: 'linux', architecture: 'arm', variant: 'v5' } },
    { n: 2, platform: { os: 'linux', architecture: 'arm', variant: 'v6' } },
    { n: 3, platform: { os: 'linux', architecture: 'amd64' } },
    { n: 4, platform: { os: 'unknown', architecture: 'unknown' } },
    { n: 5 },
  ];
  assert.equal(choosePlatform(entries, parsePlatform('linux/arm/v7'))?.n, 2);
  assert.equal(choosePlatform(entries, parsePlatform('linux/amd64'))?.n, 3);
  assert.equal(choosePlatform(entries, parsePlatform('linux/s390x')), undefined);
  assert.equal(matchesPlatform(parsePlatform('linux/arm64/v8'), { os: 'linux', architecture: 'arm64' }), true);
  assert.equal(
    matchesPlatform(parsePlatform('linux/arm/v6'), { os: 'linux', architecture: 'arm', variant: 'v7' }),
    false,
  );
});

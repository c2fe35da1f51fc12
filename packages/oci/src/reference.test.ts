import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messageOf } from '@corten/errors';
import {
  canonicalString,
  familiarName,
  familiarString,
  parseAnyReference,
  parseReference,
  tryParseReference,
  withDefaultTag,
} from './index.ts';

const HEX = 'a'.repeat(64);

test('names are normalized as Docker does', () => {
  const cases: [string, string, string][] = [
    ['busybox', 'docker.io/library/busybox', 'busybox'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36', 'busybox:1.36'],
    ['user/app', 'docker.io/user/app', 'user/app'],
    ['index.docker.io/busybox', 'docker.io/library/busybox', 'busybox'],
    ['docker.io/a/b/c', 'docker.io/a/b/c', 'a/b/c'],
    ['docker.io/library/x/y', 'docker.io/library/x/y', 'library/x/y'],
    ['localhost/app', 'localhost/app', 'localhost/app'],
    ['localhost:5000/a/b:v1', 'localhost:5000/a/b:v1', 'localhost:5000/a/b:v1'],
    ['127.0.0.1:5000/x', '127.0.0.1:5000/x', '127.0.0.1:5000/x'],
    ['[::1]:5000/x', '[::1]:5000/x', '[::1]:5000/x'],
    ['Registry/x', 'Registry/x', 'Registry/x'],
    ['a__b/c--d/e.f_g', 'docker.io/a__b/c--d/e.f_g', 'a__b/c--d/e.f_g'],
    [`busybox@sha256:${HEX}`, `docker.io/library/busybox@sha256:${HEX}`, `busybox@sha256:${HEX}`],
    [`r.io/x:t@sha256:${HEX}`, `r.io/x:t@sha256:${HEX}`, `r.io/x:t@sha256:${HEX}`],
  ];
  for (const [text, canonical, familiar] of cases) {
    assert.equal(canonicalString(parseReference(text)), canonical, text);
    assert.equal(familiarString(parseReference(text)), familiar, text);
  }
  assert.equal(familiarString(withDefaultTag(parseReference('x'))), 'x:latest');
  assert.equal(withDefaultTag(parseReference(`x@sha256:${HEX}`)).tag, undefined);
});

test('what is no reference gets Docker’s message', () => {
  const cases: [string, string][] = [
    ['', 'invalid reference format'],
    ['Foo', 'invalid reference format: repository name (library/Foo) must be lowercase'],
    ['a/Foo:x', 'invalid reference format: repository name (a/Foo) must be lowercase'],
    [HEX, `invalid repository name (${HEX}), cannot specify 64-byte hexadecimal strings`],
    ['a b', 'invalid reference format'],
    ['-a', 'invalid reference format'],
    ['a-', 'invalid reference format'],
    ['a..b', 'invalid reference format'],
    ['a___b', 'invalid reference format'],
    ['a:', 'invalid reference format'],
    [`a:${'t'.repeat(129)}`, 'invalid reference format'],
    ['a@sha256:abc', 'invalid reference format'],
    [`a@sha256:${'a'.repeat(40)}`, 'invalid checksum digest length'],
    [`a@md5:${'a'.repeat(32)}`, 'unsupported digest algorithm'],
    ['http://x/y', 'invalid reference format'],
    ['a/', 'invalid reference format'],
    ['/a', 'invalid reference format'],
    ['a//b', 'invalid reference format'],
    ['x\ny', 'invalid reference format'],
    ['x\n', 'invalid reference format'],
    ['../../etc/passwd', 'invalid reference format'],
    [`r.io/${'a/'.repeat(130)}a`, 'repository name must not be more than 255 characters'],
  ];
  for (const [text, message] of cases) assert.throws(() => parseReference(text), { message, kind: 'invalid' }, text);
});

test('64 hexadecimal digits are an ID', () => {
  assert.deepEqual(parseAnyReference(HEX), { id: `sha256:${HEX}` });
  assert.deepEqual(parseAnyReference(`sha256:${HEX}`), { id: `sha256:${HEX}` });
  assert.equal('reference' in parseAnyReference(HEX.slice(1)), true);
});

test('random text is refused or survives a round trip', () => {
  let seed = 12345;
  const random = (n: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return (seed >> 8) % n;
  };
  const alphabet = [
    'a',
    'B',
    '9',
    '.',
    '_',
    '-',
    '/',
    ':',
    '@',
    'sha256:',
    HEX,
    'localhost',
    'docker.io',
    ' ',
    '[',
    ']',
    'é',
    '\0',
  ];
  let accepted = 0;
  for (let i = 0; i < 20_000; i++) {
    const text = Array.from({ length: 1 + random(8) }, () => alphabet[random(alphabet.length)]).join('');
    const parsed = tryParseReference(text);
    if (!parsed) continue;
    accepted++;
    assert.deepEqual(parseReference(canonicalString(parsed)), parsed, text);
    // A single component of 64 hex digits is an ID by itself, so its familiar form alone cannot be a name.
    if (!/^[a-f0-9]{64}$/.test(familiarName(parsed)))
      assert.deepEqual(parseReference(familiarString(parsed)), parsed, text);
  }
  assert.ok(accepted > 500, `only ${accepted} accepted`);
});

test('long hostile text is refused at once', () => {
  const start = performance.now();
  for (const text of [
    `${'a-'.repeat(50_000)}!`,
    'a'.repeat(1_000_000),
    `${'a.'.repeat(2000)}/!`,
    `${'a/'.repeat(2000)}!`,
    '-'.repeat(4000),
  ])
    assert.throws(
      () => parseReference(text),
      (e) => /invalid reference format|255/.test(messageOf(e)),
    );
  assert.ok(performance.now() - start < 500);
});

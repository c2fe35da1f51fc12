import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Digest } from '@corten/oci';
import { openContent } from './content.ts';

const root = mkdtempSync('/dev/shm/corten-content-');
after(() => rmSync(root, { recursive: true }));
const content = await openContent(root);
const digestOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}` as Digest;

test('what is put can be read, whole and in ranges', async () => {
  const digest = await content.put(Buffer.from('hello world'));
  assert.equal(digest, digestOf('hello world'));
  assert.equal(content.size(digest), 11);
  assert.equal((await content.readBytes(digest)).toString(), 'hello world');
  assert.equal((await content.read(digest, { start: 6, end: 9 }).toArray()).join(''), 'wor');
  await assert.rejects(content.readBytes(digest, 4), { kind: 'tooLarge' });
});

test('a wrong digest or size leaves nothing', async () => {
  for (const expected of [{ digest: digestOf('other') }, { size: 3 }]) {
    const ingest = await content.ingest('bad');
    await ingest.write(Buffer.from('data'));
    await assert.rejects(ingest.commit(expected), { kind: 'invalid' });
  }
  assert.equal(content.size(digestOf('data')), undefined);
  assert.deepEqual(readdirSync(join(root, 'ingest')), []);
});

test('a resumable ingestion goes on where it was, also in the next process', async () => {
  {
    await using first = await content.ingest('layer', { resumable: true });
    await first.write(Buffer.from('one '));
    await assert.rejects(content.ingest('layer', { resumable: true }), { kind: 'conflict' });
  }
  const again = await openContent(root);
  const second = await again.ingest('layer', { resumable: true });
  assert.equal(second.offset, 4);
  await second.write(Buffer.from('two'));
  assert.equal(await second.commit({ digest: digestOf('one two'), size: 7 }), digestOf('one two'));
});

test('a partial that nobody can resume is gone at the next start', async () => {
  const ingest = await content.ingest('lost');
  await ingest.write(Buffer.from('x'));
  await openContent(root);
  assert.deepEqual(readdirSync(join(root, 'ingest')), []);
  await ingest.abort();
});

test('a digest that is none never becomes a path', () => {
  assert.throws(() => content.path('sha256:../../etc/passwd' as Digest), { kind: 'invalid' });
});

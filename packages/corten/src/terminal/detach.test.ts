import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detachFilter, parseKeys } from './detach.ts';

async function type(...chunks: string[]): Promise<{ passed: string; detached: boolean }> {
  let detached = false;
  let passed = '';
  const filter = detachFilter(parseKeys('ctrl-p,ctrl-q'), () => {
    detached = true;
  });
  filter.on('data', (chunk: Buffer) => {
    passed += chunk;
  });
  for (const chunk of chunks) filter.write(chunk);
  await new Promise((resolve) => filter.end(resolve));
  return { passed, detached };
}

test('the keys in sequence let go, also in pieces; what is only like them passes', async () => {
  assert.deepEqual(await type('ab\x10\x11cd'), { passed: 'ab', detached: true });
  assert.deepEqual(await type('a\x10', '\x11'), { passed: 'a', detached: true });
  assert.deepEqual(await type('a\x10b\x11'), { passed: 'a\x10b\x11', detached: false });
  assert.deepEqual(await type('\x10\x10\x11'), { passed: '\x10', detached: true });
  assert.deepEqual(await type('x\x10'), { passed: 'x\x10', detached: false });
});

test('names of keys', () => {
  assert.deepEqual([...parseKeys('ctrl-a,x,ctrl-@,ctrl-_,ctrl-[')], [1, 120, 0, 31, 27]);
  assert.throws(() => parseKeys('ctrl-1'), /Unknown character: '1'/);
});

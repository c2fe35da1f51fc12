import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boolValue, filtersOf, goDuration, intValue, timestampValue } from './query.ts';

const q = (query: Record<string, string>) => new URLSearchParams(query);

test('boolValue: everything but the false words', () => {
  for (const no of [null, '', '0', 'no', 'false', 'none', ' False ']) assert.equal(boolValue(no), false, String(no));
  for (const yes of ['1', 'true', 'yes', 'anything']) assert.equal(boolValue(yes), true, yes);
});

test('filters: lists, and the old form of sets', () => {
  assert.deepEqual(filtersOf(q({ filters: '{"a":["x","y"],"b":{"z":true,"w":false}}' })), { a: ['x', 'y'], b: ['z'] });
  assert.deepEqual(filtersOf(q({})), {});
  for (const bad of ['[', '[1]', '{"a":1}', '{"a":[1]}', 'null'])
    assert.throws(() => filtersOf(q({ filters: bad })), { kind: 'invalid' }, bad);
  assert.throws(() => filtersOf(q({ filters: '{"x":["1"]}' }), ['y']), { message: "invalid filter 'x'" });
});

test('timestamps keep nanoseconds', () => {
  assert.equal(timestampValue(q({ t: '1700000000.000000001' }), 't'), 1700000000000000001n);
  assert.equal(timestampValue(q({ t: '1700000000.5' }), 't'), 1700000000500000000n);
  assert.equal(timestampValue(q({ t: '2023-11-14T22:13:20Z' }), 't'), 1700000000000000000n);
  assert.equal(timestampValue(q({}), 't'), undefined);
  assert.throws(() => timestampValue(q({ t: 'yesterday' }), 't'), { kind: 'invalid' });
});

test('Go durations', () => {
  assert.equal(goDuration('1h10m'), 4_200_000_000_000n);
  assert.equal(goDuration('1.5s'), 1_500_000_000n);
  assert.equal(goDuration('5'), undefined);
});

test('whole numbers only', () => {
  assert.equal(intValue(q({ n: '-5' }), 'n'), -5);
  assert.equal(intValue(q({ n: '' }), 'n'), undefined);
  assert.throws(() => intValue(q({ n: '1e3' }), 'n'), { message: 'strconv.Atoi: parsing "1e3": invalid syntax' });
});

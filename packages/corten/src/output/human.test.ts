import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesSize, ellipsis, humanDuration, humanSize, parseBytes, parseDuration, parseTimestamp } from './human.ts';
import { indentJson } from './json-text.ts';
import { alignColumns } from './table.ts';

test('sizes', () => {
  assert.deepEqual(
    [0, 999, 1000, 1981952, 77_800_000, 1.5e12].map((n) => humanSize(n)),
    ['0B', '999B', '1kB', '1.98MB', '77.8MB', '1.5TB'],
  );
  assert.deepEqual([512, 1024, 4_096_000, 8.5 * 2 ** 30].map(bytesSize), ['512B', '1KiB', '3.906MiB', '8.5GiB']);
});

test('spans of time', () => {
  const s = 1000;
  const cases: [number, string][] = [
    [400, 'Less than a second'],
    [s, '1 second'],
    [59 * s, '59 seconds'],
    [60 * s, 'About a minute'],
    [119 * s, 'About a minute'],
    [120 * s, '2 minutes'],
    [59 * 60 * s, '59 minutes'],
    [60 * 60 * s, 'About an hour'],
    [100 * 60 * s, '2 hours'],
    [47 * 3600 * s, '47 hours'],
    [48 * 3600 * s, '2 days'],
    [14 * 86400 * s, '2 weeks'],
    [61 * 86400 * s, '2 months'],
    [800 * 86400 * s, '2 years'],
  ];
  for (const [ms, text] of cases) assert.equal(humanDuration(ms), text);
});

test('reading sizes, durations and points in time', () => {
  assert.deepEqual(['512', '1k', '1.5g', '2MB', '3KiB', '7b'].map(parseBytes), [
    512,
    1024,
    1.5 * 2 ** 30,
    2 ** 21,
    3072,
    7,
  ]);
  for (const wrong of ['', 'x', '1x', '-1', '1 kk']) assert.throws(() => parseBytes(wrong), /invalid size/);
  assert.deepEqual(['1h30m', '300ms', '1.5s', '0', '-2m'].map(parseDuration), [5400e9, 3e8, 1.5e9, 0, -120e9]);
  assert.throws(() => parseDuration('5'), /missing unit/);
  assert.throws(() => parseDuration('5q'), /unknown unit "q"/);
  assert.equal(parseTimestamp('10m', 1_000_000_000_000), '999999400.000000000');
  assert.equal(parseTimestamp('1700000000.5'), '1700000000.5');
  assert.equal(parseTimestamp('2023-11-14T22:13:20.123456789Z'), '1700000000.123456789');
  assert.equal(parseTimestamp('2023-11-14T22:13:20+01:00'), String(1_700_000_000 - 3600));
  assert.throws(() => parseTimestamp('yesterday'), /failed to parse/);
});

test('tables, cut text, JSON text', () => {
  assert.equal(
    alignColumns(['A\tLONG HEADING\tC', 'value\tx\tlast']),
    'A         LONG HEADING   C\nvalue     x              last\n',
  );
  assert.equal(ellipsis('sh -c "while true; do"', 20), 'sh -c "while true; …');
  assert.equal(ellipsis('short', 20), 'short');
  const raw = '[{"a":1.0,"b":"\\u003c,{","c":{},"d":[],"e":[1,{"f":null}]}]';
  assert.equal(
    indentJson(raw, ' '),
    '[\n {\n  "a": 1.0,\n  "b": "\\u003c,{",\n  "c": {},\n  "d": [],\n  "e": [\n   1,\n   {\n    "f": null\n   }\n  ]\n }\n]',
  );
});

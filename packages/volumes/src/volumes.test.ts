import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse, VolumeCreateBodySchema } from '@corten/api-types';
import { createEvents } from '@corten/events';
import { openDatabase } from '@corten/state';
import { createLogger } from '@corten/util';
import { openVolumes } from './volumes.ts';

const dir = mkdtempSync('/dev/shm/corten-volumes-');
const db = openDatabase(join(dir, 'db'));
const events = createEvents();
const log = createLogger(() => 'error');
const volumes = await openVolumes({ root: join(dir, 'v'), db, events, log });
const body = (fields: object) => parse(VolumeCreateBodySchema, fields);
after(() => {
  db.close();
  rmSync(dir, { recursive: true });
});

test('create is idempotent by name; inspect has Docker’s shape', async () => {
  const made = await volumes.create(body({ Name: 'data', Labels: { a: 'b' } }));
  assert.deepEqual(await volumes.create(body({ Name: 'data' })), made);
  assert.equal(made.Mountpoint, join(dir, 'v/data/_data'));
  assert.deepEqual(made.Labels, { a: 'b' });
  assert.equal(made.Options, null);
  assert.ok(existsSync(made.Mountpoint));
});

test('an anonymous volume is labelled and pruned; a named one only with all', async () => {
  const anonymous = await volumes.create(body({}));
  assert.match(anonymous.Name, /^[0-9a-f]{64}$/);
  writeFileSync(join(anonymous.Mountpoint, 'f'), 'x'.repeat(5000));
  const first = await volumes.prune({ all: false });
  assert.deepEqual(first.deleted, [anonymous.Name]);
  assert.ok(first.reclaimed >= 5000);
  assert.ok(!existsSync(anonymous.Mountpoint));
  assert.deepEqual((await volumes.prune({ all: true })).deleted, ['data']);
});

test('a volume in use is neither removed nor pruned', async () => {
  await volumes.create(body({ Name: 'busy' }));
  volumes.use('busy', 'c1');
  await assert.rejects(volumes.remove('busy', false), {
    kind: 'conflict',
    message: 'remove busy: volume is in use - [c1]',
  });
  assert.deepEqual((await volumes.prune({ all: true })).deleted, []);
  volumes.release('busy', 'c1');
  await volumes.remove('busy', false);
  assert.throws(() => volumes.get('busy'), { kind: 'notFound', message: 'get busy: no such volume' });
  await assert.rejects(volumes.remove('busy', false), { kind: 'notFound' });
  await volumes.remove('busy', true);
});

test('names and options are checked', async () => {
  await assert.rejects(volumes.create(body({ Name: '../x' })), {
    kind: 'invalid',
    message: /includes invalid characters/,
  });
  await assert.rejects(volumes.create(body({ Name: 'opt', DriverOpts: { foo: '1' } })), {
    message: 'create: invalid option: "foo"',
  });
  await assert.rejects(volumes.create(body({ Name: 'opt', DriverOpts: { type: 'tmpfs' } })), {
    message: /missing device/,
  });
  await assert.rejects(volumes.create(body({ Name: 'opt', Driver: 'nosuch' })), { kind: 'notFound' });
  assert.deepEqual(volumes.list(), []);
});

test('a tmpfs volume is mounted while somebody uses it', async () => {
  await volumes.create(body({ Name: 'ram', DriverOpts: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m' } }));
  const mounts = () => readFileSync('/proc/self/mountinfo', 'utf8').includes(join(dir, 'v/ram/_data'));
  await volumes.mount('ram', 'a');
  await volumes.mount('ram', 'b');
  assert.ok(mounts());
  await volumes.unmount('ram', 'a');
  assert.ok(mounts());
  await volumes.unmount('ram', 'b');
  assert.ok(!mounts());
  await volumes.remove('ram', false);
});

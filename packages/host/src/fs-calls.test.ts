import assert from 'node:assert/strict';
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { majorOf, makeDevice, makeNode, minorOf, openBeneath, S_IFCHR, setTimes } from './fs-calls.ts';
import { mount, mountInfo, unmount } from './mount.ts';
import { getXattr, listXattrs, setXattr } from './xattr.ts';

const dir = mkdtempSync('/dev/shm/corten-host-');
after(() => rmSync(dir, { recursive: true }));

test('makedev is glibc’s', () => {
  for (const [major, minor] of [
    [1, 3],
    [0, 0],
    [259, 70000],
    [4095, 255],
  ] as const) {
    const device = makeDevice(major, minor);
    assert.deepEqual([majorOf(device), minorOf(device)], [major, minor]);
  }
  makeNode(join(dir, 'null'), S_IFCHR | 0o666, makeDevice(1, 3));
  assert.equal(lstatSync(join(dir, 'null')).rdev, makeDevice(1, 3));
});

test('times keep their nanoseconds', () => {
  const path = join(dir, 'f');
  writeFileSync(path, '');
  setTimes(path, 1_600_000_000_123_456_789n);
  assert.equal(lstatSync(path, { bigint: true }).mtimeNs, 1_600_000_000_123_456_789n);
});

test('openBeneath never leaves the root', () => {
  const root = join(dir, 'root');
  mkdirSync(join(root, 'etc'), { recursive: true });
  writeFileSync(join(root, 'etc/passwd'), 'inside');
  symlinkSync('/etc/passwd', join(root, 'absolute'));
  symlinkSync('../../../etc/passwd', join(root, 'etc/dots'));
  const fd = openSync(root, constants.O_DIRECTORY);
  for (const path of ['absolute', 'etc/dots', '../../etc/passwd', '/etc/passwd']) {
    const file = openBeneath(fd, path, constants.O_RDONLY);
    assert.equal(readFileSync(file, 'utf8'), 'inside', path);
    closeSync(file);
  }
  assert.throws(() => openBeneath(fd, 'none', constants.O_RDONLY), { code: 'ENOENT' });
  closeSync(fd);
});

test('extended attributes', () => {
  const path = join(dir, 'x');
  writeFileSync(path, '');
  setXattr(path, 'trusted.corten', Buffer.from([1, 0, 2]));
  assert.deepEqual(getXattr(path, 'trusted.corten'), Buffer.from([1, 0, 2]));
  assert.equal(getXattr(path, 'trusted.none'), undefined);
  assert.deepEqual(listXattrs(path), ['trusted.corten']);
});

test('mounts come and go, names with spaces too', () => {
  const target = join(dir, 'a b');
  mkdirSync(target);
  mount({ source: 'tmpfs', target, type: 'tmpfs', data: 'size=1m' });
  assert.equal(mountInfo().find((m) => m.mountPoint === target)?.type, 'tmpfs');
  unmount(target);
  assert.ok(!mountInfo().some((m) => m.mountPoint === target));
  assert.throws(() => unmount(target), { code: 'EINVAL' });
});

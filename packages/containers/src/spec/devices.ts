import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { invalid, system } from '@corten/errors';
import { majorOf, minorOf, S_IFBLK, S_IFCHR, S_IFMT } from '@corten/host';

/** OCI runtime-spec, config-linux.md, Devices. */
export interface OciDevice {
  path: string;
  type: 'c' | 'b';
  major: number;
  minor: number;
  fileMode: number;
  uid: number;
  gid: number;
}
/** OCI runtime-spec, config-linux.md, Device allowlist. */
export interface DeviceRule {
  allow: boolean;
  type?: string;
  major?: number;
  minor?: number;
  access: string;
}

const allow = (type: string, major: number, minor: number): DeviceRule => ({
  allow: true,
  type,
  major,
  minor,
  access: 'rwm',
});

/** zero, null, urandom, random, tty, console; the runtimes add ptmx and the pseudo-terminals themselves. */
export const DEFAULT_DEVICE_RULES: readonly DeviceRule[] = [
  { allow: false, access: 'rwm' },
  allow('c', 1, 5),
  allow('c', 1, 3),
  allow('c', 1, 9),
  allow('c', 1, 8),
  allow('c', 5, 0),
  allow('c', 5, 1),
];

function deviceAt(hostPath: string, path: string): OciDevice | undefined {
  const stat = statSync(hostPath);
  const kind = stat.mode & S_IFMT;
  if (kind !== S_IFCHR && kind !== S_IFBLK) return undefined;
  return {
    path,
    type: kind === S_IFCHR ? 'c' : 'b',
    major: majorOf(stat.rdev),
    minor: minorOf(stat.rdev),
    fileMode: stat.mode & 0o777,
    uid: stat.uid,
    gid: stat.gid,
  };
}

/** Every device file of the host's /dev but those that a container has of its own. */
export function hostDevices(root = '/dev', depth = 0): OciDevice[] {
  const own = new Set(['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev', 'console']);
  const found: OciDevice[] = [];
  for (const entry of readdirSync(root)) {
    if (depth === 0 && own.has(entry)) continue;
    const path = join(root, entry);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (!stat) continue; // went away while we looked
    if (stat.isDirectory() && depth < 4) found.push(...hostDevices(path, depth + 1));
    else if (stat.isCharacterDevice() || stat.isBlockDevice()) {
      const device = deviceAt(path, path);
      if (device) found.push(device);
    }
  }
  return found;
}

/** `--device host[:container[:rwm]]`: one device, or every device beneath a directory. */
export function mappedDevices(mapping: { PathOnHost: string; PathInContainer: string; CgroupPermissions: string }): {
  devices: OciDevice[];
  rules: DeviceRule[];
} {
  const access = mapping.CgroupPermissions || 'rwm';
  const inside = mapping.PathInContainer || mapping.PathOnHost;
  const stat = statSync(mapping.PathOnHost, { throwIfNoEntry: false });
  if (!stat)
    throw system(
      `error gathering device information while adding custom device "${mapping.PathOnHost}": no such file or directory`,
    );
  let devices: OciDevice[];
  if (stat.isDirectory())
    devices = hostDevices(mapping.PathOnHost, 1).map((d) => ({
      ...d,
      path: inside + d.path.slice(mapping.PathOnHost.length),
    }));
  else {
    const one = deviceAt(mapping.PathOnHost, inside);
    devices = one ? [one] : [];
  }
  if (devices.length === 0)
    throw system(
      `error gathering device information while adding custom device "${mapping.PathOnHost}": not a device node`,
    );
  const rules = devices.map(({ type, major, minor }) => ({ allow: true, type, major, minor, access }));
  return { devices, rules };
}

const RULE = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/;

/** `--device-cgroup-rule 'c 42:* rmw'`. */
export function deviceRule(text: string): DeviceRule {
  const match = RULE.exec(text);
  if (!match) throw invalid(`invalid device cgroup rule format: '${text}'`);
  const [, type, major, minor, access] = match;
  return {
    allow: true,
    type: type!,
    ...(major === '*' ? {} : { major: Number(major) }),
    ...(minor === '*' ? {} : { minor: Number(minor) }),
    access: access!,
  };
}

/** Major and minor number of a block device, for blkio limits. */
export function blockDevice(path: string): { major: number; minor: number } {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw invalid(`${path}: no such file or directory`);
  return { major: majorOf(stat.rdev), minor: minorOf(stat.rdev) };
}

/** Whether the kernel knows a file system type. */
export function kernelHas(fileSystem: string): boolean {
  return new RegExp(`\\b${fileSystem}$`, 'm').test(readFileSync('/proc/filesystems', 'utf8'));
}

import { statSync } from 'node:fs';
import { isAbsolute, normalize } from 'node:path/posix';
import type { HostConfig, Mount } from '@corten/api-types';
import { invalid, notFound, notImplemented } from '@corten/errors';
import type { ContainerRecord, MountPoint } from '../record.ts';

const PROPAGATIONS = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'];
const clean = (path: string): string => normalize(path).replace(/(.)\/$/, '$1');
const badSpec = (raw: string) => invalid(`invalid volume specification: '${raw}'`);

interface Mode {
  rw: boolean;
  propagation?: string;
  noCopy: boolean;
}

/** The third part of `-v`: comma-separated, each kind of option at most once. */
function parseMode(mode: string, isVolume: boolean): Mode | undefined {
  const result: Mode = { rw: true, noCopy: false };
  const seen = new Set<string>();
  for (const option of mode === '' ? [] : mode.split(',')) {
    let kind: string;
    if (option === 'ro' || option === 'rw') {
      kind = 'access';
      result.rw = option === 'rw';
    } else if (option === 'z' || option === 'Z') kind = 'label';
    else if (PROPAGATIONS.includes(option)) {
      if (isVolume) return undefined;
      kind = 'propagation';
      result.propagation = option;
    } else if (option === 'nocopy') {
      if (!isVolume) return undefined;
      kind = 'copy';
      result.noCopy = true;
    } else if (['consistent', 'cached', 'delegated', 'default'].includes(option)) kind = 'consistency';
    else return undefined;
    if (seen.has(kind)) return undefined;
    seen.add(kind);
  }
  return result;
}

function checkDestination(destination: string, raw: string, type: string): string {
  if (!isAbsolute(destination))
    throw invalid(
      `invalid volume specification: '${raw}': invalid mount config for type "${type}": invalid mount path: '${destination}' mount path must be absolute`,
    );
  const path = clean(destination);
  if (path === '/')
    throw invalid(
      `invalid volume specification: '${raw}': invalid mount config for type "${type}": invalid specification: destination can't be '/'`,
    );
  return path;
}

/** One entry of HostConfig.Binds: `source:destination[:options]`. */
export function parseBind(raw: string, volumeDriver = ''): MountPoint {
  const parts = raw.split(':');
  if (parts.length < 2 || parts.length > 3 || parts.some((p, i) => p === '' && i < 2)) throw badSpec(raw);
  const [source = '', target = '', mode = ''] = parts;
  const isVolume = !isAbsolute(source);
  if (parts.length === 2 && !isAbsolute(target) && parseMode(target, true)) throw badSpec(raw);
  const options = parseMode(mode, isVolume);
  if (!options) throw invalid(`invalid mode: ${mode}`);
  const destination = checkDestination(target, raw, isVolume ? 'volume' : 'bind');
  if (isVolume)
    return {
      type: 'volume',
      name: source,
      source: '',
      destination,
      driver: volumeDriver || 'local',
      mode: mode || 'z',
      rw: options.rw,
      propagation: '',
      noCopy: options.noCopy,
    };
  return {
    type: 'bind',
    source: clean(source),
    destination,
    mode,
    rw: options.rw,
    propagation: options.propagation ?? 'rprivate',
    createSource: true,
  };
}

const refuse = (m: Mount, why: string) => invalid(`invalid mount config for type "${m.Type}": ${why}`);

/** One entry of HostConfig.Mounts. */
export function parseMount(m: Mount): MountPoint {
  if (!m.Target) throw refuse(m, 'field Target must not be empty');
  if (!isAbsolute(m.Target)) throw refuse(m, `invalid mount path: '${m.Target}' mount path must be absolute`);
  const destination = clean(m.Target);
  if (destination === '/') throw refuse(m, "invalid specification: destination can't be '/'");
  switch (m.Type) {
    case 'bind':
      return bindMount(m, destination);
    case 'volume':
      return volumeMount(m, destination);
    case 'tmpfs':
      return tmpfsMount(m, destination);
    case 'image':
      throw notImplemented('mounts of type "image" are not implemented');
    default:
      throw refuse(m, 'mount type unknown');
  }
}

function forbid(m: Mount, ...fields: ('BindOptions' | 'VolumeOptions' | 'TmpfsOptions')[]): void {
  for (const field of fields) if (m[field]) throw refuse(m, `field ${field} must not be specified`);
}

function bindMount(m: Mount, destination: string): MountPoint {
  forbid(m, 'VolumeOptions', 'TmpfsOptions');
  if (!m.Source) throw refuse(m, 'field Source must not be empty');
  if (!isAbsolute(m.Source)) throw refuse(m, `invalid mount path: '${m.Source}' mount path must be absolute`);
  const options = m.BindOptions;
  if (options?.Propagation && !PROPAGATIONS.includes(options.Propagation))
    throw refuse(m, `invalid propagation mode: ${options.Propagation}`);
  const source = clean(m.Source);
  if (!options?.CreateMountpoint && !statSync(source, { throwIfNoEntry: false }))
    throw refuse(m, `bind source path does not exist: ${source}`);
  return {
    type: 'bind',
    source,
    destination,
    mode: '',
    rw: !m.ReadOnly,
    propagation: options?.Propagation || 'rprivate',
    nonRecursive: options?.NonRecursive,
    readOnlyNonRecursive: options?.ReadOnlyNonRecursive,
    createSource: options?.CreateMountpoint,
  };
}

function volumeMount(m: Mount, destination: string): MountPoint {
  forbid(m, 'BindOptions', 'TmpfsOptions');
  const options = m.VolumeOptions;
  const subpath = options?.Subpath;
  if (subpath) {
    if (!m.Source) throw refuse(m, 'must not set Subpath when using anonymous volumes');
    if (isAbsolute(subpath) || clean(subpath).startsWith('..'))
      throw refuse(m, 'subpath must be a relative path within the volume');
  }
  return {
    type: 'volume',
    name: m.Source || undefined,
    source: '',
    destination,
    driver: options?.DriverConfig?.Name || 'local',
    mode: 'z',
    rw: !m.ReadOnly,
    propagation: '',
    noCopy: options?.NoCopy,
    subpath: subpath || undefined,
    anonymous: !m.Source,
  };
}

function tmpfsMount(m: Mount, destination: string): MountPoint {
  forbid(m, 'BindOptions', 'VolumeOptions');
  if (m.Source) throw refuse(m, 'field Source must not be specified');
  const o = m.TmpfsOptions;
  const options = [
    ...(o?.SizeBytes ? [`size=${o.SizeBytes}`] : []),
    ...(o?.Mode ? [`mode=${o.Mode.toString(8)}`] : []),
    ...(o?.Options ?? []).map((pair) => pair.join('=')),
    ...(m.ReadOnly ? ['ro'] : []),
  ];
  return {
    type: 'tmpfs',
    source: '',
    destination,
    mode: '',
    rw: !m.ReadOnly,
    propagation: '',
    tmpfsOptions: options.join(','),
  };
}

/** `--volumes-from other[:ro]`. */
function volumesFrom(spec: string, find: (nameOrId: string) => ContainerRecord): MountPoint[] {
  if (spec === '') throw invalid('volumes-from specification cannot be an empty string');
  const [id = '', mode = ''] = spec.split(':');
  const options = parseMode(mode, true);
  if (!options || options.noCopy) throw invalid(`invalid mode: ${mode}`);
  const other = find(id);
  if (!other) throw notFound(`No such container: ${id}`);
  return other.mounts.map((m) => ({ ...m, rw: m.rw && options.rw, anonymous: false, noCopy: true }));
}

/**
 * All mounts of a container: volumes-from, binds, mounts, then an anonymous volume for each of the image's or user's
 * `Volumes` that nothing else covers. Later kinds replace inherited ones; two of the user's own at one place are an error.
 */
export function mountPoints(
  h: HostConfig,
  volumes: Record<string, unknown>,
  find: (nameOrId: string) => ContainerRecord,
): MountPoint[] {
  const inherited = new Map(h.VolumesFrom.flatMap((spec) => volumesFrom(spec, find)).map((m) => [m.destination, m]));
  const own = new Map<string, MountPoint>();
  for (const m of [...h.Binds.map((b) => parseBind(b, h.VolumeDriver)), ...h.Mounts.map(parseMount)]) {
    if (own.has(m.destination) || m.destination in h.Tmpfs) throw invalid(`Duplicate mount point: ${m.destination}`);
    own.set(m.destination, m);
  }
  const all = new Map([...inherited, ...own]);
  for (const path of Object.keys(volumes)) {
    const destination = checkDestination(path, path, 'volume');
    if (all.has(destination) || destination in h.Tmpfs) continue;
    all.set(destination, {
      type: 'volume',
      source: '',
      destination,
      driver: h.VolumeDriver || 'local',
      mode: '',
      rw: true,
      propagation: '',
      anonymous: true,
    });
  }
  return [...all.values()];
}

import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { VolumeInspect } from '@corten/api-types';
import { conflict, invalid, notFound, system } from '@corten/errors';
import type { Events } from '@corten/events';
import type { Database } from '@corten/state';
import { KeyedLock, type Logger, randomId, rfc3339Nano, run } from '@corten/util';
import { localOptions, mountArguments } from './local-options.ts';
import { diskUsage, isMountPoint } from './paths.ts';
import { MIGRATIONS } from './schema.ts';
import type { Volumes } from './types.ts';

const ANONYMOUS = 'com.docker.volume.anonymous';
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

export interface VolumesDependencies {
  /** Directory that holds `<name>/_data`. */
  root: string;
  db: Database;
  events: Events;
  log: Logger;
}

/** Opens the volume store. Data directories are made before their row is visible to others and removed after it is gone. */
export async function openVolumes({ root, db, events, log }: VolumesDependencies): Promise<Volumes> {
  mkdirSync(root, { recursive: true, mode: 0o701 });
  db.migrate('volumes', MIGRATIONS);
  const base = realpathSync(root);
  const locks = new KeyedLock();
  /** Containers that hold a mounted volume now; mounts themselves survive the engine. */
  const mounted = new Map<string, Set<string>>();
  const dataOf = (name: string) => join(base, name, '_data');

  const inspect = (row: Record<string, unknown>): VolumeInspect => {
    const name = String(row['name']);
    const labels = JSON.parse(String(row['labels']));
    const options = JSON.parse(String(row['options']));
    return {
      CreatedAt: String(row['created_at']),
      Driver: 'local',
      Labels: Object.keys(labels).length > 0 ? labels : null,
      Mountpoint: dataOf(name),
      Name: name,
      Options: Object.keys(options).length > 0 ? options : null,
      Scope: 'local',
    };
  };
  const find = (name: string) => db.sql('SELECT * FROM volumes WHERE name = ?').get(name);
  const get = (name: string): VolumeInspect => {
    const row = find(name);
    if (!row) throw notFound(`get ${name}: no such volume`);
    return inspect(row);
  };
  const usersOf = (name: string) =>
    db
      .sql('SELECT container_id FROM volume_users WHERE name = ? ORDER BY container_id')
      .all(name)
      .map((r) => String(r['container_id']));

  const destroy = async (name: string): Promise<void> => {
    const data = dataOf(name);
    if (isMountPoint(data)) await unmountPath(data);
    db.sql('DELETE FROM volumes WHERE name = ?').run(name);
    await rm(join(base, name), { recursive: true, force: true });
    events.publish('volume', 'destroy', name, { driver: 'local' });
  };

  const volumes: Volumes = {
    async create(body) {
      const driver = body.Driver || 'local';
      if (driver !== 'local')
        throw notFound(`create ${body.Name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`);
      const name = body.Name || randomId();
      if (!NAME.test(name))
        throw invalid(
          `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
        );
      const local = localOptions(body.DriverOpts);
      using _lock = await locks.lock(name);
      const existing = find(name);
      if (existing) return inspect(existing);
      mkdirSync(dataOf(name), { recursive: true, mode: 0o755 });
      const labels = body.Name ? body.Labels : { ...body.Labels, [ANONYMOUS]: '' };
      db.sql('INSERT INTO volumes (name, created_at, labels, options) VALUES (?, ?, ?, ?)').run(
        name,
        rfc3339Nano().replace(/\.\d+Z$/, 'Z'),
        JSON.stringify(labels),
        JSON.stringify(local ? body.DriverOpts : {}),
      );
      events.publish('volume', 'create', name, { driver: 'local' });
      return get(name);
    },
    get,
    list: () => db.sql('SELECT * FROM volumes ORDER BY name').all().map(inspect),
    async remove(name, force) {
      using _lock = await locks.lock(name);
      if (!find(name)) {
        if (force) return;
        throw notFound(`get ${name}: no such volume`);
      }
      const users = usersOf(name);
      if (users.length > 0) throw conflict(`remove ${name}: volume is in use - [${users.join(', ')}]`);
      await destroy(name);
    },
    async prune({ all, labels = [], notLabels = [] }) {
      const deleted: string[] = [];
      let reclaimed = 0;
      for (const volume of volumes.list()) {
        const has = (label: string) => hasLabel(volume.Labels ?? {}, label);
        if (!all && !(ANONYMOUS in (volume.Labels ?? {}))) continue;
        if (!labels.every(has) || notLabels.some(has)) continue;
        using _lock = await locks.lock(volume.Name);
        if (!find(volume.Name) || usersOf(volume.Name).length > 0) continue;
        reclaimed += await diskUsage(volume.Mountpoint);
        await destroy(volume.Name);
        deleted.push(volume.Name);
      }
      events.publish('volume', 'prune', '', { reclaimed: String(reclaimed) });
      return { deleted, reclaimed };
    },
    use(name, containerId) {
      get(name);
      db.sql('INSERT OR IGNORE INTO volume_users (name, container_id) VALUES (?, ?)').run(name, containerId);
    },
    release(name, containerId) {
      db.sql('DELETE FROM volume_users WHERE name = ? AND container_id = ?').run(name, containerId);
    },
    usersOf,
    async mount(name, containerId) {
      using _lock = await locks.lock(name);
      const volume = get(name);
      const data = dataOf(name);
      if (!existsSync(data)) mkdirSync(data, { recursive: true });
      const local = localOptions(volume.Options ?? {});
      if (local && !isMountPoint(data)) await mountPath(name, mountArguments(local, data));
      const holders = mounted.get(name) ?? new Set();
      mounted.set(name, holders.add(containerId));
      events.publish('volume', 'mount', name, {
        container: containerId,
        destination: data,
        driver: 'local',
        'read/write': 'true',
      });
      return data;
    },
    async unmount(name, containerId) {
      using _lock = await locks.lock(name);
      const holders = mounted.get(name);
      holders?.delete(containerId);
      if (!find(name)) return;
      if ((holders?.size ?? 0) === 0) {
        mounted.delete(name);
        const data = dataOf(name);
        if (localOptions(get(name).Options ?? {}) && isMountPoint(data)) await unmountPath(data);
      }
      events.publish('volume', 'unmount', name, { container: containerId, driver: 'local' });
    },
    usage: async (name) => diskUsage(get(name).Mountpoint),
  };
  log.debug('volumes opened', { count: volumes.list().length });
  return volumes;
}

/** mount(8) and not the system call: network file systems bring helpers of their own. */
async function mountPath(name: string, args: string[]): Promise<void> {
  const { code, stderr } = await run('mount', args);
  if (code !== 0) throw system(`error while mounting volume '${name}': failed to mount local volume: ${stderr.trim()}`);
}

async function unmountPath(path: string): Promise<void> {
  const { code, stderr } = await run('umount', ['--', path]);
  if (code !== 0) throw system(`failed to unmount ${path}: ${stderr.trim()}`);
}

function hasLabel(labels: Record<string, string>, wanted: string): boolean {
  const [key, value] = wanted.split(/=(.*)/s);
  return key! in labels && (value === undefined || labels[key!] === value);
}

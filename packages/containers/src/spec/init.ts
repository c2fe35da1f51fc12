import { accessSync, constants } from 'node:fs';
import { notFound } from '@corten/errors';

const NAMES = ['docker-init', 'tini-static', 'tini', 'catatonit'];
const DIRECTORIES = [
  '/usr/libexec/docker',
  '/usr/local/libexec/docker',
  '/usr/local/bin',
  '/usr/bin',
  '/usr/sbin',
  '/usr/libexec/podman',
  '/bin',
  '/sbin',
];

const executable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // asked only whether it is there
  }
};

let found: string | undefined;

/** The host's init for `--init`: the configured one, or the first of docker-init, tini, catatonit. */
export function findInit(configured?: string): string {
  if (configured?.startsWith('/')) return configured;
  found ??= (configured ? [configured] : NAMES)
    .flatMap((name) => DIRECTORIES.map((dir) => `${dir}/${name}`))
    .find(executable);
  if (!found) throw notFound('no init program for --init on this host: install tini, docker-init or catatonit');
  return found;
}

import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Makes a busybox root file system; undefined when the host has no busybox. */
export function busyboxRoot(dir: string): string | undefined {
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find(existsSync);
  if (!busybox) return undefined;
  for (const d of ['bin', 'proc', 'dev', 'sys', 'tmp', 'etc']) mkdirSync(join(dir, d), { recursive: true });
  copyFileSync(busybox, join(dir, 'bin/busybox'));
  for (const applet of ['sh', 'true', 'echo', 'cat', 'sleep', 'seq', 'stty', 'tty', 'kill', 'dd', 'wc'])
    symlinkSync('busybox', join(dir, 'bin', applet));
  return dir;
}

/** The parts of config.json that tests change. */
interface BundleConfig {
  mounts: { destination: string; type: string; source: string; options?: string[] }[];
  linux: { resources?: Record<string, unknown>; cgroupsPath: string; namespaces: { type: string }[] };
}

/** A bundle whose process is `args`, for tests of this room. */
export function writeBundle(
  bundle: string,
  id: string,
  root: string,
  args: string[],
  terminal = false,
  change: (config: BundleConfig) => void = () => {},
): void {
  mkdirSync(bundle, { recursive: true });
  const spec = {
    ociVersion: '1.0.2',
    process: {
      terminal,
      user: { uid: 0, gid: 0 },
      args,
      env: ['PATH=/bin', 'TERM=xterm'],
      cwd: '/',
      noNewPrivileges: true,
    },
    root: { path: root },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['newinstance', 'ptmxmode=0666', 'mode=0620'],
      },
    ],
    linux: {
      cgroupsPath: `/corten-test/${id}`,
      namespaces: ['mount', 'pid', 'ipc', 'uts', 'network'].map((type) => ({ type })),
    },
  };
  change(spec);
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
}

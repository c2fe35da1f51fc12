import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, Side } from './bench.ts';

export interface Case {
  /** What is timed, for people. */
  what: string;
  /** Repetitions instead of `--runs`. */
  n?: number;
  /** Once before the repetitions, and before each of them; not timed. */
  up?(bench: Bench, side: Side): Promise<unknown>;
  before?(bench: Bench, side: Side): Promise<unknown>;
  go(bench: Bench, side: Side): Promise<unknown>;
  down?(bench: Bench, side: Side): Promise<unknown>;
}

const BASE = 'vs-base:1';
export const REMOTE = '127.0.0.1:5987/vs/debian:1';
const blob = (name: string) => (b: Bench, s: Side) =>
  b.docker(s, 'run', '--name', name, BASE, '/bin/dd', 'if=/dev/urandom', 'of=/blob', 'bs=1048576', 'count=64');
const importBig = async (b: Bench, s: Side, name = 'vs-debian:1') => b.docker(s, 'import', await b.bigTar(), name);
/** Every name of the large image, so that its layer is really gone. */
const forget = async (b: Bench, s: Side) => {
  await b.quiet(s, 'rmi', '-f', 'vs-debian:1');
  await b.quiet(s, 'rmi', '-f', REMOTE);
  await b.quiet(s, 'image', 'prune', '-f');
};
const removed = (name: string) => (b: Bench, s: Side) => b.quiet(s, 'rm', '-f', name);
const ten = <T>(work: (i: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: 10 }, (_, i) => work(i)));
const context = (b: Bench, name: string) => join(b.work, name);

/** Every case, in the order of the table. */
export const cases = (runs: number): Readonly<Record<string, Case>> => ({
  run: { what: 'run --rm, bridge network', go: (b, s) => b.docker(s, 'run', '--rm', BASE, '/bin/true') },
  'run-none': {
    what: 'run --rm --network none',
    go: (b, s) => b.docker(s, 'run', '--rm', '--network', 'none', BASE, '/bin/true'),
  },
  'run-port': {
    what: 'run -d -p, then rm -f',
    async go(b, s) {
      const id = await b.docker(s, 'run', '-d', '-p', '0:80', BASE, '/bin/sleep', '100');
      await b.docker(s, 'rm', '-f', id);
    },
  },
  'run-x10': {
    what: '10 x run --rm at once',
    n: Math.ceil(runs / 3),
    go: (b, s) => ten(() => b.docker(s, 'run', '--rm', BASE, '/bin/true')),
  },
  exec: {
    what: 'exec in a running container',
    up: (b, s) => b.docker(s, 'run', '-d', '--name', 'vs-exec', BASE, '/bin/sleep', '1000'),
    go: (b, s) => b.docker(s, 'exec', 'vs-exec', '/bin/true'),
    down: removed('vs-exec'),
  },
  create: {
    what: 'create + rm',
    go: async (b, s) => b.docker(s, 'rm', await b.docker(s, 'create', BASE, '/bin/true')),
  },
  'ps-100': {
    what: 'ps -a with 100 containers',
    async up(b, s) {
      for (let i = 0; i < 100; i += 10)
        await ten((k) => b.docker(s, 'create', '--name', `vs-ps-${i + k}`, BASE, '/bin/true'));
    },
    go: (b, s) => b.docker(s, 'ps', '-a'),
    down: (b, s) => b.quiet(s, 'rm', ...Array.from({ length: 100 }, (_, i) => `vs-ps-${i}`)),
  },
  stop: {
    what: 'start + stop (SIGTERM handled)',
    async go(b, s) {
      const loop = 'trap "exit 0" TERM; while :; do sleep 0.01; done';
      const id = await b.docker(s, 'run', '-d', BASE, '/bin/sh', '-c', loop);
      await b.docker(s, 'stop', id);
      await b.docker(s, 'rm', id);
    },
  },
  logs: {
    what: 'logs of 200,000 lines',
    n: 3,
    up: (b, s) => b.docker(s, 'run', '--name', 'vs-logs', BASE, '/bin/seq', '200000'),
    go: (b, s) => b.docker(s, 'logs', 'vs-logs'),
    down: removed('vs-logs'),
  },
  'log-write': {
    what: 'run that prints 500,000 lines',
    n: 3,
    go: (b, s) => b.docker(s, 'run', '--rm', BASE, '/bin/seq', '500000'),
  },
  'build-cold': {
    what: 'build, 9 steps, no cache',
    n: 5,
    go: (b, s) => b.docker(s, 'build', '--no-cache', '-q', '-t', 'vs-built:1', context(b, 'ctx')),
  },
  'build-warm': {
    what: 'build, all cached',
    go: (b, s) => b.docker(s, 'build', '-q', '-t', 'vs-built:1', context(b, 'ctx')),
  },
  'copy-20k': {
    what: 'build that copies 20,000 files',
    n: 3,
    go: (b, s) => b.docker(s, 'build', '--no-cache', '-q', '-t', 'vs-copy:1', context(b, 'ctx-many')),
  },
  'buildx-cold': {
    what: 'the 9 steps through buildx, no cache',
    n: 5,
    go: (b, s) => b.buildx(s, '--no-cache', '-t', 'vs-built:2', context(b, 'ctx')),
  },
  'buildx-warm': { what: 'the same, all cached', go: (b, s) => b.buildx(s, '-t', 'vs-built:2', context(b, 'ctx')) },
  'buildx-20k': {
    what: '20,000 files through buildx, no cache',
    n: 3,
    go: (b, s) => b.buildx(s, '--no-cache', '-t', 'vs-copy:2', context(b, 'ctx-many')),
  },
  commit: {
    what: 'commit a container with a 64 MB layer',
    n: 5,
    up: blob('vs-commit'),
    go: (b, s) => b.docker(s, 'commit', 'vs-commit', 'vs-committed:1'),
    down: removed('vs-commit'),
  },
  cp: {
    what: 'cp 64 MB out of and into a container',
    n: 5,
    up: blob('vs-cp'),
    async go(b, s) {
      await b.docker(s, 'cp', 'vs-cp:/blob', join(b.work, `blob-${s}`));
      await b.docker(s, 'cp', join(b.work, `blob-${s}`), 'vs-cp:/blob2');
    },
    down: removed('vs-cp'),
  },
  import: { what: 'import a Debian root file system', n: 3, go: (b, s) => importBig(b, s) },
  save: {
    what: 'save that image',
    n: 3,
    up: (b, s) => importBig(b, s),
    go: (b, s) => b.docker(s, 'save', '-o', join(b.work, `save-${s}.tar`), 'vs-debian:1'),
  },
  load: {
    what: 'load it where it is missing',
    n: 3,
    async up(b, s) {
      await importBig(b, s);
      await b.docker(s, 'save', '-o', join(b.work, `load-${s}.tar`), 'vs-debian:1');
    },
    before: forget,
    go: (b, s) => b.docker(s, 'load', '-q', '-i', join(b.work, `load-${s}.tar`)),
  },
  push: {
    what: 'push it to an empty registry',
    n: 3,
    async up(b, s) {
      await forget(b, s);
      await importBig(b, s, REMOTE);
    },
    before: (b) => b.startRegistry(),
    go: (b, s) => b.docker(s, 'push', '-q', REMOTE),
    down: forget,
  },
  pull: {
    what: 'pull it where it is missing',
    n: 3,
    async up(b, s) {
      await forget(b, s);
      if (!b.hasRegistry) await b.startRegistry();
      await importBig(b, s, REMOTE);
      await b.docker(s, 'push', '-q', REMOTE);
    },
    before: forget,
    go: (b, s) => b.docker(s, 'pull', '-q', REMOTE),
    down: forget,
  },
});

export const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox'].find(existsSync);

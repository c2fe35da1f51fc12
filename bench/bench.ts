import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUSYBOX } from './cases.ts';

/** A is the reference (a real dockerd), B the engine under test. */
export type Side = 'A' | 'B';

const DOCKERFILE = `FROM vs-base:1
ENV A=1
RUN echo one > /one
RUN echo two > /two
COPY src /src
WORKDIR /src
RUN ls -l > /listing
LABEL x=y
RUN touch /four && rm /one
CMD ["/bin/sh"]
`;

const execute = (file: string, args: readonly string[], env = process.env): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(file, args, { env, maxBuffer: 1 << 30 }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout.trim());
      reject(
        new Error(
          String(stderr || error.message)
            .trim()
            .split('\n')
            .pop(),
        ),
      );
    });
  });

/** The two engines, one client, and the files that the cases work on. */
export class Bench {
  readonly work = mkdtempSync(join(tmpdir(), 'versus-'));
  readonly #hosts: Record<Side, string>;
  readonly #client: string;
  #registry: ChildProcess | undefined;

  constructor(hosts: Record<Side, string>, client: string) {
    this.#hosts = hosts;
    this.#client = client;
  }

  get hasRegistry(): boolean {
    return this.#registry !== undefined;
  }

  docker(side: Side, ...args: string[]): Promise<string> {
    const env = { ...process.env, DOCKER_HOST: this.#hosts[side], DOCKER_BUILDKIT: '0', DOCKER_CONTENT_TRUST: '0' };
    return execute(this.#client, args, env);
  }

  /** Needs the buildx plugin; BuildKit's own protocol. */
  buildx(side: Side, ...args: string[]): Promise<string> {
    const env = { ...process.env, DOCKER_HOST: this.#hosts[side], BUILDX_NO_DEFAULT_ATTESTATIONS: '1' };
    return execute(this.#client, ['buildx', 'build', '--progress=plain', ...args], env);
  }

  /** For what may not be there. */
  async quiet(side: Side, ...args: string[]): Promise<void> {
    await this.docker(side, ...args).catch(() => {});
  }

  /** Makes the base image on both sides and the build contexts. */
  async prepare(manyFiles: boolean): Promise<void> {
    if (!BUSYBOX) throw new Error('busybox-static is not installed: npm run setup -- --for bench');
    const root = join(this.work, 'rootfs');
    for (const directory of ['bin', 'tmp', 'etc']) mkdirSync(join(root, directory), { recursive: true });
    copyFileSync(BUSYBOX, join(root, 'bin/busybox'));
    for (const applet of ['sh', 'true', 'echo', 'ls', 'cat', 'sleep', 'seq', 'dd', 'mkdir', 'touch', 'rm', 'httpd'])
      symlinkSync('busybox', join(root, 'bin', applet));
    const base = join(this.work, 'base.tar');
    await execute('tar', ['-C', root, '-cf', base, '.']);
    mkdirSync(join(this.work, 'ctx/src'), { recursive: true });
    writeFileSync(join(this.work, 'ctx/Dockerfile'), DOCKERFILE);
    for (let i = 0; i < 50; i++) writeFileSync(join(this.work, `ctx/src/f${i}`), String(i).repeat(1000));
    mkdirSync(join(this.work, 'ctx-many/src'), { recursive: true });
    writeFileSync(join(this.work, 'ctx-many/Dockerfile'), 'FROM vs-base:1\nCOPY src /src\n');
    for (let k = 0; manyFiles && k < 200; k++) {
      const directory = join(this.work, `ctx-many/src/d${k}`);
      mkdirSync(directory);
      for (let i = 0; i < 100; i++) writeFileSync(join(directory, `f${i}`), `${k}.${i}\n`.repeat(20));
    }
    for (const side of ['A', 'B'] as const) await this.docker(side, 'import', base, 'vs-base:1');
  }

  /** A Debian root file system as a tar archive, kept for the next time. */
  async bigTar(): Promise<string> {
    const cache = join(tmpdir(), 'versus-debian.tar');
    if (existsSync(cache) && statSync(cache).size >= 1e7) return cache;
    const directory = join(this.work, 'deb');
    await execute('debootstrap', ['--variant=minbase', 'bookworm', directory]);
    await execute('tar', ['-C', directory, '--numeric-owner', '-cf', cache, '.']);
    rmSync(directory, { recursive: true, force: true });
    return cache;
  }

  /** Always an empty one: nothing to mount blobs from. */
  async startRegistry(): Promise<void> {
    await this.#stopRegistry();
    const directory = join(this.work, 'registry');
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    const config = join(this.work, 'reg.yml');
    writeFileSync(
      config,
      `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${directory}}, delete: {enabled: true}}\nhttp: {addr: 127.0.0.1:5987}\n`,
    );
    this.#registry = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
    this.#registry.on('error', () => {}); // the push that follows says that nobody answers
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }

  async #stopRegistry(): Promise<void> {
    const registry = this.#registry;
    if (!registry || registry.exitCode !== null || registry.pid === undefined) return;
    const gone = new Promise((resolve) => registry.once('exit', resolve));
    registry.kill();
    await gone;
  }

  /** Removes everything that was made, on both sides and here. */
  async close(): Promise<void> {
    await this.#stopRegistry();
    for (const side of ['A', 'B'] as const) {
      const ids: string[] = [];
      for (const pattern of ['vs-*', '127.0.0.1:5987/*/*'])
        ids.push(
          ...(await this.docker(side, 'images', '-q', '--filter', `reference=${pattern}`).catch(() => '')).split(/\s+/),
        );
      const unique = [...new Set(ids.filter(Boolean))];
      if (unique.length > 0) await this.quiet(side, 'rmi', '-f', ...unique);
    }
    rmSync(this.work, { recursive: true, force: true });
  }
}

/**
 * The first voyage (`npm run demo`): makes a base image, builds a small web application on it, ships it through the built-in
 * registry, runs it with a published port and fetches its page. Everything through bin/corten, on an engine of its own beneath
 * .corten/demo; nothing is left behind but the base image's archive, so that the next run is quick.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const cache = join(root, '.corten');
const home = join(cache, 'demo');
const execRoot = `/run/corten-demo-${process.pid}`; // short: socket paths end at 108 bytes
const socket = join(execRoot, 'engine.sock');
const started = performance.now();
const children: { name: string; child: ChildProcess }[] = [];
let containers: string[] = [];
let interrupted = false;

interface Result {
  stdout: string;
  stderr: string;
}

function execute(file: string, args: readonly string[], env = process.env): Promise<Result> {
  return new Promise((resolve, reject) => {
    execFile(file, args, { env, maxBuffer: 64 << 20, cwd: root }, (error, stdout, stderr) => {
      if (!error) return resolve({ stdout, stderr });
      const said = (stderr || stdout).trim().split('\n').slice(-12).join('\n');
      reject(
        new Error(`${file.replace(`${root}/`, '')} ${args.join(' ')}: exit ${error.code ?? error.signal}\n${said}`),
      );
    });
  });
}

async function corten(...args: string[]): Promise<string> {
  const env = { ...process.env, CORTEN_HOST: `unix://${socket}`, DOCKER_CONFIG: join(home, 'client') };
  return (await execute(join(root, 'bin/corten'), args, env)).stdout.trim();
}

/** Prints a step, does it, and prints its time and what came of it. */
async function step<T>(
  title: string,
  command: string,
  work: () => Promise<T>,
  tell: (result: T) => string = () => '',
): Promise<T> {
  if (interrupted) throw new Error('interrupted');
  const start = performance.now();
  const result = await work();
  const ms = performance.now() - start;
  const time = ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
  console.log(`${time.padStart(9)}  ${title.padEnd(9)} ${command}`);
  const told = tell(result);
  if (told) console.log(`${' '.repeat(21)}-> ${told}`);
  return result;
}

function background(name: string, file: string, args: readonly string[]): ChildProcess {
  const log = openSync(join(home, `${name}.log`), 'w');
  const env = { ...process.env, CORTEN_HOST: `unix://${socket}` };
  const child = spawn(join(root, file), args, { stdio: ['ignore', log, log], env, detached: true }); // ctrl-C is ours: we stop it in order
  closeSync(log);
  children.push({ name, child });
  return child;
}

/** Tries until it works; stops at once when the program that should answer has ended. */
async function until<T>(
  what: string,
  child: ChildProcess | undefined,
  work: () => Promise<T>,
  ms = 15_000,
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const ended = child && (child.exitCode !== null || child.signalCode !== null);
      if (ended || interrupted || Date.now() > end) {
        const name = children.find((c) => c.child === child)?.name;
        const log = name
          ? `\n${readFileSync(join(home, `${name}.log`), 'utf8')
              .trim()
              .split('\n')
              .slice(-15)
              .join('\n')}`
          : '';
        throw new Error(`${what}: ${ended ? 'the program ended' : (error as Error).message}${log}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });

/** A root file system as a tar archive: Debian where its mirror answers, else busybox alone. */
async function baseArchive(): Promise<{ path: string; name: string; note: string }> {
  const debian = join(cache, 'debian-bookworm.tar');
  if (existsSync(debian) && statSync(debian).size > 10_000_000)
    return { path: debian, name: 'debian:bookworm', note: 'Debian, from the archive of an earlier run' };
  const work = join(home, 'base');
  rmSync(work, { recursive: true, force: true });
  try {
    await execute('debootstrap', ['--variant=minbase', 'bookworm', work, ...mirror()]);
    await execute('tar', [
      '-C',
      work,
      '--numeric-owner',
      '--exclude=./var/cache/apt/archives/*.deb',
      '-cf',
      `${debian}.part`,
      '.',
    ]);
    renameSync(`${debian}.part`, debian);
    return {
      path: debian,
      name: 'debian:bookworm',
      note: `Debian by debootstrap, ${Math.round(statSync(debian).size / 1e6)} MB`,
    };
  } catch (error) {
    if (interrupted) throw error;
    return {
      path: await busyboxArchive(),
      name: 'busybox:latest',
      note: `busybox-static instead of Debian: ${(error as Error).message.split('\n').slice(0, 2).join(' ').slice(0, 160)}`,
    };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The mirror that the host's own apt uses. */
function mirror(): string[] {
  for (const file of ['/etc/apt/sources.list', '/etc/apt/sources.list.d/debian.sources']) {
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    const found = /^(?:deb (?:\[[^\]]*\] )?|URIs: )(https?:\/\/\S+?)\/?(?:\s|$)/m.exec(text)?.[1];
    if (found && !found.includes('security')) return [found];
  }
  return [];
}

async function busyboxArchive(): Promise<string> {
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find(existsSync);
  if (!busybox) throw new Error('neither debootstrap nor busybox can be used: run npm run setup');
  const work = join(home, 'busybox');
  for (const directory of ['bin', 'etc', 'tmp', 'usr/local/bin']) mkdirSync(join(work, directory), { recursive: true });
  copyFileSync(busybox, join(work, 'bin/busybox'));
  const { stdout } = await execute(busybox, ['--list']);
  for (const applet of stdout.trim().split('\n'))
    if (applet !== 'busybox') symlinkSync('busybox', join(work, 'bin', applet));
  const path = join(home, 'busybox.tar');
  await execute('tar', ['-C', work, '--numeric-owner', '--owner=0', '--group=0', '-cf', path, '.']);
  return path;
}

async function voyage(): Promise<void> {
  const base = await step('base', 'debootstrap --variant=minbase bookworm', baseArchive, (b) => b.note);
  writeFileSync(join(home, 'daemon.json'), '{}\n'); // not the host's own configuration
  const engine = background('engine', 'bin/cortend', [
    ...['--data-root', join(home, 'data'), '--exec-root', execRoot, '--pidfile', join(execRoot, 'engine.pid')],
    ...['-H', `unix://${socket}`, '--bip', '172.31.253.1/24', '--config-file', join(home, 'daemon.json')],
  ]);
  const version = '{{.Server.Platform.Name}} {{.Server.Version}}, API {{.Server.APIVersion}}';
  await step(
    'engine',
    'cortend --data-root .corten/demo/data …',
    () => until('cortend does not answer', engine, () => corten('version', '--format', version)),
    String,
  );
  await step(
    'import',
    `corten import base.tar ${base.name}`,
    () => corten('import', base.path, base.name),
    shortDigest,
  );
  await step(
    'build',
    'corten build -t web examples/web',
    () => corten('build', '-q', '--build-arg', `BASE=${base.name}`, '-t', 'web', 'examples/web'),
    shortDigest,
  );
  await step(
    'build',
    'the same again: every step from the cache',
    () => corten('build', '-q', '--build-arg', `BASE=${base.name}`, '-t', 'web', 'examples/web'),
    shortDigest,
  );

  const registryPort = await freePort();
  const remote = `127.0.0.1:${registryPort}/demo/web:1`;
  const registry = background('registry', 'bin/corten', [
    'registry',
    'serve',
    '--addr',
    `127.0.0.1:${registryPort}`,
    '--root',
    join(home, 'registry'),
  ]);
  await step('registry', `corten registry serve --addr 127.0.0.1:${registryPort}`, () =>
    until('the registry does not answer', registry, async () => {
      const { status } = await fetch(`http://127.0.0.1:${registryPort}/v2/`);
      if (status !== 200) throw new Error(`status ${status}`);
    }),
  );
  await corten('tag', 'web', remote);
  const pushed = await step(
    'push',
    `corten push ${remote}`,
    async () => digestIn(await corten('push', remote)),
    shortDigest,
  );
  const before = await corten('image', 'inspect', '-f', '{{.Id}}', remote);
  await step('forget', 'corten rmi …: every local copy', async () => {
    for (const id of new Set((await corten('images', '-aq', '--no-trunc')).split('\n').filter(Boolean)))
      await corten('rmi', '-f', id);
    const left = await corten('images', '-aq');
    if (left) throw new Error(`images are left: ${left}`);
  });
  const pulled = await step(
    'pull',
    `corten pull ${remote}`,
    async () => digestIn(await corten('pull', remote)),
    shortDigest,
  );
  const after = await corten('image', 'inspect', '-f', '{{.Id}}', remote);
  if (pulled !== pushed || after !== before)
    throw new Error(`what came back differs: pushed ${pushed} (${before}), pulled ${pulled} (${after})`);
  console.log(`${' '.repeat(21)}-> the same digest and image ID as before the push`);

  const port = await freePort();
  const id = await step(
    'run',
    `corten run -d -p 127.0.0.1:${port}:80 --name web ${remote}`,
    () => corten('run', '-d', '-p', `127.0.0.1:${port}:80`, '--name', 'web', remote),
    (r) => r.slice(0, 12),
  );
  containers = [id];
  await step(
    'fetch',
    `GET http://127.0.0.1:${port}/`,
    () => until('the page does not come', undefined, () => fetchPage(port)),
    (page) => /<h1>(.*)<\/h1>/.exec(page)?.[1] ?? '',
  );
  await step('look', 'corten ps', () => corten('ps', '--format', '{{.Names}}: {{.Status}}, {{.Ports}}'), String);
  await step(
    'exec',
    'corten exec web cat /srv/site/built.txt',
    () => corten('exec', 'web', 'cat', '/srv/site/built.txt'),
    String,
  );
  await step(
    'run',
    'corten run --rm … echo: one container from start to end',
    () => corten('run', '--rm', remote, 'echo', 'hello from a container'),
    String,
  );
  await step('stop', 'corten rm -f web', () => corten('rm', '-f', 'web'));
  containers = [];
}

const shortDigest = (digest: string): string => digest.slice(0, 19);

function digestIn(output: string): string {
  const digest = /[Dd]igest: (sha256:[0-9a-f]{64})/.exec(output)?.[1];
  if (!digest) throw new Error(`no digest in:\n${output}`);
  return digest;
}

async function fetchPage(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/`);
  const page = await response.text();
  if (response.status !== 200 || !page.includes('run by Corten'))
    throw new Error(`status ${response.status}: ${page.slice(0, 80)}`);
  return page;
}

/** Ends what was started, containers first: they would live on without the engine. */
async function cleanUp(): Promise<void> {
  if (containers.length > 0 || children.some((c) => c.name === 'engine')) {
    const left = (await corten('ps', '-aq').catch(() => '')).split('\n').filter(Boolean);
    if (left.length > 0)
      await corten('rm', '-f', ...left).catch((error: Error) => console.error(`demo: ${error.message}`));
  }
  for (const { child } of children.reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(timer);
  }
  for (const path of mountsBeneath(home, execRoot))
    await execute('umount', ['-l', path]).catch((error: Error) => console.error(`demo: ${error.message}`));
  rmSync(home, { recursive: true, force: true });
  rmSync(execRoot, { recursive: true, force: true });
}

/** What an engine that was ended by force has left mounted, the innermost first. */
function mountsBeneath(...directories: string[]): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => directories.some((directory) => path === directory || path.startsWith(`${directory}/`)))
    .reverse();
}

if (process.getuid?.() !== 0) {
  console.error('demo: containers need root: sudo npm run demo');
  process.exit(1);
}
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    interrupted = true;
    for (const { name, child } of children) if (name !== 'engine' && name !== 'registry') child.kill();
  });

let code = 0;
mkdirSync(home, { recursive: true });
mkdirSync(execRoot, { recursive: true, mode: 0o700 });
try {
  await voyage();
  console.log(`\nBuilt, shipped and run in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
} catch (error) {
  console.error(`\ndemo: ${(error as Error).message}`);
  code = 1;
} finally {
  await cleanUp();
}
process.exit(interrupted ? 130 : code);

// Brings a fresh machine to where Corten builds and runs. Plain JavaScript for any Node >= 20: it runs before anything is
// installed. Each step looks first, so a second run does next to nothing.
//   node scripts/setup.mjs [--for demo|test|bench]
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const purpose = process.argv[process.argv.indexOf('--for') + 1] ?? 'run';

/** Program → package, by package manager, and what goes wrong without it. */
const NEEDED = [
  { program: 'conmon', apt: 'conmon', dnf: 'conmon', apk: 'conmon', why: 'supervises containers' },
  { program: 'crun', apt: 'crun', dnf: 'crun', apk: 'crun', why: 'the faster OCI runtime' },
  { program: 'runc', apt: 'runc', dnf: 'runc', apk: 'runc', why: 'the OCI runtime where crun does not work' },
  { program: 'nft', apt: 'nftables', dnf: 'nftables', apk: 'nftables', why: 'networks and published ports' },
  { program: 'ip', apt: 'iproute2', dnf: 'iproute', apk: 'iproute2', why: 'tests read the network back with it' },
  { program: 'ps', apt: 'procps', dnf: 'procps-ng', apk: 'procps', why: 'docker top' },
  { program: 'busybox', apt: 'busybox-static', dnf: 'busybox', apk: 'busybox-static', why: 'the smallest base image' },
  {
    program: 'debootstrap',
    apt: 'debootstrap',
    dnf: 'debootstrap',
    apk: 'debootstrap',
    why: 'the demo’s Debian base image',
    for: ['demo', 'bench'],
  },
  {
    program: 'nsenter',
    apt: 'util-linux',
    dnf: 'util-linux',
    apk: 'util-linux',
    why: 'tests look into namespaces',
    for: ['test'],
  },
  {
    program: 'script',
    apt: 'bsdutils',
    dnf: 'util-linux-script',
    apk: 'util-linux-misc',
    why: 'tests on a terminal',
    for: ['test'],
  },
  {
    program: 'docker-registry',
    apt: 'docker-registry',
    why: 'a foreign registry to test our client with',
    for: ['test', 'bench'],
    optional: true,
  },
  { program: 'docker', apt: 'docker.io', why: 'the docker CLI to test with', for: ['test', 'bench'], optional: true },
  { program: 'dockerd', apt: 'docker.io', why: 'the engine to compare with', for: ['bench'], optional: true },
];

const PATHS = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
const has = (program) => PATHS.some((dir) => dir !== '' && existsSync(join(dir, program)));

function step(what, work) {
  const started = performance.now();
  work();
  console.log(`setup: ${what} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
}

function fail(message) {
  console.error(`setup: ${message}`);
  process.exit(1);
}

function hostPackages() {
  const missing = NEEDED.filter((n) => (n.for === undefined || n.for.includes(purpose)) && !has(n.program));
  if (missing.length === 0) return;
  const manager = ['apt-get', 'dnf', 'apk'].find(has);
  const list = missing.map((n) => `${n.program} (${n.why})`).join(', ');
  if (process.getuid() !== 0) fail(`these programs are missing and only root can install them: ${list}`);
  if (!manager) fail(`no apt-get, dnf or apk here; install by hand: ${list}`);
  step(`host programs: ${missing.map((n) => n.program).join(' ')}`, () => install(manager, missing));
}

function install(manager, missing) {
  const key = manager === 'apt-get' ? 'apt' : manager;
  const wanted = missing.filter((n) => n[key]);
  const must = [...new Set(wanted.filter((n) => !n.optional).map((n) => n[key]))];
  const may = [...new Set(wanted.filter((n) => n.optional).map((n) => n[key]))];
  if (manager === 'apt-get') run('apt-get', ['update', '-qq']);
  if (must.length > 0) run(manager, installArguments(manager, must));
  for (const name of may) {
    const { status } = spawnSync(manager, installArguments(manager, [name]), {
      stdio: 'ignore',
      env: quietEnvironment(),
    });
    if (status !== 0) console.log(`setup: ${name} cannot be had here; what needs it is skipped`);
  }
  for (const n of missing)
    if (!n.optional && !has(n.program))
      fail(`${n.program} is still missing after installing ${n[key] ?? 'nothing'} (${n.why})`);
}

const installArguments = (manager, names) =>
  ({
    'apt-get': ['install', '-y', '-qq', '--no-install-recommends', ...names],
    dnf: ['install', '-y', '-q', ...names],
    apk: ['add', '-q', ...names],
  })[manager];

// docker.io would start its engine: RUNLEVEL=1 makes Debian's invoke-rc.d leave services alone
const quietEnvironment = () => ({ ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' });

function run(file, args) {
  const { status, stdout, stderr, error } = spawnSync(file, args, {
    cwd: root,
    encoding: 'utf8',
    env: quietEnvironment(),
    maxBuffer: 1 << 26,
  });
  if (status !== 0)
    fail(`${file} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}\n${stdout ?? ''}${stderr ?? ''}`);
}

const newest = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

function npmPackages() {
  const arch = { x64: 'x64', arm64: 'arm64' }[process.arch];
  if (!arch) fail(`there is no pinned Node runtime for ${process.arch}`);
  const runtime = join(root, `node_modules/node-linux-${arch}/bin/node`);
  const installed = join(root, 'node_modules/.package-lock.json');
  if (existsSync(runtime) && newest(installed) >= newest(join(root, 'package-lock.json'))) return;
  step('npm packages and the pinned Node runtime', () =>
    run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']),
  );
  if (!existsSync(runtime)) fail(`npm did not install ${runtime}`);
}

function newestSource(dir) {
  return readdirSync(dir, { withFileTypes: true }).reduce((latest, e) => {
    const path = join(dir, e.name);
    if (e.isDirectory()) return Math.max(latest, newestSource(path));
    return /\.(ts|json)$/.test(e.name) ? Math.max(latest, statSync(path).mtimeMs) : latest;
  }, 0);
}

function build() {
  const built = Math.min(newest(join(root, 'dist/cortend.js')), newest(join(root, 'dist/corten.cjs')));
  if (built > newestSource(join(root, 'packages')) && built > newest(join(root, 'scripts/build.ts'))) return;
  step('build', () => run(join(root, 'scripts/node'), [join(root, 'scripts/build.ts')]));
}

if (Number(process.versions.node.split('.')[0]) < 20)
  fail(`Node ${process.versions.node} is too old to bootstrap: 20 or newer is needed`);
hostPackages();
npmPackages();
build();
const pinned = execFileSync(join(root, 'scripts/node'), ['--version'], { encoding: 'utf8' }).trim();
console.log(
  `setup: ready (Node ${pinned}, version ${JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version})`,
);

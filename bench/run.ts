/**
 * `npm run bench`: a real dockerd and cortend side by side, data roots on tmpfs, own sockets, bridges and subnets; then the cases of
 * versus.ts. Writes bench/latest.json; `--readme` puts the table between the marks in README.md.
 *
 *   npm run bench -- [--runs 9] [--only run,exec] [--readme]
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Row, versus } from './versus.ts';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({
  options: { runs: { type: 'string' }, only: { type: 'string' }, readme: { type: 'boolean' } },
});

if (process.getuid?.() !== 0) stopWith('bench: engines need root: sudo npm run bench');
const dockerd = ['/usr/sbin/dockerd', '/usr/bin/dockerd', '/usr/local/bin/dockerd'].find(existsSync);
if (!dockerd) stopWith('bench: no dockerd on this host to compare with (Debian: apt-get install docker.io)');
const docker = ['/usr/local/bin/docker', '/usr/bin/docker'].find(existsSync);
if (!docker)
  stopWith('bench: no docker CLI on this host, which is the client (Debian: apt-get install docker-cli or docker.io)');

const work = mkdtempSync('/dev/shm/corten-bench-');
const BRIDGE = 'vsbr0';
const engines: { child: ChildProcess; log: string }[] = [];
let code = 0;
let cleaning: Promise<void> | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    cleaning ??= cleanUp();
    void cleaning.then(() => process.exit(130));
  });

try {
  ip('link', 'add', BRIDGE, 'type', 'bridge');
  ip('addr', 'add', '172.31.251.1/24', 'dev', BRIDGE);
  ip('link', 'set', BRIDGE, 'up');
  const a = await start('a', dockerd, ['--bridge', BRIDGE]);
  const b = await start('b', join(root, 'bin/cortend'), ['--bip', '172.31.252.1/24']);
  const only = values.only?.split(',');
  const table = await versus({ a, b, docker, only, runs: values.runs ? Number(values.runs) : undefined });
  const machine = `${cpus().length} CPUs (${cpus()[0]?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 1e9)} GB, kernel ${release()}`;
  writeFileSync(
    join(root, 'bench/latest.json'),
    `${JSON.stringify({ machine, date: new Date().toISOString(), table }, null, 1)}\n`,
  );
  if (values.readme) updateReadme(table, machine);
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  code = 1;
} finally {
  cleaning ??= cleanUp();
  await cleaning;
}
process.exit(code);

/** Starts an engine with everything of its own and waits until it answers. */
async function start(name: string, program: string, flags: readonly string[]): Promise<string> {
  const home = join(work, name);
  mkdirSync(home);
  writeFileSync(join(home, 'daemon.json'), '{}\n'); // not the host's own configuration
  const socketPath = join(home, 'e.sock');
  const log = join(home, 'log');
  const own = [
    '--data-root',
    join(home, 'data'),
    '--exec-root',
    join(home, 'x'),
    '--pidfile',
    join(home, 'pid'),
    '-H',
    `unix://${socketPath}`,
    '--config-file',
    join(home, 'daemon.json'),
  ];
  const fd = openSync(log, 'w');
  const child = spawn(program, [...own, ...flags], { stdio: ['ignore', fd, fd] });
  engines.push({ child, log });
  for (let i = 0; i < 300; i++) {
    if (child.exitCode !== null) break;
    if (await answers(socketPath)) return `unix://${socketPath}`;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${program} does not answer:\n${readFileSync(log, 'utf8').trim().split('\n').slice(-10).join('\n')}`);
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const req = request({ socketPath, path: '/_ping' }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    req.on('error', () => resolve(false));
    req.end();
  });
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

async function cleanUp(): Promise<void> {
  for (const { child } of engines.reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
  }
  try {
    ip('link', 'del', BRIDGE);
  } catch (error) {
    console.error(`bench: ${BRIDGE} stays: ${(error as Error).message}`);
  }
  rmSync(work, { recursive: true, force: true });
}

/** Puts the table between the marks in README.md. */
function updateReadme(table: readonly Row[], machine: string): void {
  const rows = table
    .filter((row) => row.a_ms !== null || row.b_ms !== null)
    .map(
      (row) =>
        `| ${row.what} | ${row.a_ms ?? 'failed'} | ${row.b_ms ?? 'failed'} | ${row.ratio === null ? '' : `${row.ratio}×`} |`,
    );
  const text = [
    '| case | dockerd, ms | Corten, ms | faster by |',
    '|---|---:|---:|---:|',
    ...rows,
    '',
    `Medians; ${machine}.`,
  ].join('\n');
  const path = join(root, 'README.md');
  const readme = readFileSync(path, 'utf8');
  const marks = /(<!-- bench:begin -->\n)[\s\S]*?(<!-- bench:end -->)/;
  if (!marks.test(readme)) throw new Error('README.md has no bench marks');
  writeFileSync(
    path,
    readme.replace(marks, (_, begin: string, end: string) => `${begin}${text}\n${end}`),
  );
}

function stopWith(message: string): never {
  console.error(message);
  process.exit(1);
}

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';

/** Runs a real engine from this checkout with its own roots and socket, for tests that act as a user would. */
export const checkout = join(import.meta.dirname, '..');
const DOCKER = ['/usr/local/bin/docker', '/usr/bin/docker'].find(existsSync);

/** Why tests through the docker CLI cannot run here, or undefined. */
export const noDocker = DOCKER ? undefined : 'the docker CLI is not installed on this host';

export interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

export interface TestEngine {
  root: string;
  socket: string;
  /** PID of the engine process. */
  pid(): number;
  docker(...args: string[]): Promise<Result>;
  corten(...args: string[]): Promise<Result>;
  /** As docker(), but throws with the output when the exit code is not 0, and trims stdout. */
  ok(...args: string[]): Promise<string>;
  api(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: string; headers: Record<string, unknown> }>;
  /** kill -9. */
  crash(): Promise<void>;
  start(...flags: string[]): Promise<void>;
  stop(): Promise<void>;
  log(): string;
}

export function execute(
  file: string,
  args: string[],
  env: NodeJS.ProcessEnv = process.env,
  input = '',
): Promise<Result> {
  return new Promise((resolve) => {
    const child = execFile(file, args, { env, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      resolve({ code: error ? (typeof error.code === 'number' ? error.code : -1) : 0, stdout, stderr });
    });
    child.stdin?.end(input);
  });
}

/** A root file system with busybox and its common applets, as a directory. */
export function busyboxRoot(dir: string): string {
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find(existsSync);
  if (!busybox) throw new Error('busybox is missing: run npm run setup');
  for (const d of ['bin', 'etc', 'tmp', 'root', 'var']) mkdirSync(join(dir, d), { recursive: true });
  copyFileSync(busybox, join(dir, 'bin/busybox'));
  const applets =
    'sh true false echo ls cat sleep seq dd mkdir touch rm httpd id pwd env hostname ps kill stty tty nc wc head ip mount grep';
  for (const applet of applets.split(' ')) symlinkSync('busybox', join(dir, 'bin', applet));
  return dir;
}

/** Starts an engine on tmpfs; `t.after(() => engine.stop())` is the caller's. */
export async function startEngine(...flags: string[]): Promise<TestEngine> {
  const root = mkdtempSync('/dev/shm/corten-test-');
  const socket = join(root, 'e.sock');
  let child: ChildProcess | undefined;
  let output = '';
  const env = {
    ...process.env,
    DOCKER_HOST: `unix://${socket}`,
    DOCKER_BUILDKIT: '0',
    DOCKER_CONFIG: join(root, 'client'),
  };
  const docker = (...args: string[]) => execute(DOCKER!, args, env);

  const engine: TestEngine = {
    root,
    socket,
    pid: () => child!.pid!,
    docker,
    corten: (...args) => execute(join(checkout, 'bin/corten'), args, env),
    async ok(...args) {
      const result = await docker(...args);
      if (result.code !== 0)
        throw new Error(`docker ${args.join(' ')}: exit ${result.code}\n${result.stdout}${result.stderr}`);
      return result.stdout.trim();
    },
    api: (method, path, body) => call(socket, method, path, body),
    async crash() {
      const gone = new Promise((resolve) => child!.once('exit', resolve));
      child!.kill('SIGKILL');
      await gone;
    },
    async start(...more) {
      const own = [
        '--data-root',
        join(root, 'data'),
        '--exec-root',
        join(root, 'x'),
        '-H',
        `unix://${socket}`,
        '--pidfile',
        join(root, 'pid'),
      ];
      child = spawn(join(checkout, 'bin/cortend'), [...own, ...flags, ...more], { stdio: ['ignore', 'pipe', 'pipe'] });
      for (const stream of [child.stdout!, child.stderr!])
        stream.on('data', (chunk: Buffer) => {
          output += chunk;
        });
      await ready(socket, child, () => output);
    },
    async stop() {
      for (const id of (await docker('ps', '-aq')).stdout.split(/\s+/).filter(Boolean)) await docker('rm', '-f', id);
      const gone = new Promise((resolve) => child!.once('exit', resolve));
      child!.kill('SIGTERM');
      await gone;
      rmSync(root, { recursive: true, force: true });
    },
    log: () => output,
  };
  await engine.start();
  return engine;
}

async function ready(socket: string, child: ChildProcess, output: () => string): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (child.exitCode !== null) throw new Error(`cortend ended with ${child.exitCode}:\n${output()}`);
    const answer = await call(socket, 'GET', '/_ping').catch(() => undefined);
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`cortend does not answer on ${socket}:\n${output()}`);
}

function call(
  socketPath: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: string; headers: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'Content-Type': 'application/json' };
    const req = request({ socketPath, method, path, headers }, (res) => {
      let text = '';
      res.on('data', (chunk: Buffer) => {
        text += chunk;
      });
      res.on('end', () => resolve({ status: res.statusCode!, body: text, headers: res.headers }));
      res.on('error', reject);
    });
    req.on('error', reject);
    req.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  });
}

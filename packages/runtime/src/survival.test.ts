import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { MS, mount, mountInfo, unmount } from '@corten/host';
import { createLogger, randomId } from '@corten/util';
import { openSupervisor } from './supervisor.ts';
import { isAlive, readStart, type Task } from './task.ts';
import { busyboxRoot, writeBundle } from './testing.ts';
import type { ExecSpec, Supervisor, TaskExit, TaskSpec } from './types.ts';

const dir = mkdtempSync('/dev/shm/crs-');
const root = busyboxRoot(join(dir, 'root'));
const log = createLogger(() => 'warn');
const alive = setInterval(() => {}, 1000);
after(() => {
  clearInterval(alive);
  rmSync(dir, { recursive: true, force: true });
});
const all = { stdin: true, stdout: true, stderr: true };
const text = async (stream: AsyncIterable<Buffer>) => {
  let result = '';
  for await (const chunk of stream) result += chunk;
  return result;
};
const parentOf = (pid: number) => Number(/PPid:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);

for (const runtime of ['crun', 'runc']) {
  const execRoot = join(dir, runtime);
  const open = () => openSupervisor({ execRoot, sharedRoots: [dir], log });
  const supervisor: Supervisor = await open();
  const verdict = supervisor.runtimes().find((r) => r.name === runtime)?.verdict;
  const why = !root ? 'busybox is not installed' : verdict?.works ? false : (verdict?.why ?? `no ${runtime}`);
  const exitOf = (of: Supervisor, id: string) =>
    new Promise<TaskExit>((resolve) => {
      const listening = of.onExit((ended, exit) => {
        if (ended !== id) return;
        listening[Symbol.dispose]();
        resolve(exit);
      });
    });

  const bundles: string[] = [];
  const task = (args: string[], more: Partial<TaskSpec> = {}, change?: Parameters<typeof writeBundle>[5]): TaskSpec => {
    const id = randomId();
    const bundle = join(execRoot, 'b', id.slice(0, 12));
    writeBundle(bundle, id, root!, args, more.terminal, change);
    bundles.push(bundle);
    const base = { id, bundle, runtime, terminal: false, openStdin: false, stdinOnce: false };
    return { ...base, logPath: join(bundle, 'log'), ...more };
  };
  const exec = (spec: TaskSpec, args: string[], more: Partial<ExecSpec> = {}): ExecSpec => ({
    ...{ id: randomId(), runtime, containerId: spec.id, bundle: spec.bundle, terminal: false, openStdin: false },
    ...{ detached: false, process: { user: { uid: 0, gid: 0 }, args, env: ['PATH=/bin'], cwd: '/' }, ...more },
  });
  /** An engine of its own process that starts tasks and is then killed. */
  const startedByADeadEngine = async (specs: TaskSpec[]) => {
    const script = join(import.meta.dirname, 'adopt-child.fixture.ts');
    const child = spawn(process.execPath, [script, JSON.stringify({ execRoot, dir, specs })], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
  };

  describe(`what a task survives, with ${runtime}`, { skip: why }, () => {
    after(() => {
      // what a failed test left running
      for (const bundle of bundles) {
        const left = readStart(bundle) as Task;
        if (isAlive(left)) process.kill(left.pid, 'SIGKILL');
      }
      return supervisor.close();
    });

    test('a program that ends at once starts every time', async () => {
      for (let i = 0; i < 15; i++) {
        const spec = task(['true']);
        const exit = exitOf(supervisor, spec.id);
        await supervisor.create(spec);
        await supervisor.start(spec.id);
        assert.equal((await exit).code, 0);
        await supervisor.delete(spec.id);
      }
    });

    test('a supervisor that is killed: the task goes on, and its code is still known', async () => {
      const spec = task(['sh', '-c', 'sleep 0.6; exit 5']);
      const exit = exitOf(supervisor, spec.id);
      const { pid } = await supervisor.create(spec);
      await supervisor.start(spec.id);
      process.kill(parentOf(pid), 'SIGKILL');
      await sleep(100);
      assert.ok(existsSync(`/proc/${pid}/stat`));
      const ended = await exit;
      assert.deepEqual([ended.code, ended.lost ?? false], [5, false]);
      await supervisor.delete(spec.id);
    });

    test('killed engine, then killed supervisor: the end is reported, the code as lost', async () => {
      const spec = task(['sleep', '1000']);
      await startedByADeadEngine([spec]);
      const next = await open();
      const exit = exitOf(next, spec.id);
      const [adopted] = await next.adopt([spec]);
      process.kill(parentOf(adopted!.pid), 'SIGKILL');
      await sleep(50);
      await next.kill(spec.id, 9);
      const ended = await exit;
      assert.equal(ended.lost, true);
      await next.delete(spec.id);
      await next.close();
    });

    test('an adopted task can be attached, resized, listed, executed in and fed', async () => {
      const spec = task(['sh', '-c', 'while read x; do echo got $x; stty size; done'], {
        terminal: true,
        openStdin: true,
      });
      await startedByADeadEngine([spec]);
      const next = await open();
      await next.adopt([spec]);
      const exit = exitOf(next, spec.id);
      await next.resize(spec.id, 21, 43);
      const client = await next.attach(spec.id, all);
      client.stdin!.write('hello\n');
      let seen = '';
      for await (const chunk of client.stdout) {
        seen += chunk;
        if (/got hello\r\n21 43/.test(seen)) break;
      }
      assert.match(seen, /got hello\r\n21 43/);
      // stty may be ending still
      for (let i = 0; i < 100 && (await next.pids(spec.id)).length !== 1; i++) await sleep(5);
      assert.deepEqual(await next.pids(spec.id), [readStart(spec.bundle).pid]);
      assert.equal(next.cgroupPath(spec.id), `/corten-test/${spec.id}`);
      const inside = await next.exec(exec(spec, ['echo', 'inside']));
      assert.equal(await text(inside.stdout!), 'inside\n');
      await next.kill(spec.id, 9, true);
      assert.equal((await exit).code, 137);
      await next.delete(spec.id);
      await next.close();
    });

    test('killed for memory: 137 and oomKilled', async (t) => {
      const eater = ['sh', '-c', 'x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done'];
      const spec = task(eater, {}, (config) => {
        config.linux.resources = { memory: { limit: 16 << 20, swap: 16 << 20 } };
      });
      const exit = exitOf(supervisor, spec.id);
      await supervisor.create(spec).catch((error) => t.skip(`no memory limits here: ${error.message}`));
      await supervisor.start(spec.id);
      const ended = await exit;
      assert.deepEqual([ended.code, ended.oomKilled], [137, true]);
      await supervisor.delete(spec.id);
    });

    test('pause, resume, update, kill of all', async () => {
      const spec = task(['sh', '-c', 'sleep 1000 & sleep 1000 & wait']);
      const exit = exitOf(supervisor, spec.id);
      const { pid } = await supervisor.create(spec);
      await supervisor.start(spec.id);
      for (let i = 0; i < 100 && (await supervisor.pids(spec.id)).length < 3; i++) await sleep(5);
      assert.equal((await supervisor.pids(spec.id)).length, 3);
      await supervisor.pause(spec.id);
      const frozen = () =>
        ['/sys/fs/cgroup/freezer', '/sys/fs/cgroup']
          .flatMap((h) => ['freezer.state', 'cgroup.freeze'].map((f) => `${h}/corten-test/${spec.id}/${f}`))
          .filter((path) => existsSync(path))
          .map((path) => readFileSync(path, 'utf8').trim());
      assert.match(frozen().join(), /FROZEN|1/);
      await supervisor.resume(spec.id);
      assert.match(frozen().join(), /THAWED|0/);
      await supervisor.update(spec.id, { pids: { limit: 77 } });
      const limits = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup'].map((h) => `${h}/corten-test/${spec.id}/pids.max`);
      assert.equal(readFileSync(limits.find(existsSync)!, 'utf8').trim(), '77');
      await supervisor.kill(spec.id, 9, true);
      assert.equal((await exit).code, 137);
      assert.ok(!isAlive({ pid, startTime: readStart(spec.bundle).startTime } as Task));
      await supervisor.delete(spec.id);
    });

    test('input of several clients is whole; the one that leaves ends StdinOnce input', async () => {
      const spec = task(['sh', '-c', 'cat | wc -c'], { openStdin: true, stdinOnce: true });
      await supervisor.create(spec);
      const clients = await Promise.all([1, 2, 3].map(() => supervisor.attach(spec.id, all)));
      const output = text(clients[0]!.stdout);
      await supervisor.start(spec.id);
      const chunk = Buffer.alloc(100_000, 'x');
      const write = (stdin: NodeJS.WritableStream) => new Promise((resolve) => stdin.write(chunk, resolve));
      await Promise.all(clients.flatMap((c) => [write(c.stdin!), write(c.stdin!), write(c.stdin!)]));
      await clients[1]![Symbol.asyncDispose]();
      assert.equal((await output).trim(), '900000');
      await supervisor.delete(spec.id);
    });

    test('a slow client holds the task back; without any client nothing does', async () => {
      const spec = task(['sh', '-c', 'dd if=/dev/zero bs=65536 count=200 2>/dev/null']);
      const exit = exitOf(supervisor, spec.id);
      await supervisor.create(spec);
      const slow = await supervisor.attach(spec.id, all);
      await supervisor.start(spec.id);
      const early = await Promise.race([exit, sleep(300)]);
      assert.equal(early, undefined, 'it ended although nobody read its output');
      await slow[Symbol.asyncDispose]();
      assert.equal((await exit).code, 0);
      await supervisor.delete(spec.id);
    });

    test('exec: detached code, a terminal’s input, and what a failed one leaves does not hold up the end', async () => {
      const spec = task(['sleep', '1000']);
      const exit = exitOf(supervisor, spec.id);
      await supervisor.create(spec);
      await supervisor.start(spec.id);
      const detached = await supervisor.exec(exec(spec, ['sh', '-c', 'sleep 0.1; exit 6'], { detached: true }));
      assert.equal(await detached.exited, 6);
      const tty = await supervisor.exec(exec(spec, ['sh', '-c', 'tty; read x; echo =$x='], { terminal: true }));
      tty.terminal!.write('typed\r');
      assert.match(await text(tty.terminal!), /^(typed\r\n)?\/dev\/pts\/\d+\r\n(typed\r\n)?=typed=\r\n$/);
      assert.equal(await tty.exited, 0);
      for (const [args, exitCode] of [[['nosuch'], 127], [['/etc'], 126], [['/nosuch'], 127]] as const) // biome-ignore format: a table
        await assert.rejects(supervisor.exec(exec(spec, [...args])), { exitCode });
      assert.deepEqual(readdirSync(join(execRoot, 'x')), []);
      const began = performance.now();
      await supervisor.kill(spec.id, 9);
      await exit;
      assert.ok(performance.now() - began < 500, 'the end was held up');
      await supervisor.delete(spec.id);
    });

    test('what is mounted after the engine’s start is seen inside', async () => {
      const outside = mkdtempSync('/dev/shm/crs-bind-');
      mkdirSync(join(outside, 'deep'));
      try {
        for (const target of [join(outside, 'deep'), join(dir, 'later')]) {
          mkdirSync(target, { recursive: true });
          mount({ source: 'tmpfs', target, type: 'tmpfs' });
          writeFileSync(join(target, 'f'), 'seen');
        }
        const spec = task(['cat', '/one/deep/f', '/two/f'], {}, (config) => {
          for (const [destination, source] of [['/one', outside], ['/two', join(dir, 'later')]] as const) // biome-ignore format: a table
            config.mounts.push({ destination, source, type: 'bind', options: ['rbind', 'ro'] });
        });
        await supervisor.create(spec);
        const client = await supervisor.attach(spec.id, all);
        await supervisor.start(spec.id);
        assert.deepEqual(await Promise.all([text(client.stdout), text(client.stderr)]), ['seenseen', '']);
        await supervisor.delete(spec.id);
      } finally {
        for (const { mountPoint } of mountInfo().filter((m) => /crs-bind-|\/later$/.test(m.mountPoint)))
          unmount(mountPoint, { detach: true });
        rmSync(outside, { recursive: true, force: true });
      }
    });

    test('verdicts are kept, and a program that changed is tried again', async () => {
      const file = join(execRoot, 'runtimes.json');
      const before = statSync(file).ino;
      await (await open()).close();
      assert.equal(statSync(file).ino, before);
      const other = {
        log,
        sharedRoots: [dir],
        runtimes: { broken: { path: '/bin/false' }, gone: { path: '/no/such' } },
      };
      const configured = await openSupervisor({ ...other, execRoot: join(dir, `${runtime}-2`) });
      const said = (name: string) => configured.runtimes().find((r) => r.name === name)!.verdict;
      assert.deepEqual(
        [said('broken').works, said('gone').works, said('gone').why],
        [false, false, '/no/such is not on this host'],
      );
      assert.equal(said(runtime).works, true);
      await configured.close();
    });
  });
}

test('shared roots are taken back: a directory is unbound, a mount of its own stays and is private again', async () => {
  const base = mkdtempSync('/dev/shm/crs-roots-');
  const [plain, mounted, bound] = ['plain', 'mounted', 'bound'].map((name) => join(base, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [plain, mounted, bound]) mkdirSync(path);
  mount({ source: 'tmpfs', target: mounted, type: 'tmpfs' });
  mount({ source: join(dir, 'root'), target: bound, flags: MS.BIND });
  const table = () => mountInfo().filter((m) => m.mountPoint.startsWith(base)).map((m) => `${m.mountPoint} ${m.root} ${m.propagation}`); // biome-ignore format: one thing
  try {
    const before = table();
    const one = await openSupervisor({ execRoot: join(base, 'x'), sharedRoots: [plain, mounted, bound], log });
    await one.close();
    assert.deepEqual(table(), before);
  } finally {
    for (const path of [mounted, bound]) unmount(path, { detach: true });
    rmSync(base, { recursive: true, force: true });
  }
});

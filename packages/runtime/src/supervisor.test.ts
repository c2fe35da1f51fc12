import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { createLogger, randomId } from '@corten/util';
import { classifyStartError } from './start-error.ts';
import { openSupervisor } from './supervisor.ts';
import { busyboxRoot, writeBundle } from './testing.ts';
import type { Supervisor, TaskExit, TaskSpec } from './types.ts';

const dir = mkdtempSync('/dev/shm/crt-');
const root = busyboxRoot(join(dir, 'root'));
const log = createLogger(() => 'warn');
// supervision alone does not keep a process alive; an engine's listeners do, here this
const alive = setInterval(() => {}, 1000);
after(() => {
  clearInterval(alive);
  rmSync(dir, { recursive: true, force: true });
});
const text = async (stream: AsyncIterable<Buffer>) => {
  let all = '';
  for await (const chunk of stream) all += chunk;
  return all;
};

for (const runtime of ['crun', 'runc']) {
  const execRoot = join(dir, runtime);
  const supervisor: Supervisor = await openSupervisor({ execRoot, sharedRoots: [dir], log });
  const probed = supervisor.runtimes().find((r) => r.name === runtime);
  const why = !root
    ? 'busybox is not installed'
    : !probed
      ? `${runtime} is not installed`
      : probed.verdict.works
        ? false
        : probed.verdict.why;
  const exits = new Map<string, (exit: TaskExit) => void>();
  supervisor.onExit((id, exit) => exits.get(id)?.(exit));

  const task = (args: string[], more: Partial<TaskSpec> = {}): { spec: TaskSpec; exit: Promise<TaskExit> } => {
    const id = randomId();
    const bundle = join(execRoot, 'b', id.slice(0, 12));
    writeBundle(bundle, id, root!, args, more.terminal);
    const exit = new Promise<TaskExit>((resolve) => exits.set(id, resolve));
    return {
      spec: {
        id,
        bundle,
        runtime,
        terminal: false,
        openStdin: false,
        stdinOnce: false,
        logPath: join(bundle, 'log'),
        ...more,
      },
      exit,
    };
  };
  const all = { stdin: true, stdout: true, stderr: true };

  describe(`supervision with ${runtime}`, { skip: why }, () => {
    after(() => supervisor.close());

    test('output, exit code, log, and nothing left', async () => {
      const { spec, exit } = task(['sh', '-c', 'echo out; echo err >&2; exit 7']);
      const { pid } = await supervisor.create(spec);
      assert.ok(existsSync(`/proc/${pid}`));
      const streams = await supervisor.attach(spec.id, all);
      await supervisor.start(spec.id);
      assert.deepEqual(await Promise.all([text(streams.stdout), text(streams.stderr)]), ['out\n', 'err\n']);
      const ended = await exit;
      assert.equal(ended.code, 7);
      assert.equal(ended.oomKilled, false);
      assert.ok(Math.abs(Date.parse(ended.finishedAt) - Date.now()) < 5000);
      assert.match(readFileSync(spec.logPath!, 'utf8'), / stdout F out\n.* stderr F err\n/);
      await supervisor.delete(spec.id);
      assert.ok(!existsSync(join(execRoot, 'r', spec.id)) && !existsSync(join(execRoot, 'exits', spec.id)));
    });

    test('stdin: what is written comes back, half-close is the end of input', async () => {
      const { spec, exit } = task(['cat'], { openStdin: true, stdinOnce: true });
      await supervisor.create(spec);
      const streams = await supervisor.attach(spec.id, all);
      await supervisor.start(spec.id);
      const big = 'x'.repeat(200_000);
      streams.stdin!.end(big);
      assert.equal((await text(streams.stdout)).length, big.length);
      assert.equal((await exit).code, 0);
      await supervisor.delete(spec.id);
    });

    test('a terminal has the size it is given', async () => {
      const { spec, exit } = task(['sh', '-c', 'sleep 0.2; stty size'], { terminal: true, openStdin: true });
      await supervisor.create(spec);
      const streams = await supervisor.attach(spec.id, all);
      await supervisor.start(spec.id);
      await supervisor.resize(spec.id, 31, 97);
      assert.equal((await text(streams.stdout)).trim(), '31 97');
      await exit;
      await supervisor.delete(spec.id);
    });

    test('two clients get the same; one that leaves does not matter', async () => {
      const { spec, exit } = task(['seq', '20000']);
      await supervisor.create(spec);
      const one = await supervisor.attach(spec.id, all);
      const two = await supervisor.attach(spec.id, all);
      const gone = await supervisor.attach(spec.id, all);
      await supervisor.start(spec.id);
      await gone[Symbol.asyncDispose]();
      const [a, b] = await Promise.all([text(one.stdout), text(two.stdout)]);
      assert.equal(a.split('\n').length, 20001);
      assert.equal(a, b);
      await exit;
      await supervisor.delete(spec.id);
    });

    test('kill: a signal is the exit code', async () => {
      const { spec, exit } = task(['sleep', '1000']);
      await supervisor.create(spec);
      await supervisor.start(spec.id);
      assert.equal((await supervisor.pids(spec.id)).length, 1);
      await supervisor.kill(spec.id, 9);
      assert.equal((await exit).code, 137);
      await assert.rejects(supervisor.kill(spec.id, 9), { kind: 'notFound' });
      await supervisor.delete(spec.id);
    });

    test('commands that cannot run are classified as Docker does', async () => {
      for (const [args, exitCode, message] of [
        [['nosuch'], 127, /^exec: "nosuch": executable file not found in \$PATH$/],
        [['/nosuch'], 127, /no such file or directory/],
        [['/etc'], 126, /permission denied|is a directory/],
      ] as const) {
        const { spec } = task([...args]);
        const error = await supervisor.create(spec).then(
          () => assert.fail('created'),
          (e: Error) => e,
        );
        const found = classifyStartError(error.message, args[0]);
        assert.equal(found.exitCode, exitCode, error.message);
        assert.match(found.message, message);
        await supervisor.delete(spec.id);
      }
    });

    test('exec: pipes, exit code, a terminal, a missing command', async () => {
      const { spec, exit } = task(['sleep', '1000']);
      await supervisor.create(spec);
      await supervisor.start(spec.id);
      const base = {
        runtime,
        containerId: spec.id,
        bundle: spec.bundle,
        terminal: false,
        openStdin: true,
        detached: false,
      };
      const process_ = (args: string[]) => ({ user: { uid: 0, gid: 0 }, args, env: ['PATH=/bin'], cwd: '/' });
      const echo = await supervisor.exec({
        ...base,
        id: randomId(),
        process: process_(['sh', '-c', 'cat; echo err >&2; exit 4']),
      });
      echo.stdin!.end('hello');
      assert.deepEqual(await Promise.all([text(echo.stdout!), text(echo.stderr!), echo.exited]), ['hello', 'err\n', 4]);
      const tty = await supervisor.exec({
        ...base,
        id: randomId(),
        terminal: true,
        process: process_(['sh', '-c', 'sleep 0.1; stty size']),
      });
      tty.resize(12, 34);
      assert.equal((await text(tty.terminal!)).trim(), '12 34');
      assert.equal(await tty.exited, 0);
      await assert.rejects(supervisor.exec({ ...base, id: randomId(), process: process_(['nosuch']) }), {
        exitCode: 127,
        message: /exec: "nosuch": executable file not found in \$PATH/,
      });
      await supervisor.kill(spec.id, 9);
      await exit;
      await supervisor.delete(spec.id);
    });

    test('kill -9 of the engine: tasks go on, and the next engine has their output and exit codes', async () => {
      const { spec } = task([
        'sh',
        '-c',
        'i=0; while [ $i -lt 30 ]; do echo line $i; i=$((i+1)); sleep 0.02; done; exit 3',
      ]);
      const other = task(['sleep', '1000']);
      const script = join(import.meta.dirname, 'adopt-child.fixture.ts');
      const child = spawn(process.execPath, [script, JSON.stringify({ execRoot, dir, specs: [spec, other.spec] })], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await new Promise((resolve) => child.stdout.once('data', resolve));
      child.kill('SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, 1200));
      const next = await openSupervisor({ execRoot, sharedRoots: [dir], log });
      const exit = new Promise<TaskExit>((resolve) => next.onExit((id, e) => id === spec.id && resolve(e)));
      const running = await next.adopt([spec, other.spec]);
      assert.deepEqual(
        running.map((r) => r.id),
        [other.spec.id],
      );
      assert.equal((await exit).code, 3);
      const lines = readFileSync(spec.logPath!, 'utf8')
        .trim()
        .split('\n')
        .map((l) => l.split(' F ')[1]);
      assert.deepEqual(
        lines,
        Array.from({ length: 30 }, (_, i) => `line ${i}`),
      );
      const killed = new Promise<TaskExit>((resolve) => next.onExit((id, e) => id === other.spec.id && resolve(e)));
      await next.kill(other.spec.id, 9);
      assert.equal((await killed).code, 137);
      for (const { id } of [spec, other.spec]) await next.delete(id);
      await next.close();
    });
  });
}

import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { type Bench, openBench, whyNot } from './testing.ts';

const skip = whyNot();
const never = () => new AbortController().signal;

describe('containers on a real runtime', { skip }, () => {
  let bench: Bench;
  before(async () => {
    bench = await openBench();
  });
  after(async () => {
    await bench[Symbol.asyncDispose]();
  });

  const logsOf = async (id: string, more: object = {}) => {
    const parts: string[] = [];
    const options = { stdout: true, stderr: true, follow: false, timestamps: false, details: false, ...more };
    for await (const { stream, message } of bench.containers.logs(id, options, never()))
      parts.push(`${stream}:${message}`);
    return parts.join('');
  };

  it('create, start, wait, logs, inspect, remove', async () => {
    const { containers, body } = bench;
    const { Id } = await containers.create(body({ Cmd: ['sh', '-c', 'echo out; echo err >&2; exit 3'] }), {
      name: 'one',
    });
    assert.equal((await containers.inspect('one')).State.Status, 'created');
    const exit = containers.wait(Id, 'next-exit', never());
    await containers.start(Id);
    assert.deepEqual(await exit, { StatusCode: 3 });
    assert.equal((await logsOf(Id)).split('\n').sort().join('|'), '|stderr:err|stdout:out');
    const seen = await containers.inspect(Id.slice(0, 12));
    assert.equal(seen.State.ExitCode, 3);
    assert.equal(seen.Name, '/one');
    assert.equal(seen['Driver'], 'overlay2');
    const [listed] = await containers.list({ all: true, size: false, filters: { name: ['one'] } });
    assert.match(String(listed!['Status']), /^Exited \(3\)/);
    await containers.remove(Id, { force: false, volumes: false, link: false });
    assert.throws(() => containers.resolve('one'), /No such container: one/);
  });

  it('attach before start gets everything, stdin included', async () => {
    const { containers, body } = bench;
    const { Id } = await containers.create(
      body({ Cmd: ['cat'], OpenStdin: true, StdinOnce: true, AttachStdin: true, HostConfig: { AutoRemove: true } }),
      {},
    );
    const attachment = await containers.attach(Id, {
      stdin: true,
      stdout: true,
      stderr: true,
      logs: false,
      stream: true,
    });
    const removed = containers.wait(Id, 'removed', never());
    await containers.start(Id);
    attachment.stdin!.end('hello\n');
    assert.equal(await text(attachment.stdout), 'hello\n');
    assert.deepEqual(await removed, { StatusCode: 0 });
    assert.throws(() => containers.resolve(Id), /No such container/);
    const actions = bench.events.filter((e) => e.Actor.ID === Id).map((e) => e.Action);
    assert.deepEqual(actions, ['create', 'attach', 'start', 'die', 'destroy']);
  });

  it('a command that is not there: 127 and Created', async () => {
    const { containers, body } = bench;
    const { Id } = await containers.create(body({ Cmd: ['nosuchprogram'] }), {});
    await assert.rejects(
      containers.start(Id),
      /failed to create task for container.*exec: "nosuchprogram": executable file not found in \$PATH/,
    );
    const { State } = await containers.inspect(Id);
    assert.equal(State.ExitCode, 127);
    assert.equal(State.Status, 'created');
    assert.match(State.Error, /nosuchprogram/);
  });

  it('stop, kill, pause, exec, top, stats on a running one', async () => {
    const { containers, body } = bench;
    const { Id } = await containers.create(
      body({ Cmd: ['sh', '-c', 'trap "exit 7" TERM; while :; do sleep 0.05; done'] }),
      { name: 'busy' },
    );
    await containers.start(Id);
    await assert.rejects(containers.start(Id), { kind: 'notModified' });
    const exec = await containers.execCreate(Id, {
      AttachStdin: false,
      AttachStdout: true,
      AttachStderr: true,
      DetachKeys: '',
      ConsoleSize: undefined,
      Tty: false,
      Env: ['A=b'],
      Cmd: ['sh', '-c', 'echo $A $IMAGE; id -u; exit 5'],
      Privileged: false,
      User: 'user',
      WorkingDir: '/tmp',
    });
    const attached = (await containers.execStart(exec, { detach: false, tty: false }))!;
    assert.equal(await text(attached.stdout), 'b yes\n1000\n');
    while (containers.execInspect(exec)['Running']) await new Promise((r) => setTimeout(r, 5));
    assert.equal(containers.execInspect(exec)['ExitCode'], 5);
    const top = await containers.top(Id, '-ef');
    assert.ok(top.Processes.some((p) => p.at(-1)!.includes('trap')));
    for await (const s of containers.stats(Id, { stream: false, oneShot: true }, never()))
      assert.ok((s['cpu_stats'] as { cpu_usage: { total_usage: number } }).cpu_usage.total_usage > 0);
    await containers.pause(Id);
    assert.equal((await containers.inspect(Id)).State.Status, 'paused');
    await containers.unpause(Id);
    await containers.stop(Id, { timeout: 5 });
    assert.equal((await containers.inspect(Id)).State.ExitCode, 7);
    await assert.rejects(
      containers.kill(Id),
      new RegExp(`cannot kill container: busy: container ${Id} is not running`),
    );
    await containers.restart(Id, { timeout: 1 });
    await containers.kill(Id, 'KILL');
    assert.equal((await containers.inspect(Id)).State.ExitCode, 137);
  });

  it('volumes are filled, cp works on stopped and running', async () => {
    const { containers, body } = bench;
    const { Id } = await containers.create(
      body({ Cmd: ['sleep', '30'], Volumes: { '/data': {} }, HostConfig: { ShmSize: 1 << 20 } }),
      {},
    );
    const got = await containers.archiveGet(Id, '/data/seed');
    assert.equal(got.stat.name, 'seed');
    assert.match(await text(got.tar), /seed/);
    await containers.start(Id);
    const running = await containers.archiveGet(Id, '/data/seed');
    assert.match(await text(running.tar), /seed/);
    await assert.rejects(containers.archiveStat(Id, '/nope'), /Could not find the file \/nope in container/);
    const link = await containers.archiveStat(Id, '/bin/sh');
    assert.equal(link.linkTarget, '/bin/busybox');
    await containers.remove(Id, { force: true, volumes: true, link: false });
  });

  it('restart policy counts its tries', async () => {
    const { containers, body } = bench;
    const { Id } = await containers.create(
      body({ Cmd: ['false'], HostConfig: { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 } } }),
      {},
    );
    await containers.start(Id);
    for (let i = 0; i < 200 && (await containers.inspect(Id)).State.Status !== 'exited'; i++)
      await new Promise((r) => setTimeout(r, 20));
    assert.equal((await containers.inspect(Id))['RestartCount'], 2);
  });

  it('name conflict and unknown image', async () => {
    const { containers, body } = bench;
    const { Id } = await containers.create(body({}), { name: 'taken' });
    await assert.rejects(containers.create(body({}), { name: '/taken' }), {
      message: `Conflict. The container name "/taken" is already in use by container "${Id}". You have to remove (or rename) that container to be able to reuse that name.`,
    });
    await assert.rejects(containers.create(body({ Image: 'nope' }), {}), /No such image: nope/);
  });

  it('a build step', async () => {
    await bench.snapshots.prepare('step', bench.snapshots.layers()[0]!.chainId);
    const out: string[] = [];
    const result = await bench.steps.run({
      snapshotKey: 'step',
      args: ['sh', '-c', 'echo $X; touch /made; exit 4'],
      env: ['X=step'],
      workingDir: '/',
      user: '',
      networkMode: 'none',
      extraHosts: [],
      resources: {},
      onOutput: (_s, chunk) => out.push(String(chunk)),
      signal: never(),
    });
    assert.equal(result.exitCode, 4);
    assert.equal(out.join(''), 'step\n');
    const changed = (await bench.snapshots.changes('step')).map((c) => c.Path);
    assert.ok(changed.includes('/made'));
    assert.ok(!changed.includes('/etc/hosts'), 'the mount points of the run are gone');
    await bench.snapshots.remove('step');
  });
});

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import Docker from 'dockerode';
import { busyboxRoot, checkout, execute, noDocker, startEngine, type TestEngine } from './harness.ts';

const cortend = join(checkout, 'bin/cortend');
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What an engine may change on a host: links, firewall tables, mounts. */
function hostState(): Record<string, string[]> {
  const lines = (file: string, ...args: string[]) =>
    execFileSync(file, args, { encoding: 'utf8' }).trim().split('\n').sort();
  return {
    links: lines('ip', '-br', 'link').map((l) => l.split(/[\s@]/)[0]!),
    tables: lines('nft', 'list', 'tables'),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((l) => l.split(' ')[4] ?? '')
      .filter((m) => m.includes('corten-test-'))
      .sort(),
  };
}

async function importBase(engine: TestEngine): Promise<void> {
  const dir = busyboxRoot(join(engine.root, 'rootfs'));
  execFileSync('tar', ['-C', dir, '-cf', join(engine.root, 'base.tar'), '.']);
  await engine.ok('import', join(engine.root, 'base.tar'), 'base:1');
}

describe('the engine as a program', { skip: noDocker }, () => {
  test('flags and keys that are unknown or wrong are refused by name, with exit code 1', async () => {
    for (const [args, message] of [
      [['--nosuch'], /unknown flag: --nosuch/],
      [['--mtu', 'x'], /invalid argument "x" for "--mtu" flag/],
      [['--config-file', '/nosuch.json'], /\/nosuch\.json/],
    ] as const) {
      const { code, stderr } = await execute(cortend, [...args]);
      assert.equal(code, 1);
      assert.match(stderr, message);
    }
    const valid = await execute(cortend, ['--validate', '--config-file', '/dev/null']);
    assert.deepEqual([valid.code, valid.stderr], [0, 'configuration OK\n']);
    assert.match((await execute(cortend, ['--version'])).stdout, /^Corten version \d/);
  });

  test('two engines side by side do not meet; each takes everything back when it stops', async () => {
    const before = hostState();
    const [one, two] = await Promise.all([startEngine(), startEngine()]);
    try {
      await Promise.all([importBase(one), importBase(two)]);
      await Promise.all(
        [one, two].map((e) => e.ok('run', '-d', '--name', 'same', '-p', '127.0.0.1::80', 'base:1', 'sleep', '1000')),
      );
      const addresses = await Promise.all(
        [one, two].map((e) => e.ok('inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'same')),
      );
      assert.notEqual(addresses[0], addresses[1]);
      assert.equal((await one.ok('ps', '-q')).split('\n').length, 1);
      const third = await execute(cortend, [
        '--data-root',
        join(one.root, 'data'),
        '--exec-root',
        join(one.root, 'x3'),
        '-H',
        `unix://${one.root}/3.sock`,
        '--pidfile',
        join(one.root, 'pid3'),
      ]);
      assert.equal(third.code, 1);
      assert.match(third.stderr, /another engine is using/);
    } finally {
      await Promise.all([one.stop(), two.stop()]);
    }
    assert.deepEqual(hostState(), before);
  });

  test('unix socket: mode 0660, removed at the end; several -H at once; TLS asks for a certificate', async () => {
    const dir = '/dev/shm/corten-test-tls';
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir);
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'ca-key.pem',
      '-out',
      'ca.pem',
      '-days',
      '2',
      '-subj',
      '/CN=ca',
    );
    for (const [name, extension] of [
      ['server', 'subjectAltName=IP:127.0.0.1'],
      ['client', 'extendedKeyUsage=clientAuth'],
    ]) {
      openssl(
        'req',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        `${name}-key.pem`,
        '-out',
        `${name}.csr`,
        '-subj',
        `/CN=${name}`,
      );
      writeFileSync(join(dir, `${name}.ext`), extension!);
      openssl(
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        '-CA',
        'ca.pem',
        '-CAkey',
        'ca-key.pem',
        '-CAcreateserial',
        '-out',
        `${name}.pem`,
        '-days',
        '2',
        '-extfile',
        `${name}.ext`,
      );
    }
    const engine = await startEngine(
      '-H',
      'tcp://127.0.0.1:23761',
      '--tlsverify',
      '--tlscacert',
      `${dir}/ca.pem`,
      '--tlscert',
      `${dir}/server.pem`,
      '--tlskey',
      `${dir}/server-key.pem`,
    );
    try {
      assert.equal(statSync(engine.socket).mode & 0o777, 0o660);
      const tls = ['-H', 'tcp://127.0.0.1:23761', '--tlsverify', '--tlscacert', `${dir}/ca.pem`];
      const env = { ...process.env, DOCKER_HOST: '' };
      const good = await execute(
        'docker',
        [
          ...tls,
          '--tlscert',
          `${dir}/client.pem`,
          '--tlskey',
          `${dir}/client-key.pem`,
          'version',
          '-f',
          '{{.Server.Platform.Name}}',
        ],
        env,
      );
      assert.equal(good.stdout.trim(), 'Corten');
      const anonymous = await execute(
        'curl',
        ['-s', '--cacert', `${dir}/ca.pem`, 'https://127.0.0.1:23761/_ping'],
        env,
      );
      assert.notEqual(anonymous.code, 0);
    } finally {
      await engine.stop();
      rmSync(dir, { recursive: true });
    }
    assert.ok(!existsSync(engine.socket));
  });

  test('socket activation: fd:// takes the passed socket', async () => {
    const root = '/dev/shm/corten-test-fd';
    rmSync(root, { recursive: true, force: true });
    mkdirSync(root);
    const listener = createServer().listen(join(root, 's'));
    await wait(50);
    const fd = (listener as unknown as { _handle: { fd: number } })._handle.fd;
    // LISTEN_PID must be the engine's own: exec keeps the shell's PID
    const script = `LISTEN_PID=$$ LISTEN_FDS=1 exec ${cortend} --data-root ${root}/d --exec-root ${root}/x --pidfile ${root}/p -H fd://`;
    const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'ignore', 'pipe', fd] });
    let answer = { code: 1, stdout: '', stderr: '' };
    for (let i = 0; i < 60 && answer.code !== 0; i++) {
      await wait(100);
      answer = await execute('curl', ['-s', '--max-time', '1', '--unix-socket', join(root, 's'), 'http://x/_ping']);
    }
    assert.equal(answer.stdout, 'OK');
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
    listener.close();
    rmSync(root, { recursive: true, force: true });
  });

  test('SIGHUP reloads what may change, refuses a broken file, and says so in an event', async () => {
    const file = '/dev/shm/corten-test-daemon.json';
    writeFileSync(file, '{}');
    const engine = await startEngine('--config-file', file);
    try {
      writeFileSync(file, JSON.stringify({ labels: ['a=b'], 'registry-mirrors': ['http://127.0.0.1:1'] }));
      process.kill(engine.pid(), 'SIGHUP');
      await wait(300);
      assert.deepEqual(JSON.parse((await engine.api('GET', '/info')).body).Labels, ['a=b']);
      await wait(1100); // --until has whole seconds
      const events = await engine.ok('events', '--since', '1m', '--until', '0s', '--format', '{{.Type}} {{.Action}}');
      assert.match(events, /daemon reload/);
      writeFileSync(file, '{"nosuch":1}');
      process.kill(engine.pid(), 'SIGHUP');
      await wait(300);
      assert.match(engine.log(), /reload refused.*nosuch/);
      assert.deepEqual(JSON.parse((await engine.api('GET', '/info')).body).Labels, ['a=b']);
    } finally {
      await engine.stop();
      rmSync(file);
    }
  });

  test('--live-restore=false stops containers with the engine; the default leaves them running', async () => {
    for (const [flags, survives] of [
      [['--live-restore=false'], false],
      [[], true],
    ] as const) {
      const engine = await startEngine(...flags);
      await importBase(engine);
      await engine.ok('run', '-d', '--name', 'cc', '--stop-timeout', '1', 'base:1', 'sleep', '1000');
      const pid = await engine.ok('inspect', '-f', '{{.State.Pid}}', 'cc');
      const gone = wait(100);
      process.kill(engine.pid(), 'SIGTERM');
      await gone;
      for (let i = 0; i < 150 && existsSync(`/proc/${engine.pid()}`); i++) await wait(100);
      assert.equal(
        existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('sleep'),
        survives,
      );
      await engine.start(...flags);
      assert.equal(await engine.ok('inspect', '-f', '{{.State.Running}}', 'cc'), String(survives));
      await engine.stop();
    }
  });
});

describe('dockerode works unchanged', () => {
  let engine: TestEngine;
  let docker: Docker;
  before(async () => {
    engine = await startEngine();
    await importBase(engine);
    docker = new Docker({ socketPath: engine.socket });
  });
  after(() => engine.stop());

  test('create, attach, start, wait, logs, exec, remove', async () => {
    const container = await docker.createContainer({
      Image: 'base:1',
      Cmd: ['sh', '-c', 'echo out; sleep 1; exit 3'],
      Tty: true,
    });
    const stream = await container.attach({ stream: true, stdout: true, stderr: true });
    let output = '';
    stream.on('data', (chunk: Buffer) => {
      output += chunk;
    });
    await container.start();
    const exec = await container.exec({ Cmd: ['echo', 'from exec'], AttachStdout: true, Tty: true });
    const execStream = await exec.start({ Tty: true });
    let execOutput = '';
    for await (const chunk of execStream) execOutput += chunk;
    assert.equal(execOutput.trim(), 'from exec');
    assert.equal((await exec.inspect()).ExitCode, 0);
    assert.equal((await container.wait()).StatusCode, 3);
    assert.equal(output.trim(), 'out');
    assert.match((await container.logs({ stdout: true, stderr: true })).toString(), /out/);
    await container.remove();
    await assert.rejects(container.inspect(), { statusCode: 404 });
  });
});

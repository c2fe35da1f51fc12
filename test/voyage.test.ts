import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxRoot, checkout, execute, noDocker, startEngine, type TestEngine } from './harness.ts';

/** The first voyage through the real docker CLI: version, import, build, ship, run, look, remove. */
describe('the voyage with the docker CLI', { skip: noDocker }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
    const dir = busyboxRoot(join(engine.root, 'rootfs'));
    execFileSync('tar', ['-C', dir, '-cf', join(engine.root, 'base.tar'), '.']);
  });
  after(() => engine.stop());

  test('version and info', async () => {
    assert.equal(await engine.ok('version', '--format', '{{.Server.Platform.Name}}'), 'Corten');
    const info = JSON.parse(await engine.ok('info', '--format', '{{json .}}'));
    assert.equal(info.Driver, 'overlay2');
    assert.deepEqual(info.ServerErrors ?? [], []);
  });

  test('import, images, tag', async () => {
    const id = await engine.ok('import', '--change', 'CMD ["/bin/sh"]', join(engine.root, 'base.tar'), 'base:1');
    assert.match(id, /^sha256:[0-9a-f]{64}$/);
    await engine.ok('tag', 'base:1', 'other:2');
    const rows = (await engine.ok('images', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}')).split('\n').sort();
    assert.deepEqual(rows, [`base:1 ${id.slice(7, 19)}`, `other:2 ${id.slice(7, 19)}`]);
    assert.equal(await engine.ok('image', 'inspect', '-f', '{{json .Config.Cmd}}', 'base:1'), '["/bin/sh"]');
    assert.equal(await engine.ok('rmi', 'other:2'), 'Untagged: other:2');
  });

  test('run: output, exit codes of the command, 125, 126, 127', async () => {
    assert.equal(await engine.ok('run', '--rm', 'base:1', 'echo', 'hello'), 'hello');
    assert.equal((await engine.docker('run', '--rm', 'base:1', 'sh', '-c', 'exit 42')).code, 42);
    const missing = await engine.docker('run', '--rm', 'base:1', 'nosuch');
    assert.equal(missing.code, 127);
    assert.match(missing.stderr, /exec: "nosuch": executable file not found in \$PATH/);
    const denied = await engine.docker('run', '--rm', 'base:1', '/etc');
    assert.equal(denied.code, 126);
    assert.match(denied.stderr, /permission denied|is a directory/);
    assert.equal((await engine.docker('run', '--rm', '--memory', '1k', 'base:1', 'true')).code, 125);
    assert.equal((await engine.docker('run', '--rm', 'nosuch.invalid/image:1')).code, 125);
    assert.equal(await engine.ok('ps', '-aq'), '');
  });

  test('run -i: stdin with half-close, stderr apart from stdout', async () => {
    const env = { ...process.env, DOCKER_HOST: `unix://${engine.socket}` };
    const cat = await execute('docker', ['run', '-i', '--rm', 'base:1', 'cat'], env, 'from stdin\n');
    assert.deepEqual(cat, { code: 0, stdout: 'from stdin\n', stderr: '' });
    const both = await engine.docker('run', '--rm', 'base:1', 'sh', '-c', 'echo out; echo err >&2');
    assert.deepEqual(both, { code: 0, stdout: 'out\n', stderr: 'err\n' });
  });

  test('run -it: a terminal of the right size', async () => {
    // script(1) gives the docker CLI a terminal of its own
    const command = `stty rows 33 cols 99; DOCKER_HOST=unix://${engine.socket} docker run -it --rm base:1 sh -c "tty; stty size"`;
    const { stdout } = await execute('script', ['-qec', command, '/dev/null']);
    // script(1) passes the end of its own input on, which the terminal may echo anywhere
    assert.match(stdout.replaceAll('^@', ''), /\/dev\/pts\/0\s+33 99/);
  });

  test('run -d, ps, logs, exec, inspect, top, stop, rm', async () => {
    const id = await engine.ok(
      'run',
      '-d',
      '--name',
      'web',
      'base:1',
      'sh',
      '-c',
      'echo started; trap "exit 7" TERM; while :; do sleep 0.1; done',
    );
    assert.match(await engine.ok('ps', '--format', '{{.Names}} {{.Status}}'), /^web Up /);
    assert.equal(await engine.ok('logs', 'web'), 'started');
    assert.match(await engine.ok('logs', '-t', 'web'), /^\d{4}-\d\d-\d\dT[\d:.]+Z started$/);
    assert.equal(await engine.ok('exec', 'web', 'hostname'), id.slice(0, 12));
    assert.equal((await engine.docker('exec', 'web', 'sh', '-c', 'exit 9')).code, 9);
    assert.equal((await engine.docker('exec', 'web', 'nosuch')).code, 127);
    assert.equal(
      await engine.ok(
        'exec',
        '-e',
        'A=b c',
        '-w',
        '/tmp',
        '-u',
        '1:2',
        'web',
        'sh',
        '-c',
        'echo "$A"; pwd; id -u; id -g',
      ),
      'b c\n/tmp\n1\n2',
    );
    assert.match(await engine.ok('top', 'web'), /sleep 0\.1|sh -c/);
    assert.equal(await engine.ok('inspect', '-f', '{{.State.Running}} {{.Id}}', 'web'), `true ${id}`);
    assert.equal(await engine.ok('stop', 'web'), 'web');
    assert.equal(await engine.ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'web'), 'exited 7');
    assert.equal(await engine.ok('rm', 'web'), 'web');
    const gone = await engine.docker('rm', 'web');
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /No such container: web/);
  });

  test('build: output of the classic builder, cache, and the image runs', async () => {
    const context = join(engine.root, 'ctx');
    mkdirSync(join(context, 'src'), { recursive: true });
    writeFileSync(join(context, 'src/page'), 'page\n');
    writeFileSync(
      join(context, 'Dockerfile'),
      'FROM base:1\nENV A=1\nRUN echo built > /built && mkdir /gone && rm -r /gone\nCOPY src /src\nWORKDIR /src\nCMD ["sh", "-c", "cat page /built; pwd; echo $A"]\n',
    );
    const first = await engine.ok('build', '-t', 'app:1', context);
    assert.match(
      first,
      /Step 1\/6 : FROM base:1[\s\S]*Step 3\/6 : RUN echo built[\s\S]*Successfully built [0-9a-f]{12}\nSuccessfully tagged app:1$/,
    );
    assert.equal(await engine.ok('run', '--rm', 'app:1'), 'page\nbuilt\n/src\n1');
    const second = await engine.ok('build', '-t', 'app:1', context);
    assert.equal(second.match(/Using cache/g)?.length, 5);
    assert.equal(second.match(/built ([0-9a-f]{12})/)![1], first.match(/built ([0-9a-f]{12})/)![1]);
    writeFileSync(join(context, 'src/page'), 'changed\n');
    await engine.ok('build', '-q', '-t', 'app:1', context);
    assert.match(await engine.ok('run', '--rm', 'app:1'), /^changed\n/);
  });

  test('build: a bad Dockerfile and a failing step are named', async () => {
    const context = join(engine.root, 'bad');
    mkdirSync(context, { recursive: true });
    writeFileSync(join(context, 'Dockerfile'), 'FROM base:1\nFOO bar\n');
    const unknown = await engine.docker('build', context);
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /dockerfile parse error (on )?line 2: unknown instruction: FOO/i);
    writeFileSync(join(context, 'Dockerfile'), 'FROM base:1\nRUN exit 3\n');
    const failing = await engine.docker('build', '--no-cache', context);
    assert.equal(failing.code, 3);
    assert.match(failing.stderr, /The command '\/bin\/sh -c exit 3' returned a non-zero code: 3/);
    assert.equal(await engine.ok('ps', '-aq'), '');
  });

  test('publish: the port answers on the host, then is free again', async () => {
    await engine.ok(
      'run',
      '-d',
      '--name',
      'pub',
      '-p',
      '127.0.0.1:0:80',
      'base:1',
      'sh',
      '-c',
      'echo hi > /tmp/index.html; httpd -f -p 80 -h /tmp',
    );
    const port = Number((await engine.ok('port', 'pub', '80')).split(':').pop());
    assert.equal(await eventually(() => fetchText(port)), 'hi\n');
    const clash = await engine.docker('run', '-d', '--name', 'clash', '-p', `127.0.0.1:${port}:80`, 'base:1', 'true');
    assert.equal(clash.code, 125);
    assert.match(clash.stderr, /port is already allocated|address already in use/);
    await engine.ok('rm', '-f', 'pub', 'clash');
    await assert.rejects(fetchText(port));
  });

  test('ship: push to the built-in registry, lose everything, pull the same digest', async () => {
    const registry = spawn(
      join(checkout, 'bin/corten'),
      ['registry', 'serve', '--addr', '127.0.0.1:5957', '--root', join(engine.root, 'registry')],
      { stdio: 'ignore' },
    );
    try {
      await eventually(async () => assert.equal((await fetch('http://127.0.0.1:5957/v2/')).status, 200));
      const name = '127.0.0.1:5957/team/app:1';
      await engine.ok('tag', 'app:1', name);
      const pushed = (await engine.ok('push', name)).match(/digest: (sha256:[0-9a-f]{64})/)![1];
      const id = await engine.ok('image', 'inspect', '-f', '{{.Id}}', name);
      for (const image of (await engine.ok('images', '-aq', '--no-trunc')).split('\n'))
        await engine.docker('rmi', '-f', image);
      assert.equal(await engine.ok('images', '-aq'), '');
      const pulled = await engine.ok('pull', name);
      assert.match(pulled, new RegExp(`Digest: ${pushed}\\nStatus: Downloaded newer image for ${name}`));
      assert.equal(await engine.ok('image', 'inspect', '-f', '{{.Id}}', name), id);
      assert.match(await engine.ok('run', '--rm', name), /^changed\nbuilt\n/);
      assert.match(await engine.ok('pull', name), /Status: Image is up to date/);
    } finally {
      registry.kill();
    }
  });

  test('the engine dies by kill -9: containers run on, print, end, and nothing is lost', async () => {
    const base = '127.0.0.1:5957/team/app:1';
    await engine.ok(
      'run',
      '-d',
      '--name',
      'survivor',
      base,
      'sh',
      '-c',
      'i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); sleep 0.05; done; exit 5',
    );
    await engine.ok('run', '-d', '--name', 'server', base, 'sleep', '1000');
    const pid = Number(await engine.ok('inspect', '-f', '{{.State.Pid}}', 'server'));
    await engine.crash();
    await new Promise((resolve) => setTimeout(resolve, 3000));
    assert.match(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), /sleep/);
    await engine.start();
    assert.equal(await engine.ok('wait', 'survivor'), '5');
    assert.deepEqual(
      (await engine.ok('logs', 'survivor')).split('\n'),
      Array.from({ length: 40 }, (_, i) => `line ${i}`),
    );
    assert.equal(await engine.ok('inspect', '-f', '{{.State.Pid}} {{.State.Running}}', 'server'), `${pid} true`);
    assert.equal(await engine.ok('exec', 'server', 'echo', 'alive'), 'alive');
    await engine.ok('rm', '-f', 'server', 'survivor');
  });

  test('errors carry Docker statuses and messages', async () => {
    const cases: [method: string, path: string, status: number, message: RegExp, body?: unknown][] = [
      ['GET', '/v1.41/containers/nosuch/json', 404, /^No such container: nosuch$/],
      ['GET', '/v1.41/images/nosuch/json', 404, /^No such image: nosuch:latest$/],
      ['GET', '/nosuch', 404, /^page not found$/],
      ['GET', '/v1.99/info', 400, /^client version 1\.99 is too new\. Maximum supported API version is 1\.56$/],
      ['GET', '/v1.12/info', 400, /^client version 1\.12 is too old\. Minimum supported API version is 1\.24/],
      ['POST', '/containers/create', 400, /^invalid JSON/, '{"Image":'],
      [
        'POST',
        '/containers/create',
        400,
        /HostConfig\.Memory: expected number/,
        { Image: 'x', HostConfig: { Memory: 'x' } },
      ],
      ['POST', '/containers/create', 404, /^No such image: nosuch:latest$/, { Image: 'nosuch' }],
      ['GET', '/containers/json?filters=%7B%22nosuch%22%3A%5B%22x%22%5D%7D', 400, /invalid filter 'nosuch'/],
    ];
    for (const [method, path, status, message, body] of cases) {
      const answer = await engine.api(method, path, body);
      assert.equal(answer.status, status, `${method} ${path}: ${answer.body}`);
      assert.match(JSON.parse(answer.body).message, message);
    }
  });
});

async function fetchText(port: number): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/`)).text();
}

async function eventually<T>(work: () => Promise<T>, ms = 5000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

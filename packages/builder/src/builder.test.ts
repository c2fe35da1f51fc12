import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { packTar, readTar } from '@corten/archive';
import type { Progress } from '@corten/images';
import { collect } from '@corten/util';
import { DEFAULTS, openBench, textOf, whyNot, writeTree } from './testing.ts';

type Bench = Awaited<ReturnType<typeof openBench>>;
let bench: Bench;
const skip = whyNot() ?? false;
before(async () => {
  if (!skip) bench = await openBench();
});
after(async () => {
  await bench?.[Symbol.asyncDispose]();
});

const FULL = `ARG V=1
FROM base:\${V} AS one
ENV A=1 B="two words"
ARG P
RUN echo hi > /hi && echo $P
COPY d /d
COPY a.txt b.txt /files/
WORKDIR /w
CMD ["sh"]
LABEL k=v
FROM one
COPY --from=0 /hi /hi2
EXPOSE 80 81/udp
VOLUME /data
USER app
HEALTHCHECK --interval=5s --retries=3 CMD echo ok
STOPSIGNAL SIGTERM
SHELL ["/bin/sh","-ec"]
ENTRYPOINT echo x
ONBUILD RUN echo hi
MAINTAINER me
`;
const FILES = { 'd/x.txt': 'x', 'd/sub/c.txt': 'c', 'a.txt': 'a', 'b.txt': 'b' };

test('every instruction: output, configuration and history as the classic builder makes them', { skip }, async () => {
  const options = { buildArgs: { P: '7', Q: '1' }, tags: ['full', 'full:latest', 'other:1'] };
  const first = await bench.build(FULL, FILES, options);
  assert.match(
    first.text,
    /^Step 1\/21 : ARG V=1\nStep 2\/21 : FROM base:\$\{V\} AS one\n ---> ID\nStep 3\/21 : ENV A=1 B="two words"\n ---> Running in ID\nRemoving intermediate container ID\n ---> ID\n/,
  );
  assert.match(
    first.text,
    /Step 5\/21 : RUN echo hi > \/hi && echo \$P\n ---> Running in ID\n7\nRemoving intermediate/,
  );
  assert.match(first.text, /Step 6\/21 : COPY d \/d\n ---> ID\nStep 7/);
  assert.match(
    first.text,
    / ---> ID\n\[Warning\] One or more build-args \[Q\] were not consumed\nSuccessfully built ID\nSuccessfully tagged full:latest\nSuccessfully tagged other:1\n$/,
  );
  const { config } = bench.images.get('full');
  assert.deepEqual(config.config, {
    Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'A=1', 'B=two words'],
    WorkingDir: '/w',
    Labels: { k: 'v' },
    ExposedPorts: { '80/tcp': {}, '81/udp': {} },
    Volumes: { '/data': {} },
    User: 'app',
    Healthcheck: { Test: ['CMD-SHELL', 'echo ok'], Interval: 5e9, Retries: 3 },
    StopSignal: 'SIGTERM',
    Shell: ['/bin/sh', '-ec'],
    Entrypoint: ['/bin/sh', '-ec', 'echo x'],
    OnBuild: ['RUN echo hi'],
  });
  assert.equal(config.author, 'me');
  const hash = /[0-9a-f]{64}/g;
  assert.deepEqual(
    config.history!.slice(1).map((h) => h.created_by!.replace(hash, 'HASH') + (h.empty_layer ? '' : ' *')),
    [
      '/bin/sh -c #(nop)  ENV A=1 B=two words',
      '/bin/sh -c #(nop)  ARG P',
      '|1 P=7 /bin/sh -c echo hi > /hi && echo $P *',
      '/bin/sh -c #(nop) COPY dir:HASH in /d  *',
      '/bin/sh -c #(nop) COPY multi:HASH in /files/  *',
      '/bin/sh -c #(nop) WORKDIR /w *',
      '/bin/sh -c #(nop)  CMD ["sh"]',
      '/bin/sh -c #(nop)  LABEL k=v',
      '/bin/sh -c #(nop) COPY file:HASH in /hi2  *',
      '/bin/sh -c #(nop)  EXPOSE 80 81/udp',
      '/bin/sh -c #(nop)  VOLUME [/data]',
      '/bin/sh -c #(nop)  USER app',
      '/bin/sh -c #(nop)  HEALTHCHECK &{["CMD-SHELL" "echo ok"] "5s" "0s" "0s" \'\\x03\'}',
      '/bin/sh -c #(nop)  STOPSIGNAL SIGTERM',
      '/bin/sh -ec #(nop)  SHELL [/bin/sh -ec]',
      '/bin/sh -ec #(nop)  ENTRYPOINT ["/bin/sh" "-ec" "echo x"]',
      '/bin/sh -ec #(nop)  ONBUILD RUN echo hi',
      '/bin/sh -ec #(nop)  MAINTAINER me',
    ],
  );

  const again = await bench.build(FULL, FILES, options);
  assert.equal(again.id, first.id);
  assert.equal(again.text.match(/ ---> Using cache\n/g)!.length, 18);
  for (const [, id] of textWithIds(again.lines).matchAll(/ ---> ([0-9a-f]{12})\n/g))
    assert.ok(bench.images.find(id!), id);
});

const textWithIds = (lines: Progress[]) => lines.map((l) => l.stream ?? '').join('');

test('the cache: contents count, times do not; arguments, noCache and vanished images', { skip }, async () => {
  const file = 'FROM base:1\nARG X\nCOPY f /f\nRUN echo $X >> /log\n';
  const cached = async (text: string, options = {}) =>
    ((await bench.build(file, { f: text }, options)).text.match(/Using cache/g) ?? []).length;
  assert.equal(await cached('1'), 0);
  assert.equal(await cached('1'), 3);
  assert.equal(await cached('2'), 1, 'another content');
  assert.equal(await cached('1', { buildArgs: { X: 'y' } }), 2, 'another argument');
  assert.equal(await cached('1', { noCache: true }), 0);
  assert.equal(
    await cached('1', { buildArgs: { http_proxy: 'p' } }),
    2,
    'a predefined argument is new to RUN only once',
  );
  assert.equal(await cached('1', { buildArgs: { http_proxy: 'q' } }), 3, 'its value does not count');
  const { id } = await bench.build(file, { f: 'gone' });
  await bench.images.remove(id, { force: true });
  assert.ok((await cached('gone')) < 3, 'its image is gone');
});

test('COPY: destinations, owners, modes, links', { skip }, async () => {
  await bench.build(
    `FROM base:1
RUN chmod 1777 /tmp
COPY --chown=app:grp d /tmp
COPY --chown=1:2 d /new/e
COPY --chown=4 a /g/h/
COPY d/link /lnk
COPY a /dangling/z
COPY d /q
COPY a /q
COPY a /out/evil
COPY --chmod=4711 a /mode
COPY d* [ab] /glob/
COPY d/. rel
WORKDIR /w
COPY a b ./
`,
    { 'd/x': 'x', 'd/sub/c': 'c', 'd/link': { link: 'x' }, 'd/run': { mode: 0o755, text: '' }, a: 'a', b: 'b' },
    { tags: ['copied'] },
  );
  const stat = (paths: string) => bench.look('copied', `stat -c '%n %a %u:%g %F' ${paths}`);
  assert.equal(
    await stat('/tmp /tmp/x /tmp/sub /tmp/link /tmp/run /new /new/e /new/e/x /g /g/h /g/h/a /lnk'),
    `/tmp 1777 0:0 directory
/tmp/x 644 1000:1001 regular file
/tmp/sub 755 1000:1001 directory
/tmp/link 777 1000:1001 symbolic link
/tmp/run 755 1000:1001 regular empty file
/new 755 0:0 directory
/new/e 755 1:2 directory
/new/e/x 644 1:2 regular file
/g 755 4:4 directory
/g/h 755 4:4 directory
/g/h/a 644 4:4 regular file
/lnk 644 0:0 regular file
`,
  );
  assert.equal(
    await stat('/real/z /q/old /q/sub /q/sub/c /q/a /etc/evil /mode'),
    `/real/z 644 0:0 regular file
/q/old 644 0:0 regular file
/q/sub 755 0:0 directory
/q/sub/c 644 0:0 regular file
/q/a 644 0:0 regular file
/etc/evil 644 0:0 regular file
/mode 4711 0:0 regular file
`,
  );
  assert.equal(
    await bench.look('copied', 'ls /glob /rel /w'),
    '/glob:\na\nb\nlink\nrun\nsub\nx\n\n/rel:\nlink\nrun\nsub\nx\n\n/w:\na\nb\n',
  );
});

test('COPY --from keeps owners, modes and hard links; stages that nothing needs are not built', { skip }, async () => {
  const { text } = await bench.build(
    `FROM base:1 AS src
RUN mkdir /t; echo s > /t/s; ln /t/s /t/s2; chmod 4755 /t/s; ln -s gone /t/dang
RUN touch /t/own && chmod 600 /t/own && busybox chown 5:6 /t/own
FROM base:1
RUN false
FROM base:1
COPY --from=src /t /u
COPY --from=base:1 /etc/passwd /p
`,
    {},
    { tags: ['from'] },
  );
  assert.doesNotMatch(text, /RUN false/);
  assert.match(text, /Step 1\/6/);
  assert.equal(
    await bench.look('from', "cd /u; stat -c '%n %a %u:%g %h' dang own s s2"),
    'dang 777 0:0 1\nown 600 5:6 1\ns 4755 0:0 2\ns2 4755 0:0 2\n',
  );
});

test('.dockerignore applies, even to the Dockerfile that is built', { skip }, async () => {
  await bench.build(
    'FROM base:1\nCOPY . /c\n',
    { '.dockerignore': '*\n!keep\n!deep/x\n', keep: '', drop: '', 'deep/x': '', 'deep/y': '' },
    { tags: ['ign'] },
  );
  assert.equal(await bench.look('ign', 'cd /c; ls -A . deep'), '.:\ndeep\nkeep\n\ndeep:\nx\n');
  await assert.rejects(bench.build('FROM base:1\nCOPY drop /', { '.dockerignore': 'drop', drop: '' }), {
    message:
      'COPY failed: file not found in build context or excluded by .dockerignore: stat drop: file does not exist',
  });
});

test('ADD unpacks local archives, not downloads', { skip }, async () => {
  writeTree(`${bench.dir}/packed`, { 'p/one': '1' });
  const tar = await collect(packTar({ root: `${bench.dir}/packed`, path: '/', name: '' }), 1 << 20);
  const gz = gzipSync(tar);
  const server = createServer((request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: '/x.tar' }).end();
    else if (request.url === '/x.tar')
      response.writeHead(200, { 'last-modified': 'Wed, 01 Jan 2020 00:00:00 GMT' }).end(tar);
    else response.writeHead(404).end('nothing');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const context = `${bench.dir}/add`;
    writeTree(context, {
      Dockerfile: `FROM base:1\nADD a.tgz plain /in/\nADD ${url}/x.tar /net/\nADD ${url}/moved /net2\n`,
      plain: 'p',
    });
    writeFileSync(`${context}/a.tgz`, gz);
    const { id } = await bench.build(
      `FROM base:1\nADD ${url}/x.tar /net/\nADD ${url}/moved /net2\n`,
      {},
      { tags: ['net'] },
    );
    assert.ok(id);
    assert.equal(
      await bench.look('net', "stat -c '%n %a %Y' /net/x.tar /net2"),
      '/net/x.tar 600 1577836800\n/net2 600 1577836800\n',
    );
    await assert.rejects(bench.build(`FROM base:1\nADD ${url}/none /n`), {
      message: `ADD failed: failed to GET ${url}/none with status 404 Not Found: nothing`,
    });
    const lines: Progress[] = [];
    const packed = packTar({ root: context, path: '/', name: '' });
    await bench.builder.build(
      packed,
      { ...DEFAULTS, tags: ['added'] },
      (l) => lines.push(l),
      new AbortController().signal,
    );
    assert.equal(await bench.look('added', 'cd /in; ls . p'), '.:\np\nplain\n\np:\none\n');
  } finally {
    server.close();
  }
});

test('RUN: failure, its code, stderr in red, and nothing left behind', { skip }, async () => {
  const lines: Progress[] = [];
  await assert.rejects(bench.build('FROM base:1\nRUN echo bad >&2; exit 3', {}, { lines }), {
    message: "The command '/bin/sh -c echo bad >&2; exit 3' returned a non-zero code: 3",
    exitCode: 3,
  });
  assert.match(textOf(lines), /\x1b\[91mbad\n\x1b\[0m$/);
  assert.deepEqual(bench.snapshots.keys(), []);
  await assert.rejects(
    bench.build('FROM base:1\nRUN --mount=type=cache,target=/x true'),
    /^CortenError: the --mount option requires BuildKit\. Refer to/,
  );
});

test('RUN leaves no mount points in its layer, and no layer when nothing changed', { skip }, async () => {
  const { id } = await bench.build('FROM base:1\nRUN true\nRUN touch /only');
  const { config } = bench.images.get(id);
  assert.equal(config.history![1]!.empty_layer, true);
  const chain = bench.images.chainOf(config.rootfs.diff_ids)!;
  const names: string[] = [];
  for await (const entry of readTar(bench.snapshots.tar(chain))) names.push(entry.header.name);
  assert.deepEqual(names, ['only']);
});

test('contexts: compressed, and without the padding of the last file', { skip }, async () => {
  const context = `${bench.dir}/raw`;
  writeTree(context, { Dockerfile: 'FROM base:1\nCOPY z /z\n', z: 'last' });
  const tar = await collect(packTar({ root: context, path: '/', name: '' }), 1 << 20);
  const end = tar.lastIndexOf('last') + 4;
  for (const bytes of [gzipSync(tar), zstdCompressSync(tar), tar.subarray(0, end)]) {
    const lines: Progress[] = [];
    const signal = new AbortController().signal;
    const id = await bench.builder.build(Readable.from([bytes]), DEFAULTS, (l) => lines.push(l), signal);
    assert.equal(await bench.look(id, 'cat /z'), 'last');
  }
});

test('here-documents in RUN and COPY', { skip }, async () => {
  const { text } = await bench.build(`FROM base:1
ENV N=world
COPY <<A <<"B" /h/
hello $N
A
raw $N
B
RUN <<EOF
echo one
echo two
EOF
RUN cat <<X > /h/c
three $N
X
RUN <<S
#!/bin/busybox cat
script
S
RUN cat /h/A /h/B /h/c; ls -A /
`);
  assert.match(text, /Running in ID\none\ntwo\nRemoving/);
  assert.match(text, /Running in ID\n#!\/bin\/busybox cat\nscript\nRemoving/);
  assert.match(text, /Running in ID\nhello world\nraw \$N\nthree world\nbin\n/);
  assert.doesNotMatch(text, /\.build-script/);
});

test('cancelling ends the running step and leaves nothing', { skip }, async () => {
  const abort = new AbortController();
  const lines: Progress[] = [];
  const building = bench.build('FROM base:1\nRUN sleep 30', {}, { signal: abort.signal, lines });
  building.catch(() => {});
  while (!textOf(lines).includes('Running in')) await sleep(10);
  await sleep(200);
  const started = performance.now();
  abort.abort();
  await assert.rejects(building, { kind: 'cancelled' });
  assert.ok(performance.now() - started < 5000);
  assert.deepEqual(bench.snapshots.keys(), []);
  while (readdirSync(bench.root).length > 0) await sleep(10);
});

test('FROM scratch, ONBUILD, target, labels, quiet', { skip }, async () => {
  const scratch = await bench.build('FROM scratch\nCOPY a /\nCMD ["/a"]', { a: '' });
  assert.equal(bench.images.get(scratch.id).config.rootfs.diff_ids.length, 1);
  assert.match(scratch.text, /^Step 1\/3 : FROM scratch\n ---> \nStep 2/);
  await assert.rejects(bench.build('FROM scratch'), { message: 'No image was generated. Is your Dockerfile empty?' });
  const triggered = await bench.build(
    'FROM base:1 AS b\nONBUILD RUN echo trig\nONBUILD ENV Z=1\nFROM b\nRUN echo $Z\n',
  );
  assert.match(
    triggered.text,
    /# Executing 2 build triggers\n ---> Running in ID\ntrig\nRemoving intermediate container ID\n ---> Running in ID\nRemoving intermediate container ID\n ---> ID\n/,
  );
  assert.equal(bench.images.get(triggered.id).config.config!.OnBuild, undefined);
  const target = await bench.build(
    'FROM base:1 AS x\nENV a=1\nFROM base:1\nRUN false',
    {},
    { target: 'X', labels: { z: '1', y: '2' } },
  );
  assert.deepEqual(bench.images.get(target.id).config.config!.Labels, { y: '2', z: '1' });
  await assert.rejects(bench.build('FROM base:1', {}, { target: 'zz' }), {
    message: 'failed to reach build target zz in Dockerfile',
  });
  const quiet = await bench.build('FROM base:1\nRUN echo x', {}, { quiet: true });
  assert.deepEqual(quiet.lines, [{ stream: `${quiet.id}\n` }]);
});

const REFUSED: [file: string, message: string][] = [
  [
    'FROM base:1\nCOPY a b /x',
    'When using COPY with more than one source file, the destination must be a directory and end with a /',
  ],
  ['FROM base:1\nCOPY zz* /x/', 'COPY failed: no source files were specified'],
  ['FROM base:1\nCOPY ../a /x/', 'COPY failed: forbidden path outside the build context: ../a ()'],
  [
    'FROM base:1\nCOPY out/passwd /x',
    'COPY failed: file not found in build context or excluded by .dockerignore: stat out/passwd: file does not exist',
  ],
  ['FROM base:1\nCOPY http://x/y /z', "COPY failed: source can't be a URL for COPY"],
  ['FROM base:1\nCOPY --from=9 a /', 'invalid from flag value 9: index out of bounds'],
  ['FROM base:1\nCOPY --from=0 a /', 'invalid from flag value 0: refers to current build stage'],
  ['FROM base:1\nCOPY --from=base:1 /nope /', 'COPY failed: stat nope: file does not exist'],
  [
    'FROM base:1\nCOPY --chown=nobody a /',
    "unable to convert uid/gid chown string to host mapping: can't find uid for user nobody: no such user: nobody",
  ],
  ['FROM base:1\nCOPY a /bin/busybox/x', 'failed to copy files: mkdir /bin/busybox: not a directory'],
  ['FROM base:1\nEXPOSE abc', 'Invalid containerPort: abc'],
  ['FROM base:1\nEXPOSE 80/foo', 'Invalid proto: foo'],
  ['FROM base:1\nSTOPSIGNAL FOO', 'Invalid signal: FOO'],
  ['FROM base:1\nRUN []', 'No command specified'],
  ['FROM $X', 'base name ($X) should not be blank'],
  [
    'FROM --platform=a/b/c/d base:1',
    'failed to parse platform a/b/c/d: "a/b/c/d": cannot parse platform specifier: invalid argument',
  ],
];

test('refusals in Docker’s words', { skip }, async () => {
  for (const [file, message] of REFUSED)
    await assert.rejects(bench.build(file, { a: 'a', b: 'b', out: { link: '/etc' } }), (error: Error) => {
      assert.ok(error.message.endsWith(message), `${file}: ${error.message}`);
      return true;
    });
  await assert.rejects(bench.build('FROM base:1', {}, { dockerfile: 'nope' }), {
    message: 'Cannot locate specified Dockerfile: nope',
  });
  await assert.rejects(bench.build('FROM base:1', {}, { dockerfile: '../x' }), {
    message: 'forbidden path outside the build context: ../x ()',
  });
  await assert.rejects(bench.build('FROM base:1', {}, { squash: true }), {
    message: 'squash is only supported with experimental mode',
  });
});

test('cache from an image that came from elsewhere', { skip }, async () => {
  const file = 'FROM base:1\nENV a=b\nRUN echo x > /x\nCMD ["y"]';
  const built = await bench.build(file, {}, { tags: ['seed'] });
  await bench.builder.prune({ all: true });
  assert.doesNotMatch((await bench.build('FROM base:1\nENV a=b', {}, {})).text, /Using cache/);
  await bench.builder.prune({ all: true });
  const from = await bench.build(file, {}, { cacheFrom: ['seed', 'unknown:1'] });
  assert.equal(from.text.match(/Using cache/g)!.length, 3);
  assert.equal(from.id, built.id);
});

test('a warm build of nine steps costs a few milliseconds', { skip }, async (t) => {
  const file =
    'FROM base:1\nENV A=1\nLABEL b=c\nWORKDIR /app\nCOPY src /app\nRUN echo hi\nEXPOSE 80\nUSER app\nCMD ["sh"]\n';
  const run = async () => {
    const started = performance.now();
    await bench.build(file, { 'src/a': 'a' });
    return performance.now() - started;
  };
  await run();
  const times = [await run(), await run(), await run(), await run(), await run()];
  t.diagnostic(`${times.map((x) => x.toFixed(1)).join(' ')} ms`);
  assert.ok(Math.min(...times) < 60, String(times)); // a loaded machine; 5 ms when it is quiet
});

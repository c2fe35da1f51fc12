import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { ImageConfig } from '@corten/oci';
import { createRegistry } from '@corten/registry';
import { memoryContent, testImages } from './testing.ts';
import type { Progress } from './types.ts';

const signal = () => AbortSignal.timeout(20_000);

async function server(listener: RequestListener) {
  const http = createServer(listener);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

async function registryServer(wrap: (inner: RequestListener) => RequestListener = (inner) => inner) {
  const root = mkdtempSync(join(tmpdir(), 'corten-transfer-'));
  const content = memoryContent();
  const registry = createRegistry({ root, content });
  const http = await server(wrap(registry.handler));
  return {
    host: http.host,
    content,
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]();
      await registry.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Two layers; the upper one big enough to come in several chunks. */
async function someImage(t: Awaited<ReturnType<typeof testImages>>, name: string) {
  let seed = 1;
  const noise = Buffer.alloc(300_000);
  for (let i = 0; i < noise.length; i++) {
    seed = (seed * 48271) % 2147483647;
    noise[i] = seed & 255;
  }
  const base = t.snapshots.add(Buffer.alloc(10_240, 'base'));
  const top = t.snapshots.add(noise, base.chainId);
  const config: ImageConfig = {
    os: 'linux',
    architecture: 'amd64',
    config: { Cmd: ['/bin/sh'] },
    rootfs: { type: 'layers', diff_ids: [base.diffId, top.diffId] },
  };
  return t.images.create(config, { references: [name] });
}

const statuses = (lines: Progress[]) => lines.map((l) => (l.id ? `${l.status}` : (l.status ?? ''))).filter(Boolean);

test('a pushed image comes back with the same digest, and again from elsewhere', async () => {
  await using r = await registryServer();
  using a = await testImages();
  const name = `${r.host}/team/app:1`;
  const image = await someImage(a, name);
  const lines: Progress[] = [];
  const push = (text: string) => a.images.push(text, { onProgress: (l) => void lines.push(l), signal: signal() });
  await push(name);
  assert.equal(lines[0]!.status, `The push refers to repository [${r.host}/team/app]`);
  assert.equal(statuses(lines).filter((s) => s === 'Pushed').length, 2);
  const aux = lines.at(-1)!.aux as { Tag: string; Digest: string; Size: number };
  assert.equal(lines.at(-2)!.status, `1: digest: ${aux.Digest} size: ${aux.Size}`);
  assert.deepEqual(a.images.get(name).repoDigests, [`${r.host}/team/app@${aux.Digest}`]);

  lines.length = 0;
  await push(name);
  assert.equal(statuses(lines).filter((s) => s === 'Layer already exists').length, 2);
  a.images.tag(name, `${r.host}/other/copy:2`);
  lines.length = 0;
  await push(`${r.host}/other/copy:2`);
  assert.equal(statuses(lines).filter((s) => s === 'Mounted from team/app').length, 2);

  using b = await testImages();
  const pulled: Progress[] = [];
  const pull = (text: string) => b.images.pull(text, { onProgress: (l) => void pulled.push(l), signal: signal() });
  const got = await pull(name);
  assert.equal(got.id, image.id);
  assert.deepEqual(pulled[0], { status: 'Pulling from team/app', id: '1' });
  for (const wanted of ['Pulling fs layer', 'Downloading', 'Verifying Checksum', 'Download complete', 'Pull complete'])
    assert.ok(statuses(pulled).includes(wanted), wanted);
  assert.deepEqual(statuses(pulled).slice(-2), [`Digest: ${aux.Digest}`, `Status: Downloaded newer image for ${name}`]);
  assert.deepEqual(got.repoDigests, [`${r.host}/team/app@${aux.Digest}`]);
  pulled.length = 0;
  await pull(name);
  assert.equal(pulled.at(-1)!.status, `Status: Image is up to date for ${name}`);
  assert.equal((await pull(`${r.host}/other/copy@${aux.Digest}`)).id, image.id);

  // What was pulled is pushed under the same digest.
  b.images.tag(name, `${r.host}/third/x:3`);
  const again: Progress[] = [];
  await b.images.push(`${r.host}/third/x:3`, { onProgress: (l) => void again.push(l), signal: signal() });
  assert.equal((again.at(-1)!.aux as { Digest: string }).Digest, aux.Digest);

  await b.images.remove(image.id, { force: true });
  assert.equal(b.content.blobs.size, 0);
  assert.equal(b.snapshots.layers().length, 0);
});

test('a corrupted or cut layer leaves nothing', async () => {
  let mode: 'good' | 'corrupt' | 'cut' | 'cut-once' = 'good';
  let cuts = 0;
  await using r = await registryServer((inner) => (request, response) => {
    const isBlob = request.method === 'GET' && /\/blobs\/sha256:/.test(request.url ?? '');
    if (!isBlob || mode === 'good') return inner(request, response);
    const write = response.write.bind(response);
    response.write = ((chunk: Buffer, ...rest: []) => {
      if (chunk.length < 5000) return write(chunk, ...rest);
      if (mode === 'corrupt') return write(Buffer.concat([chunk.subarray(0, -9), Buffer.from('corrupted')]), ...rest);
      if (mode === 'cut-once' && cuts > 0) return write(chunk, ...rest);
      cuts++;
      write(chunk.subarray(0, 4000));
      setTimeout(() => request.socket.destroy(), 30);
      return true;
    }) as typeof response.write;
    inner(request, response);
  });
  using a = await testImages();
  const name = `${r.host}/app:1`;
  const image = await someImage(a, name);
  await a.images.push(name, { onProgress: () => {}, signal: signal() });
  using b = await testImages();
  const pull = () => b.images.pull(name, { onProgress: () => {}, signal: signal() });
  mode = 'corrupt';
  await assert.rejects(pull(), { kind: 'invalid' });
  assert.deepEqual([b.images.list().length, b.snapshots.layers().length, b.content.blobs.size], [0, 0, 0]);
  mode = 'cut-once';
  cuts = 0;
  assert.equal((await pull()).id, image.id);
  assert.equal(cuts, 1);
});

test('an interrupted pull leaves nothing visible and goes on where it was', async () => {
  let stall = true;
  const ranges: (string | undefined)[] = [];
  await using r = await registryServer((inner) => (request, response) => {
    if (request.method !== 'GET' || !/\/blobs\/sha256:/.test(request.url ?? '')) return inner(request, response);
    ranges.push(request.headers.range);
    const end = response.end.bind(response);
    const write = response.write.bind(response);
    response.write = ((chunk: Buffer) =>
      stall && chunk.length > 5000 ? write(chunk.subarray(0, 4000)) : write(chunk)) as typeof response.write;
    response.end = ((...args: []) => (stall ? response : end(...args))) as typeof response.end;
    inner(request, response);
  });
  using a = await testImages();
  const name = `${r.host}/app:1`;
  stall = false;
  await someImage(a, name);
  await a.images.push(name, { onProgress: () => {}, signal: signal() });
  stall = true;
  using b = await testImages();
  const stop = new AbortController();
  const onProgress = (l: Progress) => {
    if (l.status === 'Downloading') setTimeout(() => stop.abort(), 50);
  };
  await assert.rejects(b.images.pull(name, { onProgress, signal: stop.signal }), { kind: 'cancelled' });
  assert.deepEqual([b.images.list().length, b.snapshots.layers().length, b.content.blobs.size], [0, 0, 0]);
  stall = false;
  await b.images.pull(name, { onProgress: () => {}, signal: signal() });
  assert.ok(ranges.includes('bytes=4000-'), `${ranges}`);
});

test('refusals read as Docker’s', async () => {
  await using r = await registryServer();
  using t = await testImages();
  const options = () => ({ onProgress: () => {}, signal: signal() });
  await assert.rejects(t.images.pull(`${r.host}/x:y`, options()), {
    kind: 'notFound',
    message: `manifest for ${r.host}/x:y not found: manifest unknown: manifest unknown`,
  });
  await assert.rejects(t.images.push(`${r.host}/x:y`, options()), {
    message: `An image does not exist locally with the tag: ${r.host}/x`,
  });
  await using denied = await server(
    (_q, s) =>
      void s
        .writeHead(_q.url === '/v2/' ? 200 : 403, { 'content-type': 'application/json' })
        .end('{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}'),
  );
  await assert.rejects(t.images.pull(`${denied.host}/x`, options()), {
    message: `pull access denied for ${denied.host}/x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
  });
  const gone = denied.host;
  await denied[Symbol.asyncDispose]();
  await assert.rejects(t.images.pull(`${gone}/x`, options()), {
    message: `Get "http://${gone}/v2/": dial tcp ${gone}: connect: connection refused`,
  });
});

test('an index gives the image of the wanted platform', async () => {
  await using r = await registryServer();
  using a = await testImages();
  const image = await a.images.import(Readable.from([Buffer.alloc(2048, 'x')]), {
    reference: `${r.host}/one:1`,
    platform: { os: 'linux', architecture: 's390x' },
  });
  const lines: Progress[] = [];
  await a.images.push(`${r.host}/one:1`, { onProgress: (l) => void lines.push(l), signal: signal() });
  const { Digest: digest, Size: size } = lines.at(-1)!.aux as { Digest: string; Size: number };
  const index = {
    schemaVersion: 2,
    manifests: [
      {
        mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
        digest,
        size,
        platform: { os: 'linux', architecture: 's390x' },
      },
    ],
  };
  const put = await fetch(`http://${r.host}/v2/one/manifests/multi`, {
    method: 'PUT',
    headers: { 'content-type': 'application/vnd.oci.image.index.v1+json' },
    body: JSON.stringify(index),
  });
  assert.equal(put.status, 201);
  using b = await testImages();
  const options = { onProgress: () => {}, signal: signal() };
  assert.equal(
    (await b.images.pull(`${r.host}/one:multi`, { ...options, platform: { os: 'linux', architecture: 's390x' } })).id,
    image.id,
  );
  await assert.rejects(
    b.images.pull(`${r.host}/one:multi`, { ...options, platform: { os: 'linux', architecture: 'amd64' } }),
    {
      message: 'no matching manifest for linux/amd64 in the manifest list entries',
    },
  );
});

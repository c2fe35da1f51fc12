import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { digestOf, MediaType } from '@corten/oci';
import { createRegistry, type RegistryOptions } from './index.ts';

async function start(options: Partial<RegistryOptions> = {}, root = mkdtempSync(join(tmpdir(), 'corten-registry-'))) {
  const registry = createRegistry({ ...options, root });
  await registry.ready;
  const http = createServer(registry.handler);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const stop = async () => {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
    await registry.close();
  };
  return {
    root,
    port,
    stop,
    call: (method: string, path: string, body?: string | Buffer, headers: Record<string, string> = {}) =>
      fetch(new URL(path, `http://127.0.0.1:${port}`), { method, body: body as string, headers }),
    async [Symbol.asyncDispose]() {
      await stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
type Server = Awaited<ReturnType<typeof start>>;

async function code(answer: Response): Promise<string> {
  const { errors } = (await answer.json()) as { errors: { code: string }[] };
  return `${answer.status} ${errors[0]!.code}`;
}
async function pushBlob(r: Server, name: string, text: string): Promise<{ digest: string; size: number }> {
  const digest = digestOf(text);
  const begun = await r.call('POST', `/v2/${name}/blobs/uploads/`);
  assert.equal(begun.status, 202);
  const done = await r.call('PUT', `${begun.headers.get('location')}?digest=${digest}`, text);
  assert.equal(done.status, 201);
  assert.equal(done.headers.get('docker-content-digest'), digest);
  return { digest, size: text.length };
}
async function pushImage(r: Server, name: string, tag: string, text: string, extra: object = {}): Promise<string> {
  const config = { mediaType: MediaType.ociConfig, ...(await pushBlob(r, name, `{"c":${JSON.stringify(text)}}`)) };
  const layer = { mediaType: MediaType.ociLayerGzip, ...(await pushBlob(r, name, text)) };
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config,
    layers: [layer],
    ...extra,
  });
  const put = await r.call('PUT', `/v2/${name}/manifests/${tag}`, manifest, { 'content-type': MediaType.ociManifest });
  assert.equal(put.status, 201, await put.text());
  return digestOf(manifest);
}

test('version check, push, pull, ranges, delete', async () => {
  await using r = await start();
  const ping = await r.call('GET', '/v2/');
  assert.equal(ping.status, 200);
  assert.equal(ping.headers.get('docker-distribution-api-version'), 'registry/2.0');
  const digest = await pushImage(r, 'a/b', 'v1', 'hello world');
  const byTag = await r.call('GET', '/v2/a/b/manifests/v1');
  assert.equal(byTag.headers.get('content-type'), MediaType.ociManifest);
  assert.equal(digestOf(await byTag.text()), digest);
  const head = await r.call('HEAD', `/v2/a/b/manifests/${digest}`);
  assert.equal(head.headers.get('docker-content-digest'), digest);
  const blob = `/v2/a/b/blobs/${digestOf('hello world')}`;
  assert.equal(await (await r.call('GET', blob)).text(), 'hello world');
  assert.equal((await r.call('HEAD', blob)).headers.get('content-length'), '11');
  const part = await r.call('GET', blob, undefined, { range: 'bytes=6-8' });
  assert.deepEqual([part.status, part.headers.get('content-range'), await part.text()], [206, 'bytes 6-8/11', 'wor']);
  assert.equal(await (await r.call('GET', blob, undefined, { range: 'bytes=-5' })).text(), 'world');
  assert.equal((await r.call('GET', blob, undefined, { range: 'bytes=11-' })).status, 416);
  assert.equal((await r.call('DELETE', '/v2/a/b/manifests/v1')).status, 202);
  assert.equal((await r.call('GET', `/v2/a/b/manifests/${digest}`)).status, 200);
  assert.equal((await r.call('DELETE', `/v2/a/b/manifests/${digest}`)).status, 202);
  assert.equal(await code(await r.call('GET', `/v2/a/b/manifests/${digest}`)), '404 MANIFEST_UNKNOWN');
  assert.equal((await r.call('DELETE', blob)).status, 202);
  assert.equal(await code(await r.call('GET', blob)), '404 BLOB_UNKNOWN');
});

test('uploads in pieces, with status, wrong order, cancel and wrong digest', async () => {
  await using r = await start();
  const at = (await r.call('POST', '/v2/x/blobs/uploads/')).headers.get('location')!;
  const first = await r.call('PATCH', at, 'hello ', { 'content-range': '0-5' });
  assert.deepEqual([first.status, first.headers.get('range')], [202, '0-5']);
  assert.equal(await code(await r.call('PATCH', at, 'x', { 'content-range': '3-3' })), '416 RANGE_INVALID');
  assert.equal((await r.call('GET', at)).headers.get('range'), '0-5');
  assert.equal((await r.call('PATCH', at, 'wor', { 'content-range': '6-8' })).status, 202);
  assert.equal((await r.call('PUT', `${at}?digest=${digestOf('hello world')}`, 'ld')).status, 201);
  assert.equal(await (await r.call('GET', `/v2/x/blobs/${digestOf('hello world')}`)).text(), 'hello world');

  const wrong = (await r.call('POST', '/v2/x/blobs/uploads/')).headers.get('location')!;
  assert.equal(await code(await r.call('PUT', `${wrong}?digest=${digestOf('a')}`, 'b')), '400 DIGEST_INVALID');
  assert.equal(await code(await r.call('GET', wrong)), '404 BLOB_UPLOAD_UNKNOWN');
  assert.equal((await r.call('HEAD', `/v2/x/blobs/${digestOf('b')}`)).status, 404);

  const gone = (await r.call('POST', '/v2/x/blobs/uploads/')).headers.get('location')!;
  assert.equal((await r.call('DELETE', gone)).status, 204);
  assert.equal((await r.call('PATCH', gone, 'x')).status, 404);
  const whole = await r.call('POST', `/v2/x/blobs/uploads/?digest=${digestOf('one')}`, 'one');
  assert.equal(whole.status, 201);
});

test('a broken upload keeps what arrived', async () => {
  await using r = await start();
  const at = (await r.call('POST', '/v2/x/blobs/uploads/')).headers.get('location')!;
  const socket = connect(r.port, '127.0.0.1');
  socket.write(`PATCH ${at} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhello`);
  await new Promise((resolve) => setTimeout(resolve, 100));
  socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal((await r.call('GET', at)).headers.get('range'), '0-4');
  assert.equal((await r.call('PUT', `${at}?digest=${digestOf('hello!')}`, '!')).status, 201);
});

test('mounting, and what repositories do not share', async () => {
  await using r = await start();
  const { digest } = await pushBlob(r, 'a', 'secret');
  assert.equal((await r.call('HEAD', `/v2/b/blobs/${digest}`)).status, 404);
  assert.equal((await r.call('POST', `/v2/b/blobs/uploads/?mount=${digest}&from=nope`)).status, 202);
  assert.equal((await r.call('POST', `/v2/b/blobs/uploads/?mount=${digest}&from=a`)).status, 201);
  assert.equal((await r.call('DELETE', `/v2/a/blobs/${digest}`)).status, 202);
  assert.equal(await (await r.call('GET', `/v2/b/blobs/${digest}`)).text(), 'secret');
});

test('bad manifests, names and digests are refused', async () => {
  await using r = await start();
  const put = (body: string, type: string = MediaType.ociManifest, tag = 'x') =>
    r.call('PUT', `/v2/a/manifests/${tag}`, body, { 'content-type': type });
  assert.equal(await code(await put('{')), '400 MANIFEST_INVALID');
  assert.equal(await code(await put('{"schemaVersion":1}')), '400 MANIFEST_INVALID');
  const missing = { mediaType: MediaType.ociConfig, digest: digestOf('nope'), size: 4 };
  assert.equal(
    await code(await put(JSON.stringify({ schemaVersion: 2, config: missing, layers: [] }))),
    '404 MANIFEST_BLOB_UNKNOWN',
  );
  assert.equal(await code(await put('{}', MediaType.ociManifest, digestOf('other'))), '400 DIGEST_INVALID');
  assert.equal(await code(await put('{}', MediaType.ociManifest, '-bad')), '400 MANIFEST_INVALID');
  assert.equal(await code(await put('x'.repeat(5 << 20))), '413 MANIFEST_INVALID');
  assert.equal(await code(await r.call('GET', '/v2/UPPER/tags/list')), '400 NAME_INVALID');
  assert.equal(await code(await r.call('GET', '/v2/none/tags/list')), '404 NAME_UNKNOWN');
  assert.equal(await code(await r.call('GET', '/v2/a/blobs/sha256:..%2f..%2fx')), '400 DIGEST_INVALID');
  assert.equal((await r.call('GET', '/v2/..%2f..%2fetc/tags/list')).status, 400);
});

test('lists come in pages; referrers point at their subject', async () => {
  await using r = await start();
  const subject = await pushImage(r, 'app', 'v1', 'one');
  for (const tag of ['v2', 'v3']) await pushImage(r, 'app', tag, 'one');
  await pushImage(r, 'blobs/app', 'x', 'two');
  const page = await r.call('GET', '/v2/app/tags/list?n=2');
  assert.deepEqual(await page.json(), { name: 'app', tags: ['v1', 'v2'] });
  const next = /<([^>]+)>/.exec(page.headers.get('link')!)![1]!;
  const rest = await r.call('GET', next);
  assert.deepEqual([((await rest.json()) as { tags: string[] }).tags, rest.headers.get('link')], [['v3'], null]);
  assert.deepEqual(await (await r.call('GET', '/v2/_catalog')).json(), { repositories: ['app', 'blobs/app'] });
  const signature = await pushImage(r, 'app', 'sig', 'sig', {
    artifactType: 'application/x.sig',
    subject: { mediaType: MediaType.ociManifest, digest: subject, size: 1 },
    annotations: { a: 'b' },
  });
  const list = await r.call('GET', `/v2/app/referrers/${subject}?artifactType=application/x.sig`);
  assert.equal(list.headers.get('oci-filters-applied'), 'artifactType');
  const { manifests } = (await list.json()) as { manifests: { digest: string; artifactType: string }[] };
  assert.deepEqual(
    manifests.map((m) => [m.digest, m.artifactType]),
    [[signature, 'application/x.sig']],
  );
  assert.deepEqual(
    ((await (await r.call('GET', `/v2/app/referrers/${digestOf('x')}`)).json()) as { manifests: [] }).manifests,
    [],
  );
});

test('what was pushed is there after a restart', async () => {
  const first = await start();
  const digest = await pushImage(first, 'a', 'v1', 'kept');
  await first.stop();
  await using second = await start({}, first.root);
  assert.equal((await second.call('GET', '/v2/a/manifests/v1')).headers.get('docker-content-digest'), digest);
  assert.equal(await (await second.call('GET', `/v2/a/blobs/${digestOf('kept')}`)).text(), 'kept');
});

test('authentication, and a registry that only reads', async () => {
  await using r = await start({ authenticate: (user, password) => user === 'u' && password === 'p:w', readOnly: true });
  const no = await r.call('GET', '/v2/');
  assert.equal(no.headers.get('www-authenticate'), 'Basic realm="corten"');
  assert.equal(await code(no), '401 UNAUTHORIZED');
  const authorization = `Basic ${Buffer.from(`u:p:w`).toString('base64')}`;
  assert.equal((await r.call('GET', '/v2/', undefined, { authorization })).status, 200);
  assert.equal(await code(await r.call('POST', '/v2/a/blobs/uploads/', undefined, { authorization })), '403 DENIED');
});

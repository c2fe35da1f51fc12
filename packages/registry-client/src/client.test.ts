import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { digestOf, MediaType, parseReference } from '@corten/oci';
import { parseChallenges } from './challenge.ts';
import { isInsecure } from './endpoints.ts';
import { createRegistryClient } from './index.ts';

async function serve(listener: RequestListener) {
  const http = createServer(listener);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(http.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
const signal = () => AbortSignal.timeout(10_000);
const manifest = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociManifest, config: {}, layers: [] });

test('challenges are read, also several in one header and hostile ones', () => {
  assert.deepEqual(
    parseChallenges(
      'Bearer realm="https://a/t?x=1,2",service="s \\"q\\"",scope="repository:a:pull,push", Basic realm=x',
    ),
    [
      {
        scheme: 'bearer',
        parameters: { realm: 'https://a/t?x=1,2', service: 's "q"', scope: 'repository:a:pull,push' },
      },
      { scheme: 'basic', parameters: { realm: 'x' } },
    ],
  );
  assert.deepEqual(parseChallenges(undefined), []);
  assert.deepEqual(parseChallenges('"'), []);
  assert.deepEqual(parseChallenges('=,=,='), []);
  assert.equal(parseChallenges(`Bearer ${'a="'.repeat(3000)}`).length <= 1, true);
});

test('loopback and listed registries may be insecure', () => {
  for (const yes of ['localhost:5000', '127.0.0.1', '127.9.9.9:1', '[::1]:5000', 'r.lan:80', '10.1.2.3:5000'])
    assert.equal(isInsecure(yes, ['r.lan:80', '10.0.0.0/8']), true, yes);
  for (const no of ['docker.io', '127.evil.example', 'r.lan:81', '11.1.2.3', 'localhost.example'])
    assert.equal(isInsecure(no, ['r.lan:80', '10.0.0.0/8']), false, no);
});

test('a bearer token is fetched for the scope, with credentials, once', async () => {
  const asked: string[] = [];
  await using s = await serve((request, response) => {
    const url = new URL(request.url!, 'http://x');
    if (url.pathname === '/token') {
      asked.push(
        `${url.searchParams.get('scope')} ${url.searchParams.get('service')} ${request.headers.authorization}`,
      );
      return void response.end(JSON.stringify({ token: 'T', expires_in: 300 }));
    }
    if (request.headers.authorization !== 'Bearer T') {
      response.setHeader(
        'www-authenticate',
        `Bearer realm="http://${request.headers.host}/token",service="svc",scope="repository:a:pull"`,
      );
      return void response
        .writeHead(401)
        .end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
    }
    response.setHeader('content-type', MediaType.ociManifest);
    response.end(manifest);
  });
  const client = createRegistryClient();
  const credentials = { username: 'u', password: 'p' };
  const repository = client.open(parseReference(`${s.host}/a`), { credentials, access: 'pull', signal: signal() });
  for (const tag of ['x', 'y']) assert.equal((await repository.manifest(tag)).digest, digestOf(manifest));
  assert.deepEqual(asked, [`repository:a:pull svc Basic ${Buffer.from(`u:p`).toString('base64')}`]);
  assert.deepEqual(await client.login({ ...credentials, serveraddress: s.host }, signal()), {});
  client.close();
});

test('basic authentication; without credentials Docker’s words', async () => {
  await using s = await serve((request, response) => {
    if (request.headers.authorization === `Basic ${Buffer.from(`u:p`).toString('base64')}`)
      return void response.setHeader('content-type', MediaType.ociManifest).end(manifest);
    response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
  });
  const client = createRegistryClient();
  const open = (credentials?: object) =>
    client.open(parseReference(`${s.host}/a`), { credentials, access: 'pull', signal: signal() });
  assert.equal(
    (await open({ auth: Buffer.from(`u:p`).toString('base64') }).manifest('x')).mediaType,
    MediaType.ociManifest,
  );
  await assert.rejects(open().manifest('x'), { message: 'no basic auth credentials', kind: 'unauthorized' });
  await assert.rejects(open({ username: 'u', password: 'no' }).manifest('x'), {
    message: 'unauthorized: authentication required',
  });
  await assert.rejects(client.login({ username: 'u', password: 'no', serveraddress: s.host }, signal()), {
    message: `login attempt to http://${s.host}/v2/ failed with status: 401 Unauthorized`,
  });
  client.close();
});

test('trouble that passes is tried again; redirects do not carry credentials away', async () => {
  let calls = 0;
  let pings = 0;
  const leaked: unknown[] = [];
  await using storage = await serve((request, response) => {
    leaked.push(request.headers.authorization);
    response.end('blob');
  });
  await using s = await serve((request, response) => {
    if (request.url === '/v2/') return void response.writeHead(++pings === 1 ? 502 : 200).end();
    if (request.url!.includes('/blobs/'))
      return void response.writeHead(307, { location: `http://${storage.host}/x` }).end();
    if (++calls < 3) return void response.writeHead(calls === 1 ? 503 : 429, { 'retry-after': '0.05' }).end();
    response.setHeader('content-type', MediaType.ociManifest).end(manifest);
  });
  const client = createRegistryClient();
  const repository = client.open(parseReference(`${s.host}/a`), {
    credentials: { registrytoken: 'secret' },
    access: 'pull',
    signal: signal(),
  });
  await repository.manifest('x');
  assert.equal(calls, 3);
  const blob = { mediaType: 'x', digest: digestOf('blob'), size: 4 };
  assert.equal((await repository.blobBytes(blob)).toString(), 'blob');
  assert.deepEqual(leaked, [undefined]);
  await assert.rejects(repository.blobBytes({ ...blob, digest: digestOf('other') }), { kind: 'invalid' });
  await assert.rejects(repository.manifest(digestOf('other')), { message: /manifest verification failed/ });
  client.close();
});

test('a mirror is asked first and passed over when it lacks the image', async () => {
  const seen: string[] = [];
  const mirror =
    (has: boolean): RequestListener =>
    (request, response) => {
      seen.push(`${has} ${request.url}`);
      if (request.url === '/v2/') return void response.end();
      if (!has)
        return void response
          .writeHead(404)
          .end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
      response.setHeader('content-type', MediaType.ociManifest).end(manifest);
    };
  await using without = await serve(mirror(false));
  await using having = await serve(mirror(true));
  const client = createRegistryClient();
  client.configure({ mirrors: [`http://${without.host}`, `http://${having.host}`] });
  await client.open(parseReference('busybox'), { access: 'pull', signal: signal() }).manifest('latest');
  assert.deepEqual(seen, [
    'false /v2/',
    'false /v2/library/busybox/manifests/latest',
    'true /v2/',
    'true /v2/library/busybox/manifests/latest',
  ]);
  client.close();
});

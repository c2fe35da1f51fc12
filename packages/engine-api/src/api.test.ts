import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { after, before, test } from 'node:test';
import { notFound, notModified } from '@corten/errors';
import { createEvents } from '@corten/events';
import { createLogger } from '@corten/util';
import { createApi } from './api.ts';
import type { Services } from './services.ts';

/** The door alone: containers are a fake that echoes, so that what is tested is HTTP, framing and hijacking. */
const lines: string[] = [];
const containers = {
  isTty: (id: string) => id === 'tty',
  isExecTty: () => false,
  attach: async () => echo(),
  execStart: async () => echo(),
  start: async (id: string) => {
    if (id === 'running') throw notModified();
    throw notFound(`No such container: ${id}`);
  },
  resolve: (id: string) => id,
  wait: async () => ({ StatusCode: 3 }),
  create: async (body: { Image: string; Env: string[]; Cmd?: string[] }) => ({
    Id: `${body.Image}:${body.Env.length}:${body.Cmd}`,
    Warnings: [],
  }),
  stats: async function* () {
    yield { n: 1 };
    yield { n: 2 };
  },
};

/** stdout repeats what stdin gets; stderr says so once when stdin ends. */
function echo() {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  stdin.on('data', (chunk) => stdout.write(chunk));
  stdin.on('end', () => {
    stderr.end('bye');
    stdout.end();
  });
  return { stdin, stdout, stderr, [Symbol.asyncDispose]: async () => {} };
}

const log = createLogger(
  () => 'debug',
  'test',
  (line) => lines.push(line),
);
const services = { containers, events: createEvents(), log, system: { version: () => ({}) } } as unknown as Services;
let server: Server;
let port: number;
before(async () => {
  server = createApi(services, { serverHeader: 'Corten/test' }).newServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
after(() => {
  server.close();
  server.closeAllConnections();
});

const call = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init);
const post = (path: string, body: string, type = 'application/json') =>
  call(path, { method: 'POST', body, headers: { 'Content-Type': type } });

async function raw(...sent: (string | Buffer)[]): Promise<Buffer> {
  const socket: Socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  for (const part of sent) socket.write(part);
  socket.end();
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test('ping, in any version, with the headers clients negotiate by', async () => {
  for (const path of ['/_ping', '/v1.24/_ping', '/v1.56/_ping']) {
    const answer = await call(path);
    assert.equal(await answer.text(), 'OK');
    assert.equal(answer.headers.get('api-version'), '1.56');
    assert.equal(answer.headers.get('ostype'), 'linux');
    assert.equal(answer.headers.get('builder-version'), '1');
  }
  assert.equal((await call('/_ping', { method: 'HEAD' })).status, 200);
});

test('statuses: unknown page, wrong method, not modified without a body, not found', async () => {
  assert.deepEqual(await (await call('/nope')).json(), { message: 'page not found' });
  assert.equal((await call('/version', { method: 'DELETE' })).status, 405);
  const same = await call('/containers/running/start', { method: 'POST' });
  assert.deepEqual([same.status, await same.text()], [304, '']);
  const missing = await call('/containers/x/start', { method: 'POST' });
  assert.deepEqual([missing.status, await missing.json()], [404, { message: 'No such container: x' }]);
  assert.equal((await call('/containers/%zz/json')).status, 400);
});

test('bodies: null is the zero value, unknown fields pass, wrong types and types of body are named', async () => {
  const made = await post('/containers/create', '{"Image":"i","Env":null,"Cmd":"one","Nope":1}');
  assert.deepEqual(await made.json(), { Id: 'i:0:one', Warnings: [] });
  const wrong = await post('/containers/create', '{"Image":"i","HostConfig":{"Binds":[1]}}');
  assert.equal(wrong.status, 400);
  assert.match(
    ((await wrong.json()) as { message: string }).message,
    /HostConfig\.Binds\.0: expected string, but got 1/,
  );
  assert.match(
    ((await (await post('/containers/create', '{}', 'text/plain')).json()) as { message: string }).message,
    /unsupported Content-Type header/,
  );
  assert.equal((await post('/containers/create', '')).status, 400);
});

test('an upgraded attach: 101, frames, and the output after the client’s half-close', async () => {
  const answer = await raw(
    'POST /v1.47/containers/c/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n',
    'hello',
  );
  const [head, body] = split(answer);
  assert.match(head, /^HTTP\/1\.1 101 UPGRADED\r\nContent-Type: application\/vnd\.docker\.multiplexed-stream/);
  const frames = unframe(body);
  assert.equal(frames.stdout, 'hello');
  assert.equal(frames.stderr, 'bye');
});

test('a terminal is not framed, and old clients get the old media type', async () => {
  const answer = await raw(
    'POST /v1.41/containers/tty/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nraw',
  );
  const [head, body] = split(answer);
  assert.match(head, /vnd\.docker\.raw-stream/);
  assert.equal(body.toString(), 'raw');
});

test('exec start: the JSON body is read from the upgraded connection, stdin follows it', async () => {
  const body = '{"Detach":false,"Tty":false}';
  const answer = await raw(
    `POST /exec/e/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n${body}`,
    'after',
  );
  assert.equal(unframe(split(answer)[1]).stdout, 'after');
});

test('an attach without an upgrade streams in the answer’s body', async () => {
  const answer = await call('/containers/c/attach?stream=1&stdin=1&stdout=1', { method: 'POST', body: 'x' });
  assert.equal(answer.status, 200);
  assert.deepEqual(unframe(Buffer.from(await answer.arrayBuffer())), { stdout: 'x', stderr: 'bye' });
});

test('wait answers with one JSON line, stats with one a sample', async () => {
  assert.deepEqual(await (await call('/containers/c/wait?condition=next-exit', { method: 'POST' })).json(), {
    StatusCode: 3,
  });
  assert.equal((await call('/containers/c/wait?condition=never', { method: 'POST' })).status, 400);
  assert.equal(await (await call('/containers/c/stats')).text(), '{"n":1}\n{"n":2}\n');
});

test('events: history since a time, filters, end at until', async () => {
  services.events.publish('container', 'start', 'c1', { image: 'i', name: 'n' });
  services.events.publish('network', 'create', 'n1', { name: 'net' });
  const until = Math.floor(Date.now() / 1000) + 1;
  const answer = await call(`/events?since=0&until=${until}&filters=${encodeURIComponent('{"type":["container"]}')}`);
  const events = (await answer.text())
    .trim()
    .split('\n')
    .map((l) => JSON.parse(l));
  assert.deepEqual(
    events.map((e) => [e.Type, e.Action, e.id, e.from]),
    [['container', 'start', 'c1', 'i']],
  );
});

function split(answer: Buffer): [string, Buffer] {
  const end = answer.indexOf('\r\n\r\n');
  return [answer.subarray(0, end).toString(), answer.subarray(end + 4)];
}

function unframe(bytes: Buffer): { stdout: string; stderr: string } {
  const out = { stdout: '', stderr: '' };
  for (let at = 0; at < bytes.length; ) {
    const size = bytes.readUInt32BE(at + 4);
    const text = bytes.subarray(at + 8, at + 8 + size).toString();
    if (bytes[at] === 1) out.stdout += text;
    else if (bytes[at] === 2) out.stderr += text;
    else assert.fail(`stream ${bytes[at]}`);
    at += 8 + size;
  }
  return out;
}

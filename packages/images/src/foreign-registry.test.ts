import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testImages } from './testing.ts';
import type { Progress } from './types.ts';

const PROGRAM = '/usr/bin/docker-registry';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts the distribution project's own registry; its host and port. */
async function startRegistry(t: TestContext): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'corten-distribution-'));
  const port = await freePort();
  const config = join(root, 'config.yml');
  const lines = [
    'version: 0.1',
    'log:',
    '  level: error',
    'storage:',
    '  filesystem:',
    `    rootdirectory: ${root}/data`,
    'http:',
    `  addr: 127.0.0.1:${port}`,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  const child = spawn(PROGRAM, ['serve', config], { stdio: 'ignore' });
  t.after(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    rmSync(root, { recursive: true, force: true });
  });
  const host = `127.0.0.1:${port}`;
  for (let i = 0; i < 100; i++) {
    if (
      await fetch(`http://${host}/v2/`).then(
        (r) => r.ok,
        () => false,
      )
    )
      return host;
    await sleep(50);
  }
  throw new Error(`${PROGRAM} does not answer`);
}

test('push, mount and pull against the distribution project’s registry', async (t) => {
  if (!existsSync(PROGRAM)) return t.skip(`${PROGRAM} is not installed`);
  const host = await startRegistry(t);
  using a = await testImages();
  const base = a.snapshots.add(Buffer.alloc(10_240, 'base'));
  const top = a.snapshots.add(Buffer.alloc(3_000_000, 'top layer '), base.chainId);
  const config = {
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers' as const, diff_ids: [base.diffId, top.diffId] },
  };
  const image = await a.images.create(config, { references: [`${host}/team/app:1`, `${host}/team/copy:1`] });
  const lines: Progress[] = [];
  const push = async (name: string) => {
    lines.length = 0;
    await a.images.push(name, { onProgress: (l) => void lines.push(l), signal: AbortSignal.timeout(20_000) });
    return lines.at(-1)!.aux as { Digest: string };
  };
  const { Digest: digest } = await push(`${host}/team/app:1`);
  assert.equal((await push(`${host}/team/copy:1`)).Digest, digest);
  assert.equal(lines.filter((l) => l.status === 'Mounted from team/app').length, 2);
  using b = await testImages();
  const options = { onProgress: () => {}, signal: AbortSignal.timeout(20_000) };
  const got = await b.images.pull(`${host}/team/copy:1`, options);
  assert.equal(got.id, image.id);
  assert.deepEqual(got.repoDigests, [`${host}/team/copy@${digest}`]);
  assert.equal((await b.images.pull(`${host}/team/app@${digest}`, options)).id, image.id);
  await assert.rejects(b.images.pull(`${host}/team/app:none`, options), {
    message: `manifest for ${host}/team/app:none not found: manifest unknown: manifest unknown`,
  });
  const info = await b.images.distribution(`${host}/team/app:1`);
  assert.deepEqual(info.Platforms, [{ os: 'linux', architecture: 'amd64' }]);
});

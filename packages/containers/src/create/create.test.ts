import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ContainerConfigSchema, HostConfigSchema, parse } from '@corten/api-types';
import { applyChanges, words } from '../image/changes.ts';
import { checkName, randomName } from '../names.ts';
import { parseSignal } from '../signals.ts';
import { checkConfig, checkHostConfig } from './check-config.ts';
import { checkLogConfig, logBounds, parseSize } from './log-config.ts';
import { mergeImageConfig } from './merge-image.ts';
import { mountPoints, parseBind, parseMount } from './mount-specs.ts';
import { checkResources } from './resource-checks.ts';

const config = (value: object) => parse(ContainerConfigSchema, value);
const host = (value: object) => parse(HostConfigSchema, value);
const mount = (value: object) => host({ Mounts: [value] }).Mounts[0]!;

test('entrypoint and command rules', () => {
  const image = { Entrypoint: ['/e'], Cmd: ['c'], Env: ['A=image', 'B=image'], ExposedPorts: { '80': {} } };
  const merge = (user: object) => mergeImageConfig(config(user), image);
  assert.deepEqual([merge({}).Entrypoint, merge({}).Cmd], [['/e'], ['c']]);
  assert.deepEqual([merge({ Cmd: ['x'] }).Entrypoint, merge({ Cmd: ['x'] }).Cmd], [['/e'], ['x']]);
  assert.deepEqual([merge({ Entrypoint: ['/f'] }).Entrypoint, merge({ Entrypoint: ['/f'] }).Cmd], [['/f'], undefined]);
  const cleared = merge({ Entrypoint: [''], Cmd: ['x'] });
  assert.deepEqual([cleared.Entrypoint, cleared.Cmd], [undefined, ['x']]);
  assert.throws(() => mergeImageConfig(config({}), {}), /no command specified/);
  assert.deepEqual(merge({ Env: ['A=user'] }).Env, ['A=user', 'B=image']);
  assert.deepEqual(Object.keys(merge({ ExposedPorts: { '53/UDP': {} } }).ExposedPorts), ['80/tcp', '53/udp']);
});

test('binds', () => {
  assert.equal(parseBind('/a:/b').propagation, 'rprivate');
  assert.equal(parseBind('/a:/b:ro,rshared').rw, false);
  assert.deepEqual([parseBind('v:/b').type, parseBind('v:/b').name, parseBind('v:/b').mode], ['volume', 'v', 'z']);
  for (const bad of ['/a', '/a:/b:ro:x', ':/b', 'v:rw'])
    assert.throws(() => parseBind(bad), /invalid volume specification/);
  assert.throws(() => parseBind('/a:/b:ro,rw'), /invalid mode: ro,rw/);
  assert.throws(() => parseBind('/a:/'), /destination can't be '\/'/);
  assert.throws(() => parseBind('/a:b'), /mount path must be absolute/);
});

test('mounts', () => {
  assert.throws(
    () => parseMount(mount({ Type: 'bind', Source: '/does/not/exist', Target: '/x' })),
    /invalid mount config for type "bind": bind source path does not exist: \/does\/not\/exist/,
  );
  assert.equal(parseMount(mount({ Type: 'volume', Target: '/x' })).anonymous, true);
  assert.equal(
    parseMount(mount({ Type: 'tmpfs', Target: '/x', TmpfsOptions: { SizeBytes: 5, Mode: 0o700 } })).tmpfsOptions,
    'size=5,mode=700',
  );
  assert.throws(() => parseMount(mount({ Type: 'what', Target: '/x' })), /mount type unknown/);
  const none = () => {
    throw new Error('not asked');
  };
  assert.throws(() => mountPoints(host({ Binds: ['/a:/x', '/b:/x/'] }), {}, none), /Duplicate mount point: \/x/);
  assert.equal(mountPoints(host({ Binds: ['/a:/x'] }), { '/x': {}, '/y': {} }, none).length, 2);
});

test("checks carry Docker's messages", () => {
  assert.throws(() => checkConfig(config({ WorkingDir: 'a' })), /the working directory 'a' is invalid/);
  assert.throws(() => checkConfig(config({ Env: ['=x'] })), /invalid environment variable: =x/);
  const check = (h: object) => checkHostConfig(host(h), config({}));
  assert.throws(
    () => check({ AutoRemove: true, RestartPolicy: { Name: 'always' } }),
    /can't create 'AutoRemove' container/,
  );
  assert.throws(() => check({ RestartPolicy: { Name: 'x' } }), /unknown policy 'x'; use one of 'no', 'always'/);
  assert.throws(() => check({ ExtraHosts: ['a'] }), /bad format for add-host: "a"/);
  assert.throws(() => check({ IpcMode: 'x' }), /invalid IPC mode: x/);
  assert.throws(() => checkResources(host({ Memory: 1000 })), /Minimum memory limit allowed is 6MB/);
  assert.throws(() => checkResources(host({ NanoCpus: 1e15 })), /range of CPUs is from 0.01 to/);
  assert.throws(() => checkResources(host({ CpusetCpus: '900' })), /Requested CPUs are not available/);
});

test('log configuration', () => {
  const defaults = { logDriver: 'json-file', logOpts: { 'max-size': '1m' } };
  assert.deepEqual(checkLogConfig(undefined, defaults), { Type: 'json-file', Config: { 'max-size': '1m' } });
  assert.throws(
    () => checkLogConfig({ Type: 'nope', Config: {} }, defaults),
    /no log driver named 'nope' is registered/,
  );
  assert.throws(() => checkLogConfig({ Type: 'json-file', Config: { x: '1' } }, defaults), /unknown log opt 'x'/);
  assert.deepEqual(logBounds({ Type: 'json-file', Config: {} }), { maxSize: 20 << 20, maxFiles: 5 });
  assert.equal(parseSize('1.5k'), 1536);
});

test('names and signals', () => {
  assert.match(randomName(), /^[a-z]+_[a-z]+$/);
  assert.equal(checkName('/a1'), 'a1');
  assert.throws(
    () => checkName('-a'),
    /Invalid container name \(-a\), only \[a-zA-Z0-9\]\[a-zA-Z0-9_\.-\] are allowed/,
  );
  assert.deepEqual(['9', 'kill', 'SIGTERM', 'RTMIN+3'].map(parseSignal), [9, 9, 15, 37]);
  assert.throws(() => parseSignal('FOO'), /Invalid signal: FOO/);
});

test('changes', () => {
  const target: { config?: object } = { config: { Env: ['A=1'] } };
  applyChanges(target, [
    'CMD echo hi',
    'ENTRYPOINT ["/e", "x"]',
    'ENV A=2 B="b c"',
    'LABEL k=v',
    'EXPOSE 80 53/udp',
    'WORKDIR /a',
    'WORKDIR b',
    'VOLUME ["/v"]',
    'HEALTHCHECK --interval=5s CMD true',
  ]);
  assert.deepEqual(target.config, {
    Env: ['A=2', 'B=b c'],
    Cmd: ['/bin/sh', '-c', 'echo hi'],
    Entrypoint: ['/e', 'x'],
    Labels: { k: 'v' },
    ExposedPorts: { '80/tcp': {}, '53/udp': {} },
    WorkingDir: '/a/b',
    Volumes: { '/v': {} },
    Healthcheck: { Interval: 5e9, Test: ['CMD-SHELL', 'true'] },
  });
  assert.throws(() => applyChanges({}, ['RUN x']), /run is not a valid change command/);
  assert.deepEqual(words(`a "b c" d\\ e '' f'g'`), ['a', 'b c', 'd e', '', 'fg']);
  assert.throws(() => words('"a'), /matching double-quote/);
});

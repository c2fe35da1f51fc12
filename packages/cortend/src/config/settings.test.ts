import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readSettings } from './settings.ts';

const dir = mkdtempSync(join(tmpdir(), 'corten-config-'));
after(() => rmSync(dir, { recursive: true }));

const file = (content: unknown): string => {
  const path = join(dir, 'daemon.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};
const settings = (...argv: string[]) => readSettings(argv).settings;
const withFile = (content: unknown, ...argv: string[]) => settings('--config-file', file(content), ...argv);

test('defaults are those of a Corten engine', () => {
  const s = withFile({});
  assert.equal(s.dataRoot, '/var/lib/corten');
  assert.deepEqual(s.hosts, ['unix:///run/corten.sock']);
  assert.equal(s.liveRestore, true);
  assert.equal(s.logDriver, 'json-file');
  assert.equal(s.defaultShmSize, 64 << 20);
});

test('flags: values, shorthands, repetition, negation', () => {
  const s = withFile(
    '',
    '-D',
    '-H',
    'unix:///a.sock',
    '-H=tcp://127.0.0.1:2375',
    '--data-root=/d/',
    '--live-restore=false',
    '--log-opt',
    'max-size=1m',
    '--log-opt',
    'max-file=2',
    '--add-runtime',
    'mine=/bin/mine',
    '--default-shm-size',
    '128m',
    '-lwarn',
  );
  assert.deepEqual(s.hosts, ['unix:///a.sock', 'tcp://127.0.0.1:2375']);
  assert.equal(s.dataRoot, '/d');
  assert.equal(s.liveRestore, false);
  assert.deepEqual(s.logOpts, { 'max-size': '1m', 'max-file': '2' });
  assert.deepEqual(s.runtimes, { mine: { path: '/bin/mine', args: undefined } });
  assert.equal(s.defaultShmSize, 128 << 20);
  assert.equal(s.logLevel, 'debug', '-D wins over -l');
});

test('the configuration file uses the same names as dockerd', () => {
  const s = withFile({
    hosts: ['fd://'],
    'registry-mirrors': ['http://127.0.0.1:5001'],
    'insecure-registries': ['10.0.0.0/8'],
    'default-address-pools': [{ base: '10.9.0.0/16', size: 24 }],
    'default-ulimits': { nofile: { Name: 'nofile', Soft: 1, Hard: 2 } },
    runtimes: { x: { path: '/x', runtimeArgs: ['-a'] } },
  });
  assert.deepEqual(s.hosts, ['fd://']);
  assert.deepEqual(s.registryMirrors, ['http://127.0.0.1:5001/']);
  assert.deepEqual(s.defaultAddressPools, [{ base: '10.9.0.0/16', size: 24 }]);
  assert.deepEqual(s.defaultUlimits, [{ Name: 'nofile', Soft: 1, Hard: 2 }]);
  assert.deepEqual(s.runtimes['x'], { path: '/x', args: ['-a'] });
});

const refusals: [name: string, read: () => unknown, message: RegExp][] = [
  ['an unknown flag', () => withFile('', '--nope'), /unknown flag: --nope/],
  ['an unknown shorthand', () => withFile('', '-Z'), /unknown shorthand flag: 'Z' in -Z/],
  ['a flag without its value', () => withFile('', '--bip'), /flag needs an argument: --bip/],
  ['an argument', () => withFile('', 'start'), /accepts no arguments, but got "start"/],
  [
    'a number that is none',
    () => withFile('', '--mtu', 'x'),
    /invalid argument "x" for "--mtu" flag: strconv.ParseInt: parsing "x"/,
  ],
  [
    'an unknown key',
    () => withFile({ foo: 1, bar: 2 }),
    /the following directives don't match any configuration option: foo, bar/,
  ],
  ['a value of the wrong type', () => withFile({ debug: 'x' }), /debug: expected a boolean, but got "x"/],
  ['broken JSON', () => withFile('{"debug":'), /unable to configure the engine with file .*daemon\.json/],
  [
    'an option in both places',
    () => withFile({ debug: true }, '--debug'),
    /specified both as a flag and in the configuration file: debug: \(from flag: true, from file: true\)/,
  ],
  [
    'a missing file that was named',
    () => settings('--config-file', join(dir, 'none.json')),
    /unable to configure the engine with file .*none\.json/,
  ],
  ['a bad bip', () => withFile({ bip: '1.2.3.4.5/8' }), /bip: invalid CIDR address: 1\.2\.3\.4\.5\/8/],
  ['a bad host', () => withFile('', '-H', 'npipe://x'), /unsupported scheme "npipe"/],
  ['a bad level', () => withFile('', '-l', 'loud'), /invalid logging level: loud/],
  ['another storage driver', () => withFile({ 'storage-driver': 'zfs' }), /storage-driver: "zfs" is not supported/],
  ['a relative root', () => withFile('', '--data-root', 'x'), /data-root: "x" is not an absolute path/],
  [
    'a mirror with a fragment',
    () => withFile({ 'registry-mirrors': ['http://a/#b'] }),
    /invalid mirror: path, query, or fragment/,
  ],
];
for (const [name, read, message] of refusals) test(`refuses ${name} by name`, () => assert.throws(read, { message }));

test('an option without effect is taken and named', () => {
  const s = withFile({ 'userland-proxy': false });
  assert.equal(s.idle.length, 1);
  assert.match(s.idle[0]!, /^userland-proxy: /);
});

test('--validate, --version and --help are modes', () => {
  assert.equal(readSettings(['--validate', '--config-file', file({})]).mode, 'validate');
  assert.equal(readSettings(['--version']).mode, 'version');
  assert.equal(readSettings(['-h']).mode, 'help');
});

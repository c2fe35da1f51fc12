import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runFlags } from '../run/flags.ts';
import { UsageError } from './errors.ts';
import { bool, int, list, map, string, strings, unsupported } from './flag-types.ts';
import { parseFlags } from './flags.ts';

const known = {
  all: bool('a', ''),
  interactive: bool('i', ''),
  tty: bool('t', ''),
  publish: list('p', ''),
  name: string('', ''),
  number: int('n', '', { initial: -1 }),
  opt: map('o', ''),
  csv: strings('', ''),
  network: list('', '', { aliases: ['net'] }),
  never: unsupported('string', '', 'there is no such thing'),
  on: bool('', '', { initial: true }),
};

test('long and short spellings, values joined and apart, switches in groups', () => {
  const { flags, args } = parseFlags(
    [
      '-itp8080:80',
      '-p',
      '1:1',
      '-p=2:2',
      '--publish=3:3',
      '--name',
      'x',
      '--name=y',
      'arg',
      '-n3',
      '-o',
      'a=b=c',
      '-o',
      'd',
      '--csv',
      'a,"b,c"',
      '--on=false',
    ],
    known,
  );
  assert.deepEqual(flags.publish, ['8080:80', '1:1', '2:2', '3:3']);
  assert.equal(flags.interactive && flags.tty, true);
  assert.equal(flags.all, false);
  assert.equal(flags.name, 'y');
  assert.equal(flags.number, 3);
  assert.deepEqual(flags.opt, { a: 'b=c', d: '' });
  assert.deepEqual(flags.csv, ['a', 'b,c']);
  assert.equal(flags.on, false);
  assert.deepEqual(args, ['arg']);
});

test('-- ends options; a lone - is an argument; options stop at the first argument when asked to', () => {
  assert.deepEqual(parseFlags(['a', '-a', '--', '-t', '-'], known).args, ['a', '-t', '-']);
  const run = parseFlags(['-i', 'image', '-t', '--name'], known, false);
  assert.deepEqual(run.args, ['image', '-t', '--name']);
  assert.equal(run.flags.tty, false);
});

test('old spellings reach the flag; what was given is known', () => {
  const { flags, given } = parseFlags(['--net', 'host', '--on=false'], known);
  assert.deepEqual(flags.network, ['host']);
  assert.deepEqual([...given], ['network', 'on']);
});

test('errors name the flag as Docker does', () => {
  const cases: [string[], string][] = [
    [['--foo'], 'unknown flag: --foo'],
    [['-az'], "unknown shorthand flag: 'z' in -az"],
    [['--name'], 'flag needs an argument: --name'],
    [['-ap'], "flag needs an argument: 'p' in -ap"],
    [
      ['--all=maybe'],
      'invalid argument "maybe" for "-a, --all" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    [['-n', 'x'], 'invalid argument "x" for "-n, --number" flag: strconv.ParseInt: parsing "x": invalid syntax'],
    [['--=x'], 'bad flag syntax: --=x'],
    [['--never', '1'], 'invalid argument "1" for "--never" flag: not supported by corten: there is no such thing'],
  ];
  for (const [argv, message] of cases)
    assert.throws(
      () => parseFlags(argv, known),
      (error: Error) => error instanceof UsageError && error.message === message && error.exitCode === 125,
      message,
    );
});

test('help: --help always, -h unless it means something else', () => {
  assert.equal(parseFlags(['-h'], known).help, true);
  assert.equal(parseFlags(['--help'], runFlags, false).help, true);
  assert.equal(parseFlags(['-h', 'host', 'image'], runFlags, false).flags.hostname, 'host');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CortenError } from '@corten/errors';
import { parseDockerfile, parseTrigger } from './parse.ts';

const one = (text: string) => parseDockerfile(`FROM x\n${text}`).stages[0]!.instructions[0]!;
const fails = (text: string, message: string) =>
  assert.throws(() => parseDockerfile(text), { name: 'CortenError', message });

test('stages, names, platforms and arguments before FROM', () => {
  const file = parseDockerfile('ARG V=1\nFROM --platform=linux/amd64 a:$V AS Base\nRUN x\nFROM base\n');
  assert.deepEqual(file.metaArgs[0]!.args, [{ key: 'V', value: '1' }]);
  assert.deepEqual(
    file.stages.map(({ base, name, platform, line }) => ({ base, name, platform, line })),
    [
      { base: 'a:$V', name: 'base', platform: 'linux/amd64', line: 2 },
      { base: 'base', name: '', platform: '', line: 4 },
    ],
  );
});

test('continuation lines, comments and empty lines inside, CRLF, BOM', () => {
  const file = parseDockerfile('\ufeff# c\r\nFROM x\r\nRUN a \\\r\n  # comment\r\n\r\n  b \\\r\n  c\r\n');
  const run = file.stages[0]!.instructions[0]!;
  assert.equal(run.source, 'RUN a   b   c');
  assert.equal(run.line, 3);
  assert.match(file.warnings[0]!, /^\[WARNING\]: Empty continuation line found in:\n {4}RUN a/);
});

test('directives: escape, syntax, repeated, wrong', () => {
  assert.equal(one('RUN a').kind, 'run');
  const file = parseDockerfile('# syntax=docker/dockerfile:1\n# escape=`\nFROM x\nRUN a `\n b \\\n');
  assert.equal(file.escapeToken, '`');
  assert.equal(file.stages[0]!.instructions[0]!.source, 'RUN a  b \\');
  assert.equal(parseDockerfile('\n# escape=`\nFROM x').escapeToken, '\\', 'an empty line ends the directives');
  fails('# escape=x\nFROM x', "failed to parse Dockerfile: invalid escape token 'x' does not match ` or \\");
  fails('# escape=`\n# escape=`\nFROM x', 'failed to parse Dockerfile: only one escape parser directive can be used');
});

test('an escaped backslash at the end continues nothing', () => {
  assert.equal(parseDockerfile('FROM x\nRUN a \\\\\nRUN b').stages[0]!.instructions.length, 2);
});

test('exec and shell form', () => {
  assert.deepEqual(one('CMD ["a", "b c"]'), {
    kind: 'cmd',
    command: { shell: false, args: ['a', 'b c'] },
    source: 'CMD ["a", "b c"]',
    line: 2,
  });
  assert.partialDeepStrictEqual(one('RUN [a b'), { command: { shell: true, args: ['[a b'] } });
  assert.partialDeepStrictEqual(one('ENTRYPOINT []'), { command: { shell: false, args: [] } });
  assert.partialDeepStrictEqual(one('cmd'), { command: { shell: true, args: [] } });
  fails(
    'FROM x\nCMD [1]',
    'failed to parse Dockerfile: when using JSON array syntax, arrays must be comprised of strings only',
  );
});

test('ENV and LABEL: both forms, quotes, escapes', () => {
  const pairs = (text: string) => (one(text) as { pairs: unknown }).pairs;
  assert.deepEqual(pairs('ENV a=1 b="x y" c=x\\ y'), [
    { key: 'a', value: '1' },
    { key: 'b', value: '"x y"' },
    { key: 'c', value: 'x\\ y' },
  ]);
  assert.deepEqual(pairs('ENV a  b c = d'), [{ key: 'a', value: 'b c = d' }]);
  assert.deepEqual(pairs("LABEL 'a b'=c"), [{ key: "'a b'", value: 'c' }]);
});

test('COPY and ADD: flags, JSON, heredocs', () => {
  assert.partialDeepStrictEqual(one('COPY --from=0 --chown=a:b --link ["x y", "/z/"]'), {
    from: '0',
    chown: 'a:b',
    sources: ['x y'],
    destination: '/z/',
  });
  const copy = parseDockerfile('FROM x\nCOPY <<A <<-"B" c /d/\nhi $x\nA\n\tthere\n\tB\nRUN y');
  assert.partialDeepStrictEqual(copy.stages[0]!.instructions[0]!, {
    sources: ['c'],
    inline: [
      { name: 'A', content: 'hi $x\n', expand: true },
      { name: 'B', content: 'there\n', expand: false },
    ],
  });
  assert.equal(copy.stages[0]!.instructions[1]!.line, 7);
});

test('RUN with heredocs, and << that is none', () => {
  const run = parseDockerfile('FROM x\nRUN <<EOF\nFROM y\n# kept\nEOF\nRUN echo "<<EOF" $((1<<2))\n');
  assert.partialDeepStrictEqual(run.stages[0]!.instructions[0]!, { heredocs: [{ content: 'FROM y\n# kept\n' }] });
  assert.partialDeepStrictEqual(run.stages[0]!.instructions[1]!, { heredocs: [] });
  fails('FROM x\nRUN <<EOF\na', 'failed to parse Dockerfile: unterminated heredoc');
});

test('HEALTHCHECK', () => {
  assert.partialDeepStrictEqual(one('HEALTHCHECK --interval=1m30s --timeout=2s --retries=3 CMD a b'), {
    health: { Test: ['CMD-SHELL', 'a b'], Interval: 90e9, Timeout: 2e9, Retries: 3 },
  });
  assert.partialDeepStrictEqual(one('HEALTHCHECK CMD ["a"]'), { health: { Test: ['CMD', 'a'] } });
  assert.partialDeepStrictEqual(one('HEALTHCHECK none'), { health: { Test: ['NONE'] } });
});

test("errors in Docker's words", () => {
  const at2 = (text: string, why: string) => fails(`FROM x\n${text}`, `dockerfile parse error on line 2: ${why}`);
  fails('', 'the Dockerfile (Dockerfile) cannot be empty');
  fails('# x\n', 'failed to parse Dockerfile: file with no instructions');
  fails('RUN x', 'no build stage in current context');
  fails('ARG x', 'no build stage in current context');
  fails('FROM', 'dockerfile parse error on line 1: FROM requires either one or three arguments');
  at2('FROM a b', 'FROM requires either one or three arguments');
  at2('FOO bar', 'unknown instruction: FOO (did you mean FROM?)');
  at2('zzzzzzz bar', 'unknown instruction: zzzzzzz');
  at2('constructor', 'unknown instruction: constructor');
  at2('COPY a', 'COPY requires at least two arguments, but only one was provided. Destination could not be determined');
  at2('COPY --nope=1 a b', 'Unknown flag: nope');
  at2('COPY --chown a b', 'Missing a value on flag: chown');
  at2('COPY --chown=a --chown=b a b', 'Duplicate flag specified: chown');
  at2('ENV', 'ENV requires at least one argument');
  at2('ENV =1', 'ENV names can not be blank');
  at2('EXPOSE', 'EXPOSE requires at least one argument');
  at2('USER', 'USER requires exactly one argument');
  at2('VOLUME [""]', 'VOLUME specified can not be an empty string');
  at2('SHELL x', 'SHELL requires the arguments to be in JSON form');
  at2('ONBUILD ONBUILD x', "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  at2('ONBUILD FROM x', "FROM isn't allowed as an ONBUILD trigger");
  at2('HEALTHCHECK FOO x', 'Unknown type "FOO" in HEALTHCHECK (try CMD)');
  at2('HEALTHCHECK --interval=1ns CMD x', 'Interval "interval" cannot be less than 1ms');
  at2('HEALTHCHECK --interval=zz CMD x', 'time: invalid duration "zz"');
  fails('FROM x\nENV A', 'failed to parse Dockerfile: ENV must have two arguments');
  fails(
    'FROM x\nENV A=1 b',
    'failed to parse Dockerfile: Syntax error - can\'t find = in "b". Must be of the form: name=value',
  );
  fails(
    'FROM a AS 1b',
    'dockerfile parse error on line 1: invalid name for build stage: "1b", name can\'t start with a number or contain symbols',
  );
});

test('a trigger is one instruction', () => {
  assert.equal(parseTrigger('RUN x').kind, 'run');
  assert.throws(() => parseTrigger('RUN x\nRUN y'), /single expression/);
});

test('whatever the text, the parser throws nothing but CortenErrors, and soon', () => {
  const pieces = [
    'FROM',
    'RUN',
    'COPY',
    'ENV',
    'ARG',
    'LABEL',
    'ONBUILD',
    'HEALTHCHECK',
    'ADD',
    'SHELL',
    ' ',
    '\n',
    '\\',
    '`',
    '"',
    "'",
    '$',
    '{',
    '}',
    '<<',
    'EOF',
    '[',
    ']',
    ',',
    '=',
    '--',
    '#',
    'escape',
    'x',
    'é',
    '\0',
    '\r',
    '\t',
    '😀',
    ':',
    '-',
    '*',
  ];
  let seed = 12345;
  const random = (n: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return (seed >> 8) % n;
  };
  const started = performance.now();
  for (let i = 0; i < 20_000; i++) {
    const text = Array.from({ length: random(40) }, () => pieces[random(pieces.length)]).join('');
    try {
      parseDockerfile(`FROM x\n${text}`);
    } catch (error) {
      assert.ok(error instanceof CortenError, `${JSON.stringify(text)}: ${error}`);
    }
  }
  assert.ok(performance.now() - started < 10_000);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CortenError } from '@corten/errors';
import { expandText, expandWord, expandWords } from './expand.ts';

const ENV: Record<string, string> = { a: 'abc', empty: '', path: '/usr/lib/x.tar.gz', PWD: '/home', ä: 'umlaut' };
const lookup = (name: string) => (Object.hasOwn(ENV, name) ? ENV[name] : undefined);
const word = (text: string) => expandWord(text, lookup, '\\');

/* biome-ignore-start lint/suspicious/noTemplateCurlyInString: this is what is tested */
const WORDS: [string, string][] = [
  ['$a', 'abc'],
  ['${a}x', 'abcx'],
  ['$ax', ''],
  ['$a.x', 'abc.x'],
  ['$ä', 'umlaut'],
  ['$', '$'],
  ['a$', 'a$'],
  ['$.', '$.'],
  ['\\$a', '$a'],
  ["'$a'", '$a'],
  ['"$a"', 'abc'],
  ['"\\$a \\" \\n"', '$a " \\n'],
  ['x\\ y', 'x y'],
  ['end\\', 'end'],
  ['${none:-d}', 'd'],
  ['${empty:-d}', 'd'],
  ['${empty-d}', ''],
  ['${none-d}', 'd'],
  ['${a:-d}', 'abc'],
  ['${a:+p}', 'p'],
  ['${empty:+p}', ''],
  ['${empty+p}', 'p'],
  ['${none+p}', ''],
  ['${a?}', 'abc'],
  ['${none:-${a}}', 'abc'],
  ['${none:-"}"}', '}'],
  ['${none:-\\}}', '}'],
  ['${path#*/}', 'usr/lib/x.tar.gz'],
  ['${path##*/}', 'x.tar.gz'],
  ['${path%.*}', '/usr/lib/x.tar'],
  ['${path%%.*}', '/usr/lib/x'],
  ['${path%/*}', '/usr/lib'],
  ['${a#?}', 'bc'],
  ['${a#x}', 'abc'],
  ['${a/b/X}', 'aXc'],
  ['${path//\\//_}', '_usr_lib_x.tar.gz'],
  ['${a/*/X}', 'X'],
  ['$1x', 'x'],
];

test('words', () => {
  for (const [text, expected] of WORDS) assert.equal(word(text), expected, text);
});

test('an escape token of one’s own', () => {
  assert.equal(expandWord('`$a \\$a', lookup, '`'), '$a \\abc');
});

test('splitting at spaces that come from values, not at quoted ones', () => {
  const from = (name: string) => ({ ports: '80 81/udp' })[name as 'ports'];
  assert.deepEqual(expandWords('$ports "a b" c', from, '\\'), ['80', '81/udp', 'a b', 'c']);
});

test('bodies of here-documents', () => {
  assert.equal(expandText('"$a" \\$a \\n \'$a\'\n', lookup, '\\'), '"abc" $a \\n \'abc\'\n');
});

const ERRORS: [string, string][] = [
  ['${a', "syntax error: missing '}'"],
  ['${', "syntax error: missing '}'"],
  ['${}', 'syntax error: bad substitution'],
  ['${a:x}', 'unsupported modifier (:x) in substitution'],
  ['${a!x}', 'unsupported modifier (!) in substitution'],
  ['"x', 'unexpected end of statement while looking for matching double-quote'],
  ["'x", 'unexpected end of statement while looking for matching single-quote'],
  ['${none?}', 'none: is not allowed to be unset'],
  ['${empty:?}', 'empty: is not allowed to be empty'],
  ['${none?gone}', 'none: gone'],
  ['${a:-x', "syntax error: missing '}'"],
];
/* biome-ignore-end lint/suspicious/noTemplateCurlyInString: up to here */

test('errors name the word and the reason', () => {
  for (const [text, why] of ERRORS)
    assert.throws(() => word(text), { message: `failed to process ${JSON.stringify(text)}: ${why}` }, text);
});

test('hostile words end soon, with a CortenError or a value', () => {
  const long = 'x'.repeat(20_000);
  const from = () => long;
  const cases = [
    `\${a${'#*x'.repeat(200)}}`,
    `\${a//${'?*'.repeat(100)}z/y}`,
    '${a:-'.repeat(5000),
    `${'$'.repeat(9999)}`,
  ];
  for (const text of cases) {
    const started = performance.now();
    try {
      expandWord(text, from, '\\');
    } catch (error) {
      assert.ok(error instanceof CortenError);
    }
    assert.ok(performance.now() - started < 2000, text.slice(0, 20));
  }
});

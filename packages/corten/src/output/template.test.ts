import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileTemplate } from './template.ts';

const data = {
  Name: 'web',
  Size: 3,
  Labels: { b: '2', a: '1' },
  List: ['x', 'y', 'z'],
  State: { Running: true, Code: 0 },
  Empty: [],
  Nothing: null,
  Label: (key: string) => `label ${key}`,
};

test('fields, pipes, functions, control', () => {
  const cases: [string, string][] = [
    ['{{.Name}}:{{.State.Code}}', 'web:0'],
    ['{{json .Labels}} {{json .Nothing}}', '{"b":"2","a":"1"} null'],
    ['{{.Labels}} {{.List}} {{.Nothing}} {{.State.Running}}', 'map[a:1 b:2] [x y z] <nil> true'],
    ['{{join .List "|"}} {{upper .Name}} {{.Name | upper | printf "%s-%5d|%-4s|" "p" 7}}', 'x|y|z WEB p-    7|WEB |'],
    ['{{index .Labels "a"}}{{index .List 1}}{{len .List}}{{index .Labels "none"}}', '1y3'],
    ['{{range .List}}[{{.}}]{{end}}{{range .Empty}}{{else}}none{{end}}', '[x][y][z]none'],
    ['{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}', 'a=1;b=2;'],
    ['{{range $i, $v := .List}}{{if $i}},{{end}}{{$v}}{{end}}', 'x,y,z'],
    [
      '{{range .List}}{{if eq . "y"}}{{continue}}{{end}}{{.}}{{end}}{{range .List}}{{.}}{{if eq . "y"}}{{break}}{{end}}{{end}}',
      'xzxy',
    ],
    ['{{if and .State.Running (gt .Size 2)}}yes{{else}}no{{end}}', 'yes'],
    ['{{if .Empty}}a{{else if eq .Name "web" "db"}}b{{else}}c{{end}}', 'b'],
    ['{{with .State}}{{.Code}}{{$.Name}}{{end}}{{with .Nothing}}a{{else}}b{{end}}', '0webb'],
    ['{{$x := .Size}}{{$x}}{{$x = 4}}{{$x}}', '34'],
    ['{{.Label "k"}} {{(index .List 0) | title}}', 'label k X'],
    ['a {{- /* comment */ -}} b{{- .Size -}} c', 'ab3c'],
    ['{{println "a" 1}}{{print "a" 1 2 "b"}}{{"q\\"\\n"}}{{`raw`}}', 'a 1\na1 2bq"\nraw'],
    ['{{slice .Name 1 2}}{{split "a,b" ","}}{{not true}}{{or .Nothing "d"}}', 'e[a b]falsed'],
  ];
  for (const [template, expected] of cases) assert.equal(compileTemplate(template)(data), expected, template);
});

test('what is not there: no value, or an error as a map or a struct gives it', () => {
  assert.equal(compileTemplate('{{.Foo}}')(data), '<no value>');
  assert.throws(() => compileTemplate('{{.Foo}}', { missing: 'map' })(data), {
    message: 'template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo"',
  });
  assert.throws(() => compileTemplate('{{.Foo}}', { missing: { type: '*T' } })(data), {
    message: 'template: :1:2: executing "" at <.Foo>: can\'t evaluate field Foo in type *T',
  });
  assert.equal(compileTemplate('{{.Foo}}', { missing: 'map', optional: new Set(['Foo']) })(data), '<nil>');
});

test('malformed templates say where', () => {
  const cases: [string, RegExp][] = [
    ['{{.Name', /unclosed action/],
    ['{{if .Name}}', /unexpected EOF/],
    ['{{end}}', /unexpected \{\{end\}\}/],
    ['{{foo .Name}}', /function "foo" not defined/],
    ['{{}}', /missing value for command/],
    ['{{(.Name}}', /unclosed left paren/],
    ['{{.Name | }}', /missing value for command/],
    ['{{.Name ?}}', /unexpected "\?" in command/],
  ];
  for (const [template, message] of cases) assert.throws(() => compileTemplate(template), message, template);
});

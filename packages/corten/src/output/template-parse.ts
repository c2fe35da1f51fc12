/** Parser of the Go template language, the part that command-line formats use. */

export type Node =
  | { kind: 'text'; text: string }
  | { kind: 'print'; pipe: Pipe }
  | { kind: 'if' | 'with' | 'range'; pipe: Pipe; body: Node[]; otherwise: Node[] }
  | { kind: 'define'; name: string; body: Node[] }
  | { kind: 'break' | 'continue' };

/** `$a, $b := cmd | cmd`; `assign` for `=`. */
export interface Pipe {
  variables: string[];
  assign: boolean;
  commands: Term[][];
}

/** `at` is the column in the template, for messages. */
export type Term =
  | { kind: 'field'; path: string[]; at: number }
  | { kind: 'variable'; name: string; path: string[]; at: number }
  | { kind: 'call'; name: string; at: number }
  | { kind: 'literal'; value: unknown; at: number }
  | { kind: 'group'; pipe: Pipe; path: string[]; at: number };

interface Token {
  type: 'field' | 'variable' | 'word' | 'string' | 'number' | 'char' | 'symbol';
  text: string;
  at: number;
  /** A blank stands before it: `.A .B` are two terms, `(x).B` is one. */
  spaced: boolean;
}

const fail = (line: number, message: string): never => {
  throw new Error(`template: :${line}: ${message}`);
};

export function parseTemplate(source: string): Node[] {
  const root: Node[] = [];
  const open: { node: Extract<Node, { body: Node[] }>; list: Node[]; extra: boolean }[] = [];
  let list = root;
  const lineAt = (at: number) => source.slice(0, at).split('\n').length;
  const push = (node: Extract<Node, { body: Node[] }>, extra: boolean) => {
    list.push(node);
    open.push({ node, list, extra });
    list = node.body;
  };
  const close = (line: number) => {
    let top = open.pop() ?? fail(line, 'unexpected {{end}}');
    while (top.extra) top = open.pop()!;
    list = top.list;
  };
  const action = (tokens: Token[], line: number) => {
    const [first, ...rest] = tokens;
    if (!first) return fail(line, 'missing value for command');
    const pipe = () => parsePipe(rest, line);
    if (first.type !== 'word') return void list.push({ kind: 'print', pipe: parsePipe(tokens, line) });
    switch (first.text) {
      case 'if':
      case 'with':
      case 'range':
        return push({ kind: first.text, pipe: pipe(), body: [], otherwise: [] }, false);
      case 'else': {
        const top = open.at(-1)?.node;
        if (!top || top.kind === 'define') return fail(line, 'unexpected {{else}}');
        list = top.otherwise;
        if (rest[0]?.text === 'if' || rest[0]?.text === 'with')
          push({ kind: rest[0].text, pipe: parsePipe(rest.slice(1), line), body: [], otherwise: [] }, true);
        return;
      }
      case 'end':
        return close(line);
      case 'define':
        return push({ kind: 'define', name: rest[0]?.text ?? '', body: [] }, false);
      case 'break':
      case 'continue':
        return void list.push({ kind: first.text });
      case 'block':
      case 'template':
        return fail(line, `{{${first.text}}} is not supported`);
      default:
        list.push({ kind: 'print', pipe: parsePipe(tokens, line) });
    }
  };
  let trim = false;
  for (let at = 0; at < source.length; ) {
    const start = source.indexOf('{{', at);
    let text = source.slice(at, start < 0 ? undefined : start);
    if (trim) text = text.trimStart();
    if (start >= 0 && /^{{-\s/.test(source.slice(start, start + 4))) text = text.trimEnd();
    if (text) list.push({ kind: 'text', text });
    if (start < 0) break;
    const comment = /^{{(?:-\s)?\s*\/\*[\s\S]*?\*\/\s*(-)?}}/.exec(source.slice(start));
    const end = comment ? start + comment[0].length : actionEnd(source, start + 2, () => lineAt(start));
    trim = /\s-}}$/.test(source.slice(start, end)) || comment?.[1] === '-';
    if (!comment) {
      const begin = start + (/^{{-\s/.test(source.slice(start, start + 4)) ? 3 : 2);
      const column = start - (source.lastIndexOf('\n', start) + 1);
      action(
        tokenize(source.slice(begin, end - 2).replace(/\s-$/, ''), column + begin - start, lineAt(start)),
        lineAt(start),
      );
    }
    at = end;
  }
  if (open.length > 0) fail(lineAt(source.length), 'unexpected EOF');
  return root;
}

/** Position after the `}}` that ends the action; quotes protect. */
function actionEnd(source: string, from: number, line: () => number): number {
  const pattern = /"(?:[^"\\]|\\.)*"|`[^`]*`|'(?:[^'\\]|\\.)+'|}}|{{|[\s\S]/gy;
  pattern.lastIndex = from;
  for (let match = pattern.exec(source); match; match = pattern.exec(source)) {
    if (match[0] === '}}') return pattern.lastIndex;
    if (match[0] === '{{') break;
  }
  return fail(line(), 'unclosed action');
}

const TOKEN =
  /(\s+)|("(?:[^"\\]|\\.)*"|`[^`]*`)|('(?:[^'\\]|\\.)+')|(\$\w*)|(\.(?:[\p{L}_][\p{L}\p{N}_]*)?)(?!\d)|([+-]?(?:0x[\da-fA-F]+|\d*\.?\d+(?:e[+-]?\d+)?))|([\p{L}_][\p{L}\p{N}_]*)|(:=|[=|(),])/uy;

function tokenize(text: string, column: number, line: number): Token[] {
  const tokens: Token[] = [];
  let spaced = true;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const m = TOKEN.exec(text);
    if (!m) return fail(line, `unexpected ${JSON.stringify(text[at])} in command`);
    if (m[1] !== undefined) {
      spaced = true;
      continue;
    }
    const types = ['string', 'char', 'variable', 'field', 'number', 'word', 'symbol'] as const;
    const type = types[m.slice(2).findIndex((g) => g !== undefined)]!;
    tokens.push({ type, text: m[0], at: column + at, spaced });
    spaced = false;
  }
  return tokens;
}

function parsePipe(tokens: Token[], line: number): Pipe {
  const pipe: Pipe = { variables: [], assign: false, commands: [] };
  const sign = tokens.findIndex((t) => t.text === ':=' || t.text === '=');
  if (sign > 0 && tokens[0]!.type === 'variable') {
    pipe.variables = tokens
      .slice(0, sign)
      .filter((t) => t.type === 'variable')
      .map((t) => t.text);
    pipe.assign = tokens[sign]!.text === '=';
    tokens = tokens.slice(sign + 1);
  }
  let words: Term[] = [];
  const finish = () => {
    if (words.length === 0) fail(line, 'missing value for command');
    pipe.commands.push(words);
    words = [];
  };
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (token.text === '|' && token.type === 'symbol') finish();
    else if (token.text === '(' && token.type === 'symbol') {
      const end = matching(tokens, i, line);
      words.push({ kind: 'group', pipe: parsePipe(tokens.slice(i + 1, end), line), path: [], at: token.at });
      i = end;
    } else if (token.type === 'field') addField(words, token, tokens[i - 1]);
    else words.push(term(token, line));
  }
  finish();
  return pipe;
}

/** `.A` right after another term selects in it; otherwise it starts at dot. */
function addField(words: Term[], token: Token, before: Token | undefined): void {
  const name = token.text.slice(1);
  const last = words.at(-1);
  if (!token.spaced && before && last && 'path' in last && name) last.path.push(name);
  else words.push({ kind: 'field', path: name ? [name] : [], at: token.at });
}

function matching(tokens: Token[], from: number, line: number): number {
  let depth = 0;
  for (let i = from; i < tokens.length; i++) {
    if (tokens[i]!.type !== 'symbol') continue;
    if (tokens[i]!.text === '(') depth++;
    if (tokens[i]!.text === ')' && --depth === 0) return i;
  }
  return fail(line, 'unclosed left paren');
}

function term(token: Token, line: number): Term {
  const { at, text } = token;
  switch (token.type) {
    case 'string':
      return { kind: 'literal', at, value: text[0] === '`' ? text.slice(1, -1) : unquote(text) };
    case 'char':
      return { kind: 'literal', at, value: unquote(`"${text.slice(1, -1)}"`).codePointAt(0) };
    case 'number':
      return { kind: 'literal', at, value: Number(text) };
    case 'variable':
      return { kind: 'variable', name: text, path: [], at };
    case 'word':
      if (text === 'true' || text === 'false') return { kind: 'literal', value: text === 'true', at };
      if (text === 'nil') return { kind: 'literal', value: null, at };
      return { kind: 'call', name: text, at };
    default:
      return fail(line, `unexpected ${JSON.stringify(text)} in operand`);
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' };
/** A Go string literal's value. */
export const unquote = (literal: string): string =>
  literal
    .slice(1, -1)
    .replace(/\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|(.))/g, (_, x, u, c) =>
      c === undefined ? String.fromCharCode(Number.parseInt(x ?? u, 16)) : (ESCAPES[c] ?? c),
    );

import { invalid } from '@corten/errors';

/** Text between `<<NAME` and `NAME`. */
export interface Heredoc {
  name: string;
  /** `<<-`: leading tabs are dropped. */
  chomp: boolean;
  /** Variables in it are expanded: the name was not quoted. */
  expand: boolean;
  content: string;
}

/** One instruction's text: continuation lines joined, comments inside dropped. */
export interface LogicalLine {
  text: string;
  /** Counted from 1. */
  startLine: number;
  endLine: number;
  heredocs: Heredoc[];
}

export type EscapeToken = '\\' | '`';

export interface SourceLines {
  escapeToken: EscapeToken;
  lines: LogicalLine[];
  warnings: string[];
}

/** The longest line that Docker's scanner takes. */
const MAX_LINE = 65_535;
const MAX_HEREDOCS = 64;
const DIRECTIVE = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;
const DIRECTIVES = ['escape', 'syntax', 'check'];
const HEREDOC_INSTRUCTION = /^(?:ONBUILD\s+)?(?:RUN|COPY|ADD)\s/i;

const failed = (message: string) => invalid(`failed to parse Dockerfile: ${message}`);
const isComment = (line: string) => /^\s*#/.test(line);

/** Cuts a Dockerfile into instructions' texts (reference: Dockerfile, "Format" and "Parser directives"). */
export function splitLines(source: string): SourceLines {
  const physical = source
    .replace(/^\ufeff/, '')
    .split('\n')
    .map((l) => l.replace(/\r$/, ''));
  if (physical.at(-1) === '') physical.pop();
  const tooLong = physical.some((l) => l.length > MAX_LINE);
  if (tooLong) throw failed(`dockerfile line greater than max allowed size of ${MAX_LINE}`);
  const { escapeToken, next } = readDirectives(physical);
  const lines: LogicalLine[] = [];
  const empties: string[] = [];
  for (let at = next; at < physical.length; ) {
    if (isComment(physical[at]!) || physical[at]!.trim() === '') {
      at++;
      continue;
    }
    const { line, hadEmpty } = readLogical(physical, at, escapeToken);
    if (hadEmpty) empties.push(`[WARNING]: Empty continuation line found in:\n    ${line.text}`);
    at = line.endLine;
    if (HEREDOC_INSTRUCTION.test(line.text)) at = readHeredocs(physical, line);
    if (line.text !== '') lines.push(line);
  }
  if (lines.length === 0) throw failed('file with no instructions');
  if (empties.length > 0) empties.push('[WARNING]: Empty continuation lines will become errors in a future release.');
  return { escapeToken, lines, warnings: empties };
}

/** Directives stand before everything else; the first other line ends them. */
function readDirectives(physical: readonly string[]): { escapeToken: EscapeToken; next: number } {
  let escapeToken: EscapeToken = '\\';
  const seen = new Set<string>();
  for (const [at, line] of physical.entries()) {
    const [, name = '', value = ''] = DIRECTIVE.exec(line.trimStart()) ?? [];
    const key = name.toLowerCase();
    if (!DIRECTIVES.includes(key)) return { escapeToken, next: at };
    if (seen.has(key)) throw failed(`only one ${key} parser directive can be used`);
    seen.add(key);
    if (key !== 'escape') continue;
    if (value !== '\\' && value !== '`') throw failed(`invalid escape token '${value}' does not match \` or \\`);
    escapeToken = value;
  }
  return { escapeToken, next: physical.length };
}

function readLogical(
  physical: readonly string[],
  start: number,
  escapeToken: EscapeToken,
): { line: LogicalLine; hadEmpty: boolean } {
  // An escaped escape token at the end of a line continues nothing.
  const continuation = escapeToken === '`' ? /([^`])`[ \t]*$|^`[ \t]*$/ : /([^\\])\\[ \t]*$|^\\[ \t]*$/;
  let text = '';
  let hadEmpty = false;
  let at = start;
  for (; at < physical.length; at++) {
    const raw = physical[at]!;
    if (at > start && isComment(raw)) continue;
    if (at > start && raw.trim() === '') {
      hadEmpty = true;
      continue;
    }
    const piece = at === start ? raw.trimStart() : raw;
    const more = continuation.test(piece);
    text += more ? piece.replace(continuation, '$1') : piece;
    if (!more) {
      at++;
      break;
    }
  }
  return { line: { text: text.trimEnd(), startLine: start + 1, endLine: at, heredocs: [] }, hadEmpty };
}

const HEREDOC = /(?<![<\w])\d*<<(-?)\s*(?:"([A-Za-z0-9_.-]+)"|'([A-Za-z0-9_.-]+)'|([A-Za-z_][A-Za-z0-9_.-]*))/g;

/** Reads the bodies of the here-documents that a line announces; returns the index of the next line. */
function readHeredocs(physical: readonly string[], line: LogicalLine): number {
  let at = line.endLine;
  for (const [, dash, double, single, bare] of unquoted(line.text).matchAll(HEREDOC)) {
    const name = double ?? single ?? bare!;
    const chomp = dash === '-';
    let end = at;
    while (end < physical.length && (chomp ? physical[end]!.replace(/^\t+/, '') : physical[end]) !== name) end++;
    if (end === physical.length) throw failed('unterminated heredoc');
    if (line.heredocs.length === MAX_HEREDOCS) throw failed(`more than ${MAX_HEREDOCS} heredocs in one instruction`);
    const body = physical.slice(at, end).map((l) => (chomp ? l.replace(/^\t+/, '') : l));
    const content = body.map((l) => `${l}\n`).join('');
    line.heredocs.push({ name, chomp, expand: bare !== undefined, content });
    at = end + 1;
  }
  line.endLine = at;
  return at;
}

/** The line with quoted stretches blanked out, so that a quoted `<<` starts nothing; a quoted name after `<<` stays. */
const unquoted = (text: string): string =>
  text.replaceAll(/(<<-?\s*)?(?:"(?:[^"\\]|\\.)*"|'[^']*')/g, (all, opener: string | undefined) =>
    opener === undefined ? ' '.repeat(all.length) : all,
  );

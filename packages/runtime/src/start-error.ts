/** What a runtime's refusal means for a client (Docker's exit-code contract). */
export interface StartError {
  exitCode: 126 | 127 | 128;
  /** In the words Docker's clients know, without the prefix. */
  message: string;
}

const clean = (text: string): string => text.replace(/\x1b\[[0-9;]*m/g, '').trim();

/** The runtime's own message out of what conmon or its log pass on. */
export function runtimeMessage(raw: string): string {
  const lines = clean(raw).split('\n').filter(Boolean);
  const messages = lines.map((line) => {
    const json = /"msg":\s*("(?:[^"\\]|\\.)*")/.exec(line);
    if (json) return String(JSON.parse(json[1]!));
    const text = /msg="((?:[^"\\]|\\.)*)"/.exec(line);
    return text ? text[1]!.replaceAll('\\"', '"').replaceAll('\\\\', '\\') : line;
  });
  return messages
    .join('; ')
    .replace(/^container_linux\.go:\d+: /, '')
    .replace(/^runc (create|run|exec) failed: /, '')
    .replace(/^exec failed: /, '');
}

/** Go's %q, as Docker's messages have it. */
const quote = (text: string): string => JSON.stringify(text);

/** Words between Go's or crun's quotation marks. */
function unquote(text: string | undefined): string | undefined {
  if (text === undefined || !text.startsWith('"')) return text?.slice(1, -1);
  try {
    return String(JSON.parse(text));
  } catch {
    return text.slice(1, -1); // an escape that only Go has
  }
}

/** A name without a slash is looked up in PATH, where what cannot be executed does not count. */
const notFound = (program: string): StartError => ({
  exitCode: 127,
  message: program.includes('/')
    ? `exec: ${quote(program)}: stat ${program}: no such file or directory`
    : `exec: ${quote(program)}: executable file not found in $PATH`,
});

/**
 * Recognises crun's and runc's wording for a command that cannot be run; `command` is what was to run, where they do
 * not say.
 */
export function classifyStartError(raw: string, command?: string): StartError {
  const message = runtimeMessage(raw);
  const crunName = /executable file ([`'].*[`']) not found/.exec(message)?.[1];
  const runcName = /exec: ("(?:[^"\\]|\\.)*")/.exec(message)?.[1];
  const opened = /(?:exec(?:ve)?|exec container process|find) ([`'][^`']+[`']): /i.exec(message)?.[1];
  const program = unquote(crunName ?? runcName) ?? command ?? unquote(opened);
  if (/executable file .*not found in \$?PATH/i.test(message)) return notFound(program ?? '');
  // a mount may be refused in the same words
  if (runcName === undefined && opened === undefined && !/open executable|exec format error/i.test(message))
    return { exitCode: 128, message };
  const named = program === undefined ? '' : `exec: ${quote(program)}: `;
  if (/permission denied|operation not permitted/i.test(message)) {
    // crun stops at the first file of that name; runc, and so Docker, goes on to the next directory
    if (/open executable/.test(message) && program !== undefined && !program.includes('/')) return notFound(program);
    return { exitCode: 126, message: named ? `${named}permission denied` : message };
  }
  if (/is a directory/i.test(message)) return { exitCode: 126, message: named ? `${named}is a directory` : message };
  if (/exec format error/i.test(message)) return { exitCode: 126, message: `${named}exec format error` };
  if (/no such file or directory/i.test(message))
    return program === undefined ? { exitCode: 127, message } : notFound(program);
  return { exitCode: 128, message };
}

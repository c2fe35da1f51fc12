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

/** Recognises crun's and runc's wording for a command that cannot be run; `command` is what was to run, where they do not say. */
export function classifyStartError(raw: string, command = ''): StartError {
  const message = runtimeMessage(raw);
  const quoted = /exec: "([^"]*)"/.exec(message)?.[1];
  const named = /executable file [`']([^`']*)[`'] not found/.exec(message)?.[1] ?? quoted;
  if (named?.startsWith('/') && /not found|no such file/i.test(message))
    return { exitCode: 127, message: `exec: "${named}": stat ${named}: no such file or directory` };
  if (/executable file .*not found in \$?PATH/i.test(message))
    return { exitCode: 127, message: `exec: "${named ?? ''}": executable file not found in $PATH` };
  const opened =
    /(?:open|exec(?:ve)?|stat|find)? ?[`']([^`']+)[`']: (Permission denied|No such file or directory|Is a directory|Exec format error)/i.exec(
      message,
    );
  const program = quoted ?? opened?.[1] ?? command;
  if (/permission denied|open executable: operation not permitted/i.test(message))
    return { exitCode: 126, message: program ? `exec: "${program}": permission denied` : message };
  if (/is a directory/i.test(message))
    return { exitCode: 126, message: program ? `exec: "${program}": is a directory` : message };
  if (/exec format error/i.test(message))
    return { exitCode: 126, message: program ? `exec: "${program}": exec format error` : 'exec format error' };
  if (/(exec|executable|stat |find `|open `).*no such file or directory/i.test(message))
    return {
      exitCode: 127,
      message: program ? `exec: "${program}": stat ${program}: no such file or directory` : message,
    };
  return { exitCode: 128, message };
}

/** Indents JSON text without parsing it, so that numbers, escapes and the order of keys stay as the engine sent them. */
export function indentJson(text: string, indent = '    '): string {
  let out = '';
  let depth = 0;
  let pending = false; // a bracket was opened and its first element has not come
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === ' ' || c === '\n' || c === '\t' || c === '\r') continue;
    if (pending && c !== ']' && c !== '}') {
      pending = false;
      out += `\n${indent.repeat(++depth)}`;
    }
    if (c === '"') {
      const end = stringEnd(text, i);
      out += text.slice(i, end);
      i = end - 1;
    } else if (c === '{' || c === '[') {
      out += c;
      pending = true;
    } else if (c === '}' || c === ']') {
      if (pending) pending = false;
      else out += `\n${indent.repeat(--depth)}`;
      out += c;
    } else if (c === ',') out += `,\n${indent.repeat(depth)}`;
    else out += c === ':' ? ': ' : c;
  }
  return out;
}

function stringEnd(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i + 1;
}

/** JSON as Go's encoder writes it: `<`, `>` and `&` escaped. */
export const goJson = (value: unknown): string =>
  (JSON.stringify(value) ?? 'null').replaceAll('<', '\\u003c').replaceAll('>', '\\u003e').replaceAll('&', '\\u0026');

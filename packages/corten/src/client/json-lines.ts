import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** The JSON values of a stream that holds one per line (or simply one after another by lines). */
export async function* jsonLines<T>(stream: Readable): AsyncGenerator<T> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of stream) {
    rest += decoder.write(chunk as Buffer);
    const lines = rest.split('\n');
    rest = lines.pop()!;
    for (const line of lines) if (line.trim()) yield JSON.parse(line) as T;
  }
  rest += decoder.end();
  if (rest.trim()) yield JSON.parse(rest) as T;
}

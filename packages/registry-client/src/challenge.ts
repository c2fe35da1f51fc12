/** One challenge of a WWW-Authenticate header (RFC 9110, 11.6.1). Scheme and parameter names are in lower case. */
export interface Challenge {
  scheme: string;
  parameters: Record<string, string>;
}

const TOKEN = /[A-Za-z0-9!#$%&'*+.^_`|~-]+/y;
const PARAMETER = /\s*,?\s*([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))/y;
const MAX_HEADER = 16 << 10;

/** Every challenge that can be read; what is malformed ends the list. */
export function parseChallenges(header: string | undefined): Challenge[] {
  const challenges: Challenge[] = [];
  if (!header || header.length > MAX_HEADER) return challenges;
  let at = 0;
  while (at < header.length) {
    at += /^[\s,]*/.exec(header.slice(at))![0].length;
    TOKEN.lastIndex = at;
    const scheme = TOKEN.exec(header)?.[0];
    if (!scheme) break;
    at = TOKEN.lastIndex;
    const challenge: Challenge = { scheme: scheme.toLowerCase(), parameters: {} };
    for (;;) {
      PARAMETER.lastIndex = at;
      const match = PARAMETER.exec(header);
      if (!match) break;
      challenge.parameters[match[1]!.toLowerCase()] = match[2]?.replace(/\\(.)/g, '$1') ?? match[3]!;
      at = PARAMETER.lastIndex;
    }
    challenges.push(challenge);
  }
  return challenges;
}

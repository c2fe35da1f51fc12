import { readFileSync } from 'node:fs';
import { CliError } from '../cli/errors.ts';

/**
 * `--security-opt`: a seccomp profile is read here and sent as its text; `systempaths=unconfined` becomes empty lists of masked
 * and read-only paths.
 */
export function parseSecurity(options: readonly string[]): { options: string[]; unmasked: boolean } {
  const out: string[] = [];
  let unmasked = false;
  for (const option of options) {
    if (option === 'systempaths=unconfined') {
      unmasked = true;
      continue;
    }
    const match = /^([^=:]+)[=:](.*)$/s.exec(option);
    if (!match && option !== 'no-new-privileges')
      throw new CliError(`invalid --security-opt: ${JSON.stringify(option)}`);
    if (match?.[1] !== 'seccomp' || ['unconfined', 'builtin'].includes(match[2]!)) {
      out.push(option);
      continue;
    }
    let profile: string;
    try {
      profile = readFileSync(match[2]!, 'utf8');
    } catch (error) {
      throw new CliError(`opening seccomp profile (${match[2]}) failed: ${(error as Error).message}`);
    }
    try {
      out.push(`seccomp=${JSON.stringify(JSON.parse(profile))}`);
    } catch (error) {
      throw new CliError(`compacting json for seccomp profile (${match[2]}) failed: ${(error as Error).message}`);
    }
  }
  return { options: out, unmasked };
}

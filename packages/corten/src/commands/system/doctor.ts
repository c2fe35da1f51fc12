import { command, none } from '../../cli/command.ts';
import { bool } from '../../cli/flag-types.ts';
import { examine, type Finding } from '../../doctor/examine.ts';

const WORDS = { ok: 'ok', info: '-', warning: 'lacking', missing: 'MISSING' } as const;

export const doctor = command({
  usage: '[OPTIONS]',
  arity: none,
  flags: { json: bool('', 'Print the findings as JSON') },
  async run(context, { flags }) {
    const findings = await examine(context);
    if (flags.json) context.print(JSON.stringify(findings, null, 2));
    else context.stdout.write(report(findings, context.stdout.isTTY));
    return findings.some((f) => f.state === 'missing') ? 1 : 0;
  },
});

/** One line per finding; what follows from it stands beneath when something is lacking. */
function report(findings: readonly Finding[], colour: boolean): string {
  const width = Math.max(...findings.map((f) => f.name.length));
  const paint = (state: Finding['state']) => {
    const word = WORDS[state].padEnd(7);
    const code = { ok: 32, info: 2, warning: 33, missing: 31 }[state];
    return colour ? `\x1b[${code}m${word}\x1b[0m` : word;
  };
  const lines = findings.map((f) => {
    const consequence = f.consequence ? `\n${' '.repeat(width + 11)}-> ${f.consequence}` : '';
    return `${f.name.padEnd(width)}  ${paint(f.state)}  ${f.found}${consequence}`;
  });
  const missing = findings.filter((f) => f.state === 'missing').length;
  const lacking = findings.filter((f) => f.state === 'warning').length;
  const verdict =
    missing > 0 ? `${missing} required thing${missing > 1 ? 's are' : ' is'} missing.` : 'Everything required is here.';
  return `${lines.join('\n')}\n\n${verdict}${lacking > 0 ? ` ${lacking} lacking, with the consequence above.` : ''}\n`;
}

import { command, none } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { filter, string } from '../../cli/flag-types.ts';
import { jsonLines } from '../../client/json-lines.ts';
import { offset, parseTimestamp } from '../../output/human.ts';
import { goJson } from '../../output/json-text.ts';
import { compileFormat } from '../../output/listing.ts';
import { encodeFilters } from '../filters.ts';

interface EngineEvent {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> | null };
  time: number;
  timeNano: number;
}

export const events = command({
  usage: '[OPTIONS]',
  arity: none,
  flags: {
    filter: filter('f', 'Filter output based on conditions provided'),
    format: string('', 'Format output using "json" or a Go template'),
    since: string('', 'Show all events created since a time or a span'),
    until: string('', 'Stream events until a time or a span'),
  },
  async run(context, { flags }) {
    const time = (text: string) => {
      try {
        return text ? parseTimestamp(text) : undefined;
      } catch (error) {
        throw new CliError(`Error response from daemon: ${(error as Error).message}`);
      }
    };
    const template = flags.format && flags.format !== 'json' ? compileFormat(flags.format) : undefined;
    const response = await context.engine.stream('GET', '/events', {
      query: { since: time(flags.since), until: time(flags.until), filters: encodeFilters(flags.filter) },
    });
    for await (const event of jsonLines<EngineEvent & Record<string, unknown>>(response)) {
      if (flags.format === 'json') context.print(goJson(event));
      else if (template)
        context.print(
          template({
            ...event,
            Time: event.time,
            TimeNano: event.timeNano,
            ID: event.id,
            Status: event.status,
            From: event.from,
            Scope: event.scope,
          }),
        );
      else context.print(plain(event));
    }
  },
});

/** `2026-01-02T03:04:05.123456789Z container start ID (image=…, name=…)`. */
function plain(event: EngineEvent): string {
  const date = new Date(event.time * 1000 - new Date(event.time * 1000).getTimezoneOffset() * 60_000);
  const fraction = String(BigInt(Math.round(event.timeNano)) % 1_000_000_000n).padStart(9, '0');
  const shift = offset(new Date(event.time * 1000));
  const zone = shift === '+00:00' ? 'Z' : shift;
  const attributes = Object.entries(event.Actor.Attributes ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${k}=${v}`);
  const detail = attributes.length > 0 ? ` (${attributes.join(', ')})` : '';
  return `${date.toISOString().slice(0, 19)}.${fraction}${zone} ${event.Type} ${event.Action} ${event.Actor.ID}${detail}`;
}

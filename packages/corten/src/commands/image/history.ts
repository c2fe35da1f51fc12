import { command, exactly } from '../../cli/command.ts';
import { bool, string } from '../../cli/flag-types.ts';
import { ellipsis, humanDuration, humanSize, offset } from '../../output/human.ts';
import { type Listing, printListing } from '../../output/listing.ts';
import { shortId } from '../rows.ts';
import { imagePath } from './reference.ts';
import { platformJson } from './transfer.ts';

interface Step {
  Id: string;
  Created: number;
  CreatedBy: string;
  Size: number;
  Comment: string;
}

const listing: Listing = {
  type: '*formatter.historyContext',
  headers: {
    Comment: 'COMMENT',
    CreatedAt: 'CREATED AT',
    CreatedBy: 'CREATED BY',
    CreatedSince: 'CREATED',
    ID: 'IMAGE',
    Size: 'SIZE',
  },
  columns: ['ID', 'CreatedSince', 'CreatedBy', 'Size', 'Comment'],
  quietColumn: 'ID',
};

export const history = command({
  usage: '[OPTIONS] IMAGE',
  arity: exactly(1),
  flags: {
    format: string('', 'Output as "table", "table TEMPLATE", "json", or a Go template'),
    human: bool('H', 'Print sizes and dates in human readable format', { initial: true }),
    'no-trunc': bool('', "Don't truncate output"),
    platform: string('', 'Show history for the given platform'),
    quiet: bool('q', 'Only show image IDs'),
  },
  async run(context, { flags, args }) {
    const steps = await context.engine.get<Step[]>(imagePath(args[0]!, 'history'), {
      query: { platform: platformJson(flags.platform) },
    });
    const rows = steps.map((step) => {
      const date = new Date(step.Created * 1000);
      const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
      const zone = date.getTimezoneOffset() === 0 ? 'Z' : offset(date);
      const by = step.CreatedBy.replaceAll('\t', ' ');
      return {
        ID: flags['no-trunc'] ? step.Id : shortId(step.Id),
        CreatedAt: step.Created === 0 ? 'N/A' : `${local}${zone}`,
        CreatedSince: flags.human
          ? step.Created <= 0
            ? 'N/A'
            : `${humanDuration(Date.now() - date.getTime())} ago`
          : `${local}${zone}`,
        CreatedBy: flags['no-trunc'] ? by : ellipsis(by, 45),
        Size: flags.human ? humanSize(step.Size) : String(step.Size),
        Comment: step.Comment,
      };
    });
    printListing(context, listing, rows, { format: flags.format, quiet: flags.quiet });
  },
});

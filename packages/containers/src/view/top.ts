import { conflict, invalid, system } from '@corten/errors';
import { run } from '@corten/util';
import type { Context } from '../context.ts';
import { type ContainerRecord, isRunning } from '../record.ts';

export interface Top {
  Titles: string[];
  Processes: string[][];
}

/** GET /containers/{id}/top: the host's ps, only the container's processes. */
export async function topOf(ctx: Context, c: ContainerRecord, psArgs: string): Promise<Top> {
  if (!isRunning(c)) throw conflict(`container ${c.id} is not running`);
  const args = psArgs.split(/\s+/).filter(Boolean);
  const forbidden = args.find((a) => /=.*pid|^-?-?pid=/i.test(a));
  if (forbidden) throw invalid(`specifying "${forbidden}" is not allowed`);
  const pids = new Set(await ctx.supervisor.pids(c.id));
  const { code, stdout, stderr } = await run('ps', args);
  if (code !== 0) throw system(`error running ps: ${stderr.trim() || `exit status ${code}`}`);
  return parsePs(stdout, pids);
}

/** Keeps the lines whose PID is one of `pids`; the last column may contain blanks. */
export function parsePs(output: string, pids: ReadonlySet<number>): Top {
  const [head = '', ...lines] = output.split('\n').filter((l) => l.trim() !== '');
  const Titles = head.trim().split(/\s+/);
  const column = Titles.indexOf('PID');
  if (column < 0) throw system("Couldn't find PID field in ps output");
  const rows = lines.map((line) => {
    const fields = line.trim().split(/\s+/);
    return [...fields.slice(0, Titles.length - 1), fields.slice(Titles.length - 1).join(' ')];
  });
  return { Titles, Processes: rows.filter((row) => pids.has(Number(row[column]))) };
}

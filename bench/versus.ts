/**
 * Times the same work on two Docker-compatible engines, in turn (A B A B …), through one client.
 *
 *   scripts/node bench/versus.ts --a unix:///run/a.sock --b unix:///run/b.sock [--runs 9] [--only run,exec] [--json FILE]
 *                                [--docker /usr/local/bin/docker]
 *
 * A is the reference (a real dockerd), B the engine under test. Prints, per case, the median of each in milliseconds and the
 * ratio A/B: above 1, B is faster. A case that fails on one side says so and counts as not done. Everything it makes is named
 * vs-* and is removed at the end.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Bench, type Side } from './bench.ts';
import { type Case, cases } from './cases.ts';

export interface Row {
  case: string;
  what: string;
  a_ms: number | null;
  b_ms: number | null;
  /** A/B. */
  ratio: number | null;
  /** Why a side failed. */
  bad: Partial<Record<Side, string>>;
}

export interface VersusOptions {
  a: string;
  b: string;
  runs?: number;
  only?: readonly string[];
  docker?: string;
}

const SIDES = ['A', 'B'] as const;
const median = (values: readonly number[]): number => [...values].sort((p, q) => p - q)[values.length >> 1]!;

/** Runs the cases and prints a line for each as it is done. */
export async function versus(options: VersusOptions): Promise<Row[]> {
  const runs = options.runs ?? 9;
  const all = cases(runs);
  const chosen = options.only ?? Object.keys(all);
  for (const name of chosen)
    if (!all[name]) throw new Error(`no such case: ${name}; there are ${Object.keys(all).join(' ')}`);
  const bench = new Bench({ A: options.a, B: options.b }, options.docker ?? 'docker');
  const table: Row[] = [];
  try {
    await bench.prepare(chosen.some((name) => name.endsWith('20k')));
    for (const name of chosen) {
      const row = await measure(bench, name, all[name]!, runs);
      table.push(row);
      console.log(line(row));
    }
  } finally {
    await bench.close();
  }
  const ratios = table.flatMap((row) => (row.ratio ? [row.ratio] : []));
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  if (ratios.length > 0)
    console.log(`geometric mean of A/B over ${ratios.length} of ${table.length} cases: ${mean.toFixed(2)}`);
  return table;
}

async function measure(bench: Bench, name: string, work: Case, runs: number): Promise<Row> {
  const times: Record<Side, number[]> = { A: [], B: [] };
  const bad: Partial<Record<Side, string>> = {};
  const guarded = async (side: Side, action: () => Promise<unknown>) => {
    if (bad[side] !== undefined) return;
    await action().catch((error: Error) => {
      bad[side] = error.message;
    });
  };
  for (const side of SIDES)
    await guarded(side, async () => {
      await work.down?.(bench, side);
      await work.up?.(bench, side);
    });
  // the first round warms up and is not counted
  for (let i = -1; i < (work.n ?? runs); i++)
    for (const side of SIDES)
      await guarded(side, async () => {
        await work.before?.(bench, side);
        const start = performance.now();
        await work.go(bench, side);
        if (i >= 0) times[side].push(performance.now() - start);
      });
  for (const side of SIDES) await work.down?.(bench, side);
  const time = (side: Side) => (bad[side] === undefined ? Number(median(times[side]).toFixed(1)) : null);
  const [a, b] = [time('A'), time('B')];
  return { case: name, what: work.what, a_ms: a, b_ms: b, ratio: a && b ? Number((a / b).toFixed(2)) : null, bad };
}

function line(row: Row): string {
  const cell = (value: number | null) => String(value ?? 'failed').padStart(9);
  const reasons = SIDES.filter((s) => row.bad[s] !== undefined).map((s) => `  [${s}: ${row.bad[s]}]`);
  return `${row.case.padEnd(11)} A ${cell(row.a_ms)}  B ${cell(row.b_ms)}  A/B ${String(row.ratio ?? '-').padStart(6)}   ${row.what}${reasons.join('')}`;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      a: { type: 'string' },
      b: { type: 'string' },
      runs: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'string' },
      docker: { type: 'string' },
    },
  });
  if (!values.a || !values.b) {
    console.error('usage: versus.ts --a HOST --b HOST [--runs N] [--only c1,c2] [--json FILE] [--docker PROGRAM]');
    process.exit(2);
  }
  const { a, b, docker } = values;
  const table = await versus({
    a,
    b,
    docker,
    runs: values.runs ? Number(values.runs) : undefined,
    only: values.only?.split(','),
  });
  if (values.json) writeFileSync(values.json, JSON.stringify(table, null, 1));
}

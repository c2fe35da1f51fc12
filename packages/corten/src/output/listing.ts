import type { Context } from '../cli/command.ts';
import { CliError } from '../cli/errors.ts';
import { goJson } from './json-text.ts';
import { alignColumns } from './table.ts';
import { compileTemplate, type Template, type TemplateOptions } from './template.ts';

/** A row of a listing: what `--format` may name; a function is called with the template's arguments. */
export type Row = Readonly<Record<string, unknown>>;

export interface Listing {
  /** Name of the row's type in messages, Docker's. */
  type: string;
  /** Heading of each column; also the fields of `--format json`. */
  headers: Readonly<Record<string, string>>;
  /** Columns of the default table. */
  columns: readonly string[];
  /** With `-q`. */
  quietColumn?: string;
}

export interface ListingChoice {
  format?: string;
  quiet?: boolean;
  /** The default table's columns when they differ from the listing's. */
  columns?: readonly string[];
}

/** Prints rows as Docker's listings are printed: a table, JSON lines, a template, or only ids. */
export function printListing(context: Context, listing: Listing, rows: readonly Row[], choice: ListingChoice): void {
  context.stdout.write(renderListing(listing, rows, choice));
}

export function renderListing(listing: Listing, rows: readonly Row[], choice: ListingChoice): string {
  const { format = '' } = choice;
  if (format === 'json' || format === '{{json .}}')
    return rows.map((row) => `${goJson(plain(row, listing))}\n`).join('');
  let table = format === '' || format === 'table' || format.startsWith('table ');
  let source = format.startsWith('table ') ? format.slice(6) : format;
  if (format === '' || format === 'table') {
    source = (choice.columns ?? listing.columns).map((c) => `{{.${c}}}`).join('\t');
    if (choice.quiet && listing.quietColumn) {
      source = `{{.${listing.quietColumn}}}`;
      table = false;
    }
  } else if (choice.quiet && listing.quietColumn) {
    source = table ? source : `{{.${listing.quietColumn}}}`;
  }
  source = source.replaceAll('\\t', '\t').replaceAll('\\n', '\n');
  const template = compileFormat(source, { missing: { type: listing.type } });
  const lines = rows.map((row) => execute(template, row));
  if (!table) return lines.map((line) => `${line}\n`).join('');
  const heads = { ...listing.headers, Label: (name: string) => labelHeading(name) };
  return alignColumns([execute(template, heads), ...lines].flatMap((line) => line.split('\n')));
}

/** Compiles what the user gave with `--format`. */
export function compileFormat(source: string, options: TemplateOptions = {}): Template {
  try {
    return compileTemplate(source, options);
  } catch (error) {
    throw new CliError(`failed to parse template: ${(error as Error).message}`);
  }
}

function execute(template: Template, row: Row): string {
  try {
    return template(row);
  } catch (error) {
    throw new CliError(`failed to execute template: ${(error as Error).message}`);
  }
}

const plain = (row: Row, listing: Listing): Record<string, unknown> => {
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(listing.headers).sort()) if (typeof row[key] !== 'function') out[key] = row[key];
  return out;
};

const labelHeading = (name: string): string =>
  (name.split('.').at(-1) ?? name).replaceAll('-', ' ').replaceAll('_', ' ');

import { invalid } from '@corten/errors';
import * as v from 'valibot';

/**
 * Building blocks for Engine API bodies. Docker's server is written in Go, so a missing field, `null` and the zero value
 * mean the same there: every block takes undefined and null and gives the zero value, unless it is `optional…`.
 * Unknown fields are ignored, as Go ignores them.
 */
const zero = <T>(schema: v.GenericSchema<unknown, T>, value: () => T) =>
  v.nullish(schema, value as never) as unknown as v.GenericSchema<unknown, T> & { readonly default: () => T };

export const text = zero<string>(v.string(), () => '');
export const flag = zero<boolean>(v.boolean(), () => false);
const wholeNumber = v.pipe(v.number(), v.integer('expected an integer'));
export const integer = zero<number>(wholeNumber, () => 0);
export const float = zero<number>(v.number(), () => 0);
export const strings = zero<string[]>(v.array(v.string()), () => []);
export const textMap = zero<Record<string, string>>(v.record(v.string(), v.string()), () => ({}));
/** Go's map[string]struct{}: a set. */
export const textSet = zero<Record<string, Record<string, never>>>(
  v.pipe(
    v.record(v.string(), v.nullish(v.unknown())),
    v.transform((r) => Object.fromEntries(Object.keys(r).map((k) => [k, {}])) as Record<string, Record<string, never>>),
  ),
  () => ({}),
);

/** For pointers and slices whose absence differs from the zero value; null becomes undefined. */
export const optional = <S extends v.GenericSchema>(schema: S) =>
  v.pipe(
    v.nullish(schema),
    v.transform((x): v.InferOutput<S> | undefined => x ?? undefined),
  );
export const optionalText = optional(v.string());
export const optionalFlag = optional(v.boolean());
export const optionalInteger = optional(wholeNumber);
export const optionalStrings = optional(v.array(v.string()));
export const listOf = <S extends v.GenericSchema>(schema: S) =>
  zero<v.InferOutput<S>[]>(v.array(schema) as never, () => []);
export const mapOf = <S extends v.GenericSchema>(schema: S) =>
  zero<Record<string, v.InferOutput<S>>>(v.record(v.string(), schema) as never, () => ({}));

/** A string, or a list of strings: Docker's StrSlice (Cmd, Entrypoint). */
export const strSlice = optional(
  v.pipe(
    v.union([v.string(), v.array(v.string())], 'expected a string or an array of strings'),
    v.transform((x) => (typeof x === 'string' ? [x] : x)),
  ),
);

/** Parses a body or throws `invalid`, naming the field and what stood there. */
export function parse<S extends v.GenericSchema>(schema: S, value: unknown, what = 'invalid JSON'): v.InferOutput<S> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const path = v.getDotPath(issue);
  throw invalid(`${what}: ${path ? `${path}: ` : ''}${describe(issue)}`);
}

function describe(issue: v.BaseIssue<unknown>): string {
  if (issue.expected) return `expected ${issue.expected}, but got ${issue.received}`;
  return issue.message;
}

import { show, templateFunctions, truth } from './template-functions.ts';
import { type Node, type Pipe, parseTemplate, type Term } from './template-parse.ts';

export interface TemplateOptions {
  /** What a key that is not there does: Go's `<no value>`, or an error as for a map, or as for a struct of this type. */
  missing?: 'value' | 'map' | { type: string };
  /** Keys that may be absent from JSON because they are empty; they read as null. */
  optional?: ReadonlySet<string>;
}

/** Renders data; throws an Error with Go's message. */
export type Template = (data: unknown) => string;

/** `{{break}}` or `{{continue}}` on its way to its loop, with what the iteration printed. */
class LoopSignal extends Error {
  readonly ends: boolean;
  out = '';
  constructor(ends: boolean) {
    super('{{break}} or {{continue}} outside of {{range}}');
    this.ends = ends;
  }
}

/** Compiles a Go template. Throws `template: …` when it is malformed or names an unknown function. */
export function compileTemplate(source: string, options: TemplateOptions = {}): Template {
  const nodes = parseTemplate(source);
  walkCalls(nodes, (name) => {
    if (!(name in templateFunctions) && name !== 'and' && name !== 'or')
      throw new Error(`template: :1: function ${JSON.stringify(name)} not defined`);
  });
  return (data) => new Execution(options, data).run(nodes, data);
}

class Execution {
  readonly #options: TemplateOptions;
  readonly #scopes: Map<string, unknown>[] = [];
  constructor(options: TemplateOptions, data: unknown) {
    this.#options = options;
    this.#scopes.push(new Map([['$', data]]));
  }

  run(nodes: readonly Node[], dot: unknown): string {
    let out = '';
    for (const node of nodes) {
      try {
        out += this.#node(node, dot);
      } catch (signal) {
        if (signal instanceof LoopSignal) signal.out = out + signal.out; // what was printed before a break stays
        throw signal;
      }
    }
    return out;
  }

  #node(node: Node, dot: unknown): string {
    switch (node.kind) {
      case 'text':
        return node.text;
      case 'print': {
        const value = this.#pipe(node.pipe, dot);
        return node.pipe.variables.length === 0 ? show(value) : '';
      }
      case 'range':
        return this.#range(node, dot);
      case 'if':
      case 'with':
        return this.#choice(node, dot);
      case 'break':
      case 'continue':
        throw new LoopSignal(node.kind === 'break');
      case 'define':
        return '';
    }
  }

  #scoped<T>(work: () => T): T {
    this.#scopes.push(new Map());
    try {
      return work();
    } finally {
      this.#scopes.pop();
    }
  }

  #choice(node: Extract<Node, { pipe: Pipe; body: Node[] }>, dot: unknown): string {
    return this.#scoped(() => {
      const value = this.#pipe(node.pipe, dot);
      const inner = node.kind === 'with' ? value : dot;
      return truth(value) ? this.run(node.body, inner) : this.run(node.otherwise, dot);
    });
  }

  #range(node: Extract<Node, { pipe: Pipe; body: Node[] }>, dot: unknown): string {
    return this.#scoped(() => {
      const value = this.#pipe({ ...node.pipe, variables: [] }, dot);
      const entries = entriesOf(value);
      if (entries.length === 0) return this.run(node.otherwise, dot);
      const names = node.pipe.variables;
      let out = '';
      for (const [key, element] of entries) {
        const scope = this.#scopes.at(-1)!;
        if (names.length === 1) scope.set(names[0]!, element);
        if (names.length > 1) scope.set(names[0]!, key).set(names[1]!, element);
        try {
          out += this.#scoped(() => this.run(node.body, element));
        } catch (signal) {
          if (!(signal instanceof LoopSignal)) throw signal;
          out += signal.out;
          if (signal.ends) break;
        }
      }
      return out;
    });
  }

  #pipe(pipe: Pipe, dot: unknown): unknown {
    let value: unknown;
    pipe.commands.forEach((command, i) => {
      value = this.#command(command, dot, i > 0 ? [value] : []);
    });
    for (const name of pipe.variables) {
      const scope = pipe.assign ? this.#scopes.findLast((s) => s.has(name)) : this.#scopes.at(-1);
      if (!scope) throw new Error(`template: :1: undefined variable ${JSON.stringify(name)}`);
      scope.set(name, value);
    }
    return value;
  }

  #command([first, ...rest]: Term[], dot: unknown, piped: unknown[]): unknown {
    const at = first!;
    if (at.kind === 'call') {
      if (at.name === 'and' || at.name === 'or') return this.#lazy(at.name, rest, dot, piped);
      const args = [...rest.map((term) => this.#term(term, dot)), ...piped];
      return this.#apply(at, templateFunctions[at.name]!, args);
    }
    const value = this.#term(at, dot, true);
    const args = [...rest.map((term) => this.#term(term, dot)), ...piped];
    if (typeof value === 'function') return this.#apply(at, value as (...args: unknown[]) => unknown, args);
    if (args.length > 0) throw this.#error(at, `can't give argument to non-function ${source(at)}`);
    return value;
  }

  // biome-ignore lint/suspicious/noExplicitAny: what a template passes is only known when it runs
  #apply(at: Term, f: (...args: any[]) => unknown, args: unknown[]): unknown {
    try {
      return f(...args);
    } catch (error) {
      throw this.#error(at, (error as Error).message);
    }
  }

  #lazy(name: 'and' | 'or', terms: Term[], dot: unknown, piped: unknown[]): unknown {
    let value: unknown;
    for (const term of terms) {
      value = this.#term(term, dot);
      if (truth(value) === (name === 'or')) return value;
    }
    return piped.length > 0 ? piped[0] : value;
  }

  #term(term: Term, dot: unknown, keepFunction = false): unknown {
    const value = this.#base(term, dot);
    return typeof value === 'function' && !keepFunction ? (value as () => unknown)() : value;
  }

  #base(term: Term, dot: unknown): unknown {
    switch (term.kind) {
      case 'literal':
        return term.value;
      case 'call':
        return this.#command([term], dot, []);
      case 'group':
        return this.#select(
          this.#scoped(() => this.#pipe(term.pipe, dot)),
          term.path,
          term,
        );
      case 'variable': {
        const scope = this.#scopes.findLast((s) => s.has(term.name));
        if (!scope) throw new Error(`template: :1: undefined variable ${JSON.stringify(term.name)}`);
        return this.#select(scope.get(term.name), term.path, term);
      }
      case 'field':
        return this.#select(dot, term.path, term);
    }
  }

  #select(from: unknown, path: readonly string[], term: Term): unknown {
    let value = from;
    for (const key of path) {
      if (typeof value === 'object' && value !== null && Object.hasOwn(value, key)) {
        value = (value as Record<string, unknown>)[key];
        continue;
      }
      if (this.#options.optional?.has(key)) return null;
      const { missing = 'value' } = this.#options;
      if (value === null || value === undefined) throw this.#error(term, `nil pointer evaluating interface {}.${key}`);
      if (typeof value !== 'object' || Array.isArray(value))
        throw this.#error(term, `can't evaluate field ${key} in type ${goType(value)}`);
      if (missing === 'map') throw this.#error(term, `map has no entry for key ${JSON.stringify(key)}`);
      if (missing !== 'value') throw this.#error(term, `can't evaluate field ${key} in type ${missing.type}`);
      value = undefined;
    }
    return value;
  }

  #error(term: Term, message: string): Error {
    return new Error(`template: :1:${term.at}: executing "" at <${source(term)}>: ${message}`);
  }
}

const goType = (value: unknown): string =>
  Array.isArray(value)
    ? '[]interface {}'
    : ({ string: 'string', number: 'int', boolean: 'bool' }[typeof value as 'string'] ?? 'interface {}');

/** The term as it stands in the template, for messages. */
function source(term: Term): string {
  switch (term.kind) {
    case 'field':
      return `.${term.path.join('.')}`;
    case 'variable':
      return [term.name, ...term.path].join('.');
    case 'call':
      return term.name;
    case 'literal':
      return JSON.stringify(term.value);
    case 'group':
      return '(…)';
  }
}

function entriesOf(value: unknown): [unknown, unknown][] {
  if (Array.isArray(value)) return value.map((element, i) => [i, element]);
  if (typeof value === 'number') return Array.from({ length: value }, (_, i) => [i, i]);
  if (typeof value === 'object' && value !== null) return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return [];
}

function walkCalls(nodes: readonly Node[], visit: (name: string) => void): void {
  const pipe = (p: Pipe): void => {
    for (const term of p.commands.flat()) {
      if (term.kind === 'call') visit(term.name);
      if (term.kind === 'group') pipe(term.pipe);
    }
  };
  for (const node of nodes) {
    if ('pipe' in node) pipe(node.pipe);
    if ('body' in node) walkCalls(node.body, visit);
    if ('otherwise' in node) walkCalls(node.otherwise, visit);
  }
}

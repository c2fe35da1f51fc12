import type { Exchange } from './exchange.ts';

export type Handler = (exchange: Exchange) => Promise<void> | void;

interface Route {
  method: string;
  pattern: RegExp;
  names: string[];
  handler: Handler;
}

/** What a routes/*.ts file gets to register its calls. */
export interface Routes {
  /** `path` holds `{name}` for one segment and `{name*}` for a name with slashes (image names). */
  on(method: string, path: string, handler: Handler): void;
}

export interface Match {
  handler: Handler;
  params: Record<string, string>;
}

export class Router implements Routes {
  readonly #routes: Route[] = [];

  on(method: string, path: string, handler: Handler): void {
    const names: string[] = [];
    const source = path.replaceAll(/\{(\w+)(\*?)\}/g, (_, name: string, rest: string) => {
      names.push(name);
      return rest ? '(.+)' : '([^/]+)';
    });
    this.#routes.push({ method, pattern: new RegExp(`^${source}$`), names, handler });
  }

  /** The first registered route that fits; 'method' when only the method does not. `path` is decoded. */
  match(method: string, path: string): Match | 'method' | undefined {
    let known = false;
    for (const route of this.#routes) {
      const found = route.pattern.exec(path);
      if (!found) continue;
      known = true;
      if (route.method !== method) continue;
      return { handler: route.handler, params: Object.fromEntries(route.names.map((n, i) => [n, found[i + 1]!])) };
    }
    return known ? 'method' : undefined;
  }
}

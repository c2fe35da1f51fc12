import { existsSync, readdirSync } from 'node:fs';
import type { Context } from '../cli/command.ts';
import { CliError } from '../cli/errors.ts';
import type { Finding } from './examine.ts';
import { read } from './probe.ts';

export async function engineFindings(context: Context): Promise<Finding[]> {
  return [otherEngines(), await reachable(context)];
}

async function reachable(context: Context): Promise<Finding> {
  const name = 'engine';
  try {
    const { url } = context.engine.host;
    const version = await context.engine.get<{ Version: string; ApiVersion: string; Platform?: { Name: string } }>(
      '/version',
      { signal: AbortSignal.timeout(3000) },
    );
    return {
      name,
      state: 'ok',
      found: `${version.Platform?.Name || 'engine'} ${version.Version}, API ${version.ApiVersion}, at ${url}`,
    };
  } catch (error) {
    const why = error instanceof CliError ? error.message : 'it does not answer within 3 seconds';
    return {
      name,
      state: 'warning',
      found: 'not reachable',
      consequence: `${why.replace(/\.$/, '')} (start it with: cortend)`,
    };
  }
}

function otherEngines(): Finding {
  const known = ['dockerd', 'containerd', 'podman', 'crio', 'k3s', 'kubelet'];
  const running = new Set<string>();
  for (const pid of existsSync('/proc') ? readdirSync('/proc').filter((p) => /^\d+$/.test(p)) : []) {
    const program = read(`/proc/${pid}/comm`).trim();
    if (known.includes(program)) running.add(program);
  }
  if (running.size === 0) return { name: 'other engines', state: 'ok', found: 'none running' };
  return {
    name: 'other engines',
    state: 'info',
    found: [...running].join(', '),
    consequence: 'they live side by side: own sockets, roots, bridges and tables',
  };
}

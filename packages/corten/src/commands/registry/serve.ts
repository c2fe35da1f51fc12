import { createServer } from 'node:http';
import { createRegistry } from '@corten/registry';
import { command, none } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { bool, string } from '../../cli/flag-types.ts';

export const serve = command({
  usage: '[OPTIONS]',
  arity: none,
  flags: {
    addr: string('', 'Address and port to listen on', { initial: '127.0.0.1:5000' }),
    'read-only': bool('', 'Refuse everything that writes'),
    root: string('', "Directory of the registry's data", { initial: '/var/lib/corten/registry' }),
  },
  async run(context, { flags }) {
    const { host, port } = parseAddress(flags.addr);
    const registry = createRegistry({ root: flags.root, readOnly: flags['read-only'] });
    await registry.ready;
    const server = createServer((request, response) => registry.handler(request, response));
    server.requestTimeout = 0; // an upload of a large layer takes as long as it takes; idle connections still end
    server.headersTimeout = 60_000;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          new CliError(
            error.code === 'EADDRINUSE'
              ? `listen ${flags.addr}: address already in use`
              : `listen ${flags.addr}: ${error.message}`,
          ),
        ),
      );
      server.listen(port, host, resolve);
    });
    context.warn(`registry: serving ${flags.root} on http://${flags.addr}`);
    await new Promise<void>((resolve) => {
      process.once('SIGINT', resolve);
      process.once('SIGTERM', resolve);
    });
    server.close();
    server.closeAllConnections();
    await registry.close();
  },
});

function parseAddress(text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  if (!match || Number(match[3]) > 65535)
    throw new CliError(`invalid --addr ${JSON.stringify(text)}: expected HOST:PORT`, 125);
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port: Number(match[3]) };
}

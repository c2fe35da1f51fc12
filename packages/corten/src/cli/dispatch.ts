import { ClientConfig } from '../client/config.ts';
import { Engine } from '../client/engine.ts';
import { chosenHost, parseHost } from '../client/host.ts';
import type { Arity, Command, Context } from './command.ts';
import { CliError, PlainError, UsageError } from './errors.ts';
import { bool, list, string } from './flag-types.ts';
import { parseFlags } from './flags.ts';
import { type Entry, find, groupSummary } from './table.ts';

export const globalFlags = {
  config: string('', 'Location of client config files'),
  context: string('c', 'Name of the context to use (only "default")'),
  debug: bool('D', 'Enable debug mode'),
  host: list('H', 'Engine socket to connect to'),
  'log-level': string('l', 'Set the logging level ("debug", "info", "warn", "error", "fatal")', { initial: 'info' }),
  tls: bool('', 'Use TLS; implied by --tlsverify'),
  tlscacert: string('', 'Trust certs signed only by this CA'),
  tlscert: string('', 'Path to TLS certificate file'),
  tlskey: string('', 'Path to TLS key file'),
  tlsverify: bool('', 'Use TLS and verify the remote'),
  version: bool('v', 'Print version information and quit'),
};
const globals = (argv: readonly string[]) => parseFlags(argv, globalFlags, false);
type Globals = ReturnType<typeof globals>;

/** Runs one command line to its end and ends the process with its exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', brokenPipe);
  process.stderr.on('error', brokenPipe);
  await finish(await execute(argv));
}

async function execute(argv: readonly string[]): Promise<number> {
  let debug = false;
  try {
    const parsed = globals(argv);
    debug = parsed.flags.debug;
    if (parsed.flags.version) return await printVersion();
    if (parsed.args.length === 0 || parsed.help) return await printHelp();
    return await dispatch(parsed);
  } catch (error) {
    if (error instanceof UsageError) {
      const usage = "\n\nUsage:  corten [OPTIONS] COMMAND [ARG...]\n\nRun 'corten --help' for more information\n";
      process.stderr.write(`${error.message}${usage}`);
      return error.exitCode;
    }
    if (!(error instanceof CliError)) {
      process.stderr.write(`corten: ${debug ? (error as Error).stack : (error as Error).message}\n`);
      return 1;
    }
    if (error.message) process.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
}

async function dispatch(parsed: Globals): Promise<number> {
  const words = parsed.args[0] === 'help' ? [...parsed.args.slice(1), '--help'] : parsed.args;
  const { entry, group, used } = find(words);
  const rest = words.slice(used);
  if (entry) return runEntry(entry, words.slice(0, used).join(' '), rest, parsed);
  const unknown = rest[0];
  const help = await import('./help.ts');
  if (group && (unknown === undefined || unknown === '--help' || unknown === '-h')) {
    (unknown === undefined ? process.stderr : process.stdout).write(help.groupHelp(group));
    return 0;
  }
  if (unknown === '--help' && !group) return printHelp();
  if (unknown?.startsWith('-')) throw new UsageError(`unknown flag: ${unknown}`);
  const name = ['corten', group, unknown].filter(Boolean).join(' ');
  const reason = group ? undefined : help.notHere(unknown!);
  const usage = group ? `Usage:  corten ${group}\n\n` : '';
  const scope = ['corten', group].filter(Boolean).join(' ');
  throw new CliError(
    `corten: ${reason ?? `unknown command: ${name}`}\n\n${usage}Run '${scope} --help' for more information`,
  );
}

async function runEntry(entry: Entry, name: string, argv: readonly string[], parsed: Globals): Promise<number> {
  const command = await entry.load();
  const footer = (verb: string) => `${verb} 'corten ${name} --help' for more information`;
  const usage = `Usage:  corten ${name} ${command.usage}`.trimEnd();
  const withUsage = (error: unknown) =>
    error instanceof UsageError
      ? new PlainError(`${error.message}\n\n${usage}\n\n${footer('Run')}`, error.exitCode)
      : error;
  let call: ReturnType<typeof parseFlags>;
  try {
    call = parseFlags(argv, command.flags, !command.optionsFirst);
  } catch (error) {
    throw withUsage(error);
  }
  if (call.help) {
    process.stdout.write((await import('./help.ts')).commandHelp(entry, name, command));
    return 0;
  }
  const problem = arityProblem(command.arity, call.args.length);
  if (problem)
    throw new CliError(
      `corten: 'corten ${name}' ${problem}\n\n${usage}\n\n${footer(command.arity.min > 0 && command.arity.max === Number.POSITIVE_INFINITY ? 'See' : 'Run')}`,
    );
  const context = makeContext(parsed);
  try {
    return (await command.run(context, call)) ?? 0;
  } catch (thrown) {
    const error = withUsage(thrown);
    throw command.failure ? withFailure(error, command, footer('Run')) : error;
  } finally {
    context.close();
  }
}

/** `run` and its like say who speaks and where help is, and answer 125 for what is not the container's own failure. */
function withFailure(error: unknown, command: Command, footer: string): unknown {
  if (!(error instanceof CliError) || !error.message || error instanceof PlainError) return error;
  const code = error.exitCode === 1 ? command.failure! : error.exitCode;
  return new CliError(`corten: ${error.message}\n\n${footer}`, code);
}

function arityProblem({ min, max }: Arity, count: number): string | undefined {
  if (count >= min && count <= max) return undefined;
  const many = (n: number) => `${n} argument${n === 1 ? '' : 's'}`;
  if (max === 0) return 'accepts no arguments';
  if (min === max) return `requires ${many(min)}`;
  if (count < min)
    return max === Number.POSITIVE_INFINITY
      ? `requires at least ${many(min)}`
      : `requires at least ${many(min)} and at most ${many(max)}`;
  return min === 0 ? `requires at most ${many(max)}` : `requires at least ${many(min)} and at most ${many(max)}`;
}

function makeContext({ flags }: Globals): Context & { close(): void } {
  if (flags.context && flags.context !== 'default')
    throw new CliError(
      `context ${JSON.stringify(flags.context)}: contexts are not supported by corten; use -H or DOCKER_HOST`,
    );
  const config = new ClientConfig(flags.config);
  let engine: Engine | undefined;
  return {
    config,
    get engine() {
      const { env } = process;
      const tls = { ...flags, tlsverify: flags.tlsverify || Boolean(env.DOCKER_TLS_VERIFY) };
      engine ??= new Engine(
        parseHost(chosenHost(flags.host), tls, env.DOCKER_CERT_PATH || config.directory),
        config.file.HttpHeaders,
      );
      return engine;
    },
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    print: (line) => void process.stdout.write(`${line}\n`),
    warn: (line) => void process.stderr.write(`${line}\n`),
    close: () => engine?.close(),
  };
}

async function printVersion(): Promise<number> {
  const { version, commit } = await import('../version.ts');
  process.stdout.write(`Corten version ${version}, build ${commit}\n`);
  return 0;
}

async function printHelp(): Promise<number> {
  process.stdout.write((await import('./help.ts')).rootHelp(globalFlags, groupSummary));
  return 0;
}

/** A reader that went away (`| head`) is no failure to talk about. */
function brokenPipe(error: NodeJS.ErrnoException): void {
  process.exit(error.code === 'EPIPE' ? 141 : 1);
}

/** Writes to a pipe or terminal are synchronous on Linux; a socket may still hold something back. */
async function finish(code: number): Promise<void> {
  for (const stream of [process.stdout, process.stderr])
    if (stream.writableLength > 0) await new Promise<void>((resolve) => stream.write('', () => resolve()));
  process.exit(code);
}

import { writeFileSync } from 'node:fs';
import { PassThrough, Readable } from 'node:stream';
import { type BuildContext, directoryContext, fileContext, looksLikeArchive } from '../../build/context.ts';
import { type Context, command, exactly, type Invocation } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { bool, bytes, contentTrust, int, list, string, strings, swapBytes, unsupported } from '../../cli/flag-types.ts';
import { allCredentials, encodeAuth } from '../../client/credentials.ts';
import type { Query } from '../../client/engine.ts';
import { jsonLines } from '../../client/json-lines.ts';
import { humanSize } from '../../output/human.ts';
import { type ProgressMessage, showProgress } from '../../output/progress.ts';
import { parseHostEntry } from '../../run/body.ts';
import { parseUlimit } from '../../run/devices.ts';
import { keyValues, parseLabels } from '../../run/env.ts';

const buildkit = 'it needs BuildKit, which the classic build does not have';
const flags = {
  'add-host': list('', 'Add a custom host-to-IP mapping (host:ip)'),
  'build-arg': list('', 'Set build-time variables'),
  'cache-from': strings('', 'Images to consider as cache sources'),
  'cgroup-parent': string('', 'Parent cgroup for the RUN instructions'),
  compress: bool('', 'Compress the build context', { hidden: true }),
  'cpu-period': int('', 'Limit the CFS period'),
  'cpu-quota': int('', 'Limit the CFS quota'),
  'cpu-shares': int('c', 'CPU shares (relative weight)'),
  'cpuset-cpus': string('', 'CPUs in which to allow execution (0-3, 0,1)'),
  'cpuset-mems': string('', 'Memory nodes in which to allow execution (0-3, 0,1)'),
  'disable-content-trust': contentTrust(),
  file: string('f', 'Name of the Dockerfile (default is PATH/Dockerfile)'),
  'force-rm': bool('', 'Always remove intermediate containers'),
  iidfile: string('', 'Write the image ID to the file'),
  isolation: string('', 'Container isolation technology', { hidden: true }),
  label: list('', 'Set metadata for an image'),
  memory: bytes('m', 'Memory limit'),
  'memory-swap': swapBytes('', 'Memory limit plus swap; -1 for unlimited swap'),
  network: string('', 'Networking mode for the RUN instructions', { initial: 'default' }),
  'no-cache': bool('', 'Do not use cache when building the image'),
  output: unsupported('list', 'Output destination', buildkit),
  platform: string('', 'Set platform'),
  progress: string('', 'Type of progress output', { hidden: true }),
  pull: bool('', 'Always attempt to pull a newer version of the image'),
  quiet: bool('q', 'Suppress the build output and print image ID on success'),
  rm: bool('', 'Remove intermediate containers after a successful build', { initial: true }),
  secret: unsupported('list', 'Secret to expose to the build', buildkit),
  'security-opt': strings('', 'Security options'),
  'shm-size': bytes('', 'Size of /dev/shm'),
  squash: unsupported('', 'Squash newly built layers', 'it is experimental'),
  ssh: unsupported('list', 'SSH agent to expose', buildkit),
  tag: list('t', 'Name and optionally a tag (format: "name:tag")'),
  target: string('', 'Set the target build stage to build'),
  ulimit: list('', 'Ulimit options'),
};

export const build = command({
  usage: '[OPTIONS] PATH | URL | -',
  arity: exactly(1),
  flags,
  async run(context, call) {
    const source = await openContext(context, call.args[0]!, call.flags.file);
    try {
      return await post(context, call, source);
    } finally {
      source.close();
    }
  },
});

interface Source extends Partial<Pick<BuildContext, 'stream' | 'dockerfile'>> {
  remote?: string;
  close(): void;
}

/** The context that the argument names: a directory, an archive or a Dockerfile on stdin, or a URL that the engine fetches. */
async function openContext(context: Context, argument: string, file: string): Promise<Source> {
  if (/^(https?|git):\/\/|^git@|^github\.com\//.test(argument))
    return { remote: argument, dockerfile: file || undefined, close() {} };
  if (argument === '-') {
    if (file === '-') throw new CliError("invalid argument: can't use stdin for both build context and dockerfile");
    const { head, ended } = await firstBytes(context.stdin);
    if (!looksLikeArchive(head)) return fileContext(ended ? head : await rest(context.stdin));
    const stream = ended ? Readable.from([head]) : context.stdin.pipe(new PassThrough());
    return { stream, dockerfile: file || undefined, close() {} };
  }
  return directoryContext(argument, file === '-' ? '' : file, file === '-' ? await rest(context.stdin) : undefined);
}

/** Looks at the beginning of a stream and puts it back, unless that was all. */
async function firstBytes(stream: NodeJS.ReadStream): Promise<{ head: Buffer; ended: boolean }> {
  const parts: Buffer[] = [];
  let size = 0;
  let ended = false;
  stream.once('end', () => {
    ended = true;
  });
  while (size < 512 && !ended) {
    const part = stream.read() as Buffer | null;
    if (part) {
      parts.push(part);
      size += part.length;
    } else await new Promise((resolve) => stream.once('readable', resolve).once('end', resolve));
  }
  const head = Buffer.concat(parts);
  if (!ended) stream.unshift(head);
  return { head, ended };
}

async function rest(stream: NodeJS.ReadStream): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function query({ flags: f }: Invocation<typeof flags>, source: Source): Query {
  const args = Object.fromEntries(
    f['build-arg'].map((a) => (a.includes('=') ? Object.entries(keyValues([a]))[0]! : [a, process.env[a] ?? null])),
  );
  const json = (value: object) => (Object.keys(value).length > 0 ? JSON.stringify(value) : undefined);
  return {
    t: f.tag,
    remote: source.remote,
    dockerfile: source.dockerfile,
    buildargs: json(args),
    labels: json(parseLabels([], f.label)),
    cachefrom: f['cache-from'].length > 0 ? JSON.stringify(f['cache-from']) : undefined,
    ulimits: f.ulimit.length > 0 ? JSON.stringify(f.ulimit.map(parseUlimit)) : undefined,
    extrahosts: f['add-host'].length > 0 ? f['add-host'].map(parseHostEntry).join(',') : undefined,
    securityopt: f['security-opt'].length > 0 ? JSON.stringify(f['security-opt']) : undefined,
    nocache: f['no-cache'] || undefined,
    pull: f.pull || undefined,
    q: f.quiet || undefined,
    rm: f.rm ? 1 : 0,
    forcerm: f['force-rm'] || undefined,
    networkmode: f.network,
    target: f.target || undefined,
    platform: f.platform || undefined,
    cgroupparent: f['cgroup-parent'] || undefined,
    cpuperiod: f['cpu-period'] || undefined,
    cpuquota: f['cpu-quota'] || undefined,
    cpushares: f['cpu-shares'] || undefined,
    cpusetcpus: f['cpuset-cpus'] || undefined,
    cpusetmems: f['cpuset-mems'] || undefined,
    memory: f.memory || undefined,
    memswap: f['memory-swap'] || undefined,
    shmsize: f['shm-size'] || undefined,
    version: '1',
  };
}

async function post(context: Context, call: Invocation<typeof flags>, source: Source): Promise<number> {
  const { quiet, iidfile } = call.flags;
  let sent = 0;
  source.stream?.on('data', (chunk: Buffer) => {
    sent += chunk.length;
  });
  const response = await context.engine.stream('POST', '/build', {
    query: query(call, source),
    upload: source.stream,
    contentType: 'application/x-tar',
    headers: { 'X-Registry-Config': encodeAuth(allCredentials(context.config)) },
  });
  let id = '';
  const messages = jsonLines<ProgressMessage>(response);
  const onAux = (aux: unknown) => {
    id = (aux as { ID?: string }).ID ?? id;
  };
  if (!quiet) {
    if (source.stream) context.print(`Sending build context to the engine  ${humanSize(sent, 4)}`);
    await showProgress(messages, context.stdout, onAux);
  } else {
    const said: Buffer[] = [];
    const hidden = new PassThrough().on('data', (chunk: Buffer) => said.push(chunk));
    try {
      await showProgress(messages, hidden, onAux);
    } catch (error) {
      context.stderr.write(Buffer.concat(said));
      throw error;
    }
    id ||= Buffer.concat(said).toString().trim();
    context.print(id);
  }
  if (iidfile) writeFileSync(iidfile, id);
  return 0;
}

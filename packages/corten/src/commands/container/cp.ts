import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Context, command, exactly } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { bool } from '../../cli/flag-types.ts';
import { isNotFound } from '../../client/engine.ts';
import { humanSize } from '../../output/human.ts';
import { containerPath } from './path.ts';

/** Bits of a Go file mode in X-Docker-Container-Path-Stat. */
const MODE_DIR = 2 ** 31;
const MODE_SYMLINK = 2 ** 27;

interface PathStat {
  name: string;
  size: number;
  mode: number;
  linkTarget: string;
}
const isDir = (stat: PathStat): boolean => stat.mode >= MODE_DIR;
const isLink = (stat: PathStat): boolean => Math.floor(stat.mode / MODE_SYMLINK) % 2 === 1;

export const cp = command({
  usage: 'CONTAINER:SRC_PATH DEST_PATH|-\n\tcorten cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH',
  arity: exactly(2),
  flags: {
    archive: bool('a', 'Archive mode (copy all uid/gid information)'),
    'follow-link': bool('L', 'Always follow symbol link in SRC_PATH'),
    quiet: bool('q', 'Suppress progress output during copy'),
  },
  async run(context, { flags, args }) {
    const [from, to] = args.map(split) as [Place, Place];
    if (from.path === '' || to.path === '')
      throw new CliError(from.path === '' ? 'source can not be empty' : 'destination can not be empty');
    if (from.container && to.container) throw new CliError('copying between containers is not supported');
    if (!from.container && !to.container) throw new CliError('must specify at least one container source');
    if (from.container) await copyOut(context, from, to.path, flags['follow-link'], flags.archive, flags.quiet);
    else await copyIn(context, from.path, to, flags['follow-link'], flags.archive, flags.quiet);
  },
});

interface Place {
  container: string;
  path: string;
}

/** `name:path` is in a container, `./a:b` and `/a:b` are not. */
function split(text: string): Place {
  if (text.startsWith('/') || text.startsWith('.')) return { container: '', path: text };
  const at = text.indexOf(':');
  return at < 0 ? { container: '', path: text } : { container: text.slice(0, at), path: text.slice(at + 1) };
}

const trailing = (path: string): boolean => path.endsWith('/') || path.endsWith('/.');
const content = (path: string): boolean => path === '.' || path.endsWith('/.');

async function stat(context: Context, place: Place): Promise<PathStat | undefined> {
  try {
    const response = await context.engine.stream('HEAD', containerPath(place.container, 'archive'), {
      query: { path: place.path },
    });
    response.resume();
    return JSON.parse(
      Buffer.from(String(response.headers['x-docker-container-path-stat']), 'base64').toString(),
    ) as PathStat;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** From a container: to a tar stream on stdout, into a directory, or to a new name. */
async function copyOut(
  context: Context,
  from: Place,
  to: string,
  follow: boolean,
  archive: boolean,
  quiet: boolean,
): Promise<void> {
  let path = from.path;
  if (follow) {
    const found = await stat(context, from);
    if (found && isLink(found))
      path = found.linkTarget.startsWith('/') ? found.linkTarget : join(dirname(path), found.linkTarget);
  }
  const response = await context.engine.stream('GET', containerPath(from.container, 'archive'), { query: { path } });
  if (to === '-') return pipeline(response, context.stdout, { end: false });
  const source = JSON.parse(
    Buffer.from(String(response.headers['x-docker-container-path-stat']), 'base64').toString(),
  ) as PathStat;
  const target = resolve(to);
  const targetIsDir = existsSync(target) && statSync(target).isDirectory();
  if (!existsSync(dirname(target)))
    throw new CliError(`invalid output path: directory ${JSON.stringify(dirname(target))} does not exist`);
  if (existsSync(target) && !targetIsDir && isDir(source))
    throw new CliError(`cannot copy a directory to a file: ${target}`);
  if (!existsSync(target) && trailing(to) && !isDir(source))
    throw new CliError(`destination directory ${JSON.stringify(target)} must be a directory: it does not exist`);
  // The archive is unpacked aside and moved, so that a copy that breaks off leaves nothing half done under the final name.
  const parent = targetIsDir ? target : dirname(target);
  const aside = mkdtempSync(join(parent, '.corten-cp-'));
  chmodSync(aside, targetIsDir ? statSync(target).mode & 0o7777 : 0o755);
  try {
    const owner = archive ? ['--same-owner', '--numeric-owner'] : ['--no-same-owner'];
    const tar = spawn('tar', ['-x', '-p', ...owner, '-C', aside, '-f', '-'], { stdio: ['pipe', 'ignore', 'pipe'] });
    const ended = end(tar);
    let bytes = 0;
    response.on('data', (chunk: Buffer) => (bytes += chunk.length));
    await Promise.all([pipeline(response, tar.stdin).catch(ignoreBrokenPipe), ended]);
    const [root] = readdirSync(aside);
    // `/dir/.` comes as the directory's content, anything else under its own name
    const unpacked = content(path) ? aside : join(aside, root ?? '');
    const destination = targetIsDir && !content(path) && root !== undefined ? join(target, root) : target;
    if (isDir(source) && existsSync(destination)) await merge(unpacked, destination);
    else renameSync(unpacked, destination);
    if (!quiet && context.stderr.isTTY) context.warn(`Successfully copied ${humanSize(bytes, 3)} to ${to}`);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

/** Into a container: a tar stream from stdin, or a file or directory. */
async function copyIn(
  context: Context,
  from: string,
  to: Place,
  follow: boolean,
  archive: boolean,
  quiet: boolean,
): Promise<void> {
  const put = (path: string, upload: NodeJS.ReadableStream) =>
    context.engine.text('PUT', containerPath(to.container, 'archive'), {
      query: { path, noOverwriteDirNonDir: 'true', copyUIDGID: archive ? 'true' : undefined },
      upload: upload as NodeJS.ReadStream,
      contentType: 'application/x-tar',
    });
  let target = to.path;
  let found = await stat(context, to);
  if (found && isLink(found)) {
    target = found.linkTarget.startsWith('/') ? found.linkTarget : join(dirname(target), found.linkTarget);
    found = await stat(context, { ...to, path: target });
  }
  if (from === '-') {
    if (!found || !isDir(found)) throw new CliError(`destination "${to.container}:${to.path}" must be a directory`);
    await put(target, context.stdin);
    return;
  }
  let source = resolve(from);
  if (!existsSync(source)) throw new CliError(`lstat ${source}: no such file or directory`);
  if (follow) source = realpathSync(source);
  const directory = lstatSync(source).isDirectory();
  if (found && !isDir(found) && directory) throw new CliError('cannot copy directory');
  if (found && !isDir(found) && trailing(to.path))
    throw new CliError(`destination "${to.container}:${to.path}" is not a directory`);
  if (!found && trailing(to.path) && !directory) throw new CliError('no such directory');
  const into = found && isDir(found);
  const name = into ? (content(from) ? '.' : basename(source)) : basename(target);
  const tar = spawn('tar', tarArguments(source, name, content(from) && into === true), {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = end(tar);
  ended.catch(() => {}); // awaited below
  await put(into ? target : dirname(target), tar.stdout);
  await ended;
  if (!quiet && context.stderr.isTTY) context.warn(`Successfully copied ${from} to ${to.container}:${to.path}`);
}

/** tar of `source` under the name it gets inside. */
function tarArguments(source: string, name: string, onlyContent: boolean): string[] {
  const base = ['-c', '--numeric-owner', '-f', '-'];
  if (onlyContent) return [...base, '-C', source, '.'];
  const own = basename(source);
  const quoted = (text: string) => text.replace(/[\\.[\]*^$|&]/g, '\\$&');
  const rename = own === name ? [] : [`--transform=flags=rSH;s|^${quoted(own)}|${name.replace(/[\\&|]/g, '\\$&')}|`];
  return [...base, ...rename, '-C', dirname(source), '--', own];
}

async function merge(from: string, to: string): Promise<void> {
  const copy = spawn('cp', ['-a', '-f', '-T', '--', from, to], { stdio: ['ignore', 'ignore', 'pipe'] });
  await end(copy);
}

/** Resolves when the program ended well; else throws what it said. */
function end(child: ReturnType<typeof spawn>): Promise<void> {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk).slice(-4096)));
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new CliError(`cannot run ${child.spawnfile}: ${error.message}`)));
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new CliError(said.trim() || `${child.spawnfile} ended with ${code}`)),
    );
  });
}

const ignoreBrokenPipe = (error: NodeJS.ErrnoException): void => {
  if (error.code !== 'EPIPE') throw error;
};

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { CliError } from '../cli/errors.ts';
import { type IgnoreRules, parseIgnore } from './ignore.ts';

export interface BuildContext {
  /** A tar archive. */
  stream: Readable;
  /** The Dockerfile's path in it. */
  dockerfile: string;
  /** Removes what was made for it. */
  close(): void;
}

/** A directory as a build context: everything that .dockerignore does not keep out, owned by root. */
export function directoryContext(path: string, dockerfile: string, dockerfileText?: Buffer): BuildContext {
  const root = resolve(path);
  if (!existsSync(root)) throw new CliError(`unable to prepare context: path ${JSON.stringify(path)} not found`);
  if (!statSync(root).isDirectory())
    throw new CliError(`unable to prepare context: context must be a directory: ${root}`);
  const found = locateDockerfile(root, dockerfile, dockerfileText);
  const rules = readRules(root, found.inside);
  const keep = new Set(['.dockerignore', found.inside]);
  const scratch = found.text ? scratchFile(found.inside, found.text) : undefined;
  const extra = scratch ? ['-C', scratch, found.inside] : [];
  const args = [...TAR, '-C', root];
  const close = () => scratch && rmSync(scratch, { recursive: true, force: true });
  if (rules.empty) return { stream: runTar([...args, '.', ...extra]), dockerfile: found.inside, close };
  const names = listFiles(root, rules, keep).map((f) => `./${f}\0`);
  const listed = [...args, '--no-recursion', '--null', '--verbatim-files-from', '-T', '-', ...extra];
  return { stream: runTar(listed, names.join('')), dockerfile: found.inside, close };
}

const TAR = ['-c', '--numeric-owner', '--owner=0', '--group=0', '--format=gnu', '-f', '-'];

/** A directory of its own with this one file. */
function scratchFile(name: string, text: Buffer): string {
  const scratch = mkdtempSync(join(tmpdir(), 'corten-build-'));
  writeFileSync(join(scratch, name), text);
  return scratch;
}

/** A context that is only a Dockerfile (`build - < Dockerfile`). */
export function fileContext(text: Buffer): BuildContext {
  const scratch = scratchFile('Dockerfile', text);
  return {
    stream: runTar([...TAR, '-C', scratch, 'Dockerfile']),
    dockerfile: 'Dockerfile',
    close: () => rmSync(scratch, { recursive: true, force: true }),
  };
}

/** Whether these first bytes begin an archive, compressed or not, rather than a Dockerfile. */
export function looksLikeArchive(head: Buffer): boolean {
  const magic = [
    [0x1f, 0x8b, 0x08],
    [0x42, 0x5a, 0x68],
    [0xfd, 0x37, 0x7a, 0x58, 0x5a],
    [0x28, 0xb5, 0x2f, 0xfd],
  ];
  return magic.some((bytes) => bytes.every((b, i) => head[i] === b)) || head.subarray(257, 262).toString() === 'ustar';
}

/** Where the Dockerfile is: in the context, or outside of it or from stdin, then it goes in under a name of its own. */
function locateDockerfile(root: string, dockerfile: string, text?: Buffer): { inside: string; text?: Buffer } {
  if (text) return { inside: `.dockerfile.${Date.now().toString(36)}`, text };
  const candidates = dockerfile
    ? [isAbsolute(dockerfile) ? dockerfile : resolve(dockerfile)]
    : [join(root, 'Dockerfile'), join(root, 'dockerfile')];
  const path = candidates.find(existsSync);
  if (!path)
    throw new CliError(
      `unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat ${candidates[0]}: no such file or directory`,
    );
  const inside = relative(root, path);
  if (!inside.startsWith('..')) return { inside };
  return { inside: `.dockerfile.${Date.now().toString(36)}`, text: readFileSync(path) };
}

/** `<Dockerfile>.dockerignore` wins over `.dockerignore`. */
function readRules(root: string, dockerfile: string): IgnoreRules {
  const path = [join(root, `${dockerfile}.dockerignore`), join(root, '.dockerignore')].find(existsSync);
  try {
    return parseIgnore(path ? readFileSync(path, 'utf8') : '');
  } catch (error) {
    throw new CliError(`error checking context: ${(error as Error).message}`);
  }
}

function listFiles(root: string, rules: IgnoreRules, keep: ReadonlySet<string>): string[] {
  const files: string[] = [];
  const walk = (directory: string) => {
    for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
      const path = directory ? `${directory}/${entry.name}` : entry.name;
      const out = rules.excludes(path) && !keep.has(path);
      if (!out) files.push(path);
      if (entry.isDirectory() && (!out || rules.hasExceptions || [...keep].some((k) => k.startsWith(`${path}/`))))
        walk(path);
    }
  };
  walk('');
  return files;
}

/** tar's output as a stream, which fails when tar does. Exit code 1 means that a file changed meanwhile: that is the user's. */
function runTar(args: readonly string[], names = ''): Readable {
  const out = new PassThrough({ highWaterMark: 1 << 20 });
  const tar = spawn('tar', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  tar.stdin.on('error', () => {}); // tar's own end tells why it stopped reading
  tar.stdin.end(names);
  let said = '';
  tar.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk).slice(-4096);
  });
  tar.stdout.pipe(out, { end: false });
  tar.on('error', (error) => out.destroy(new CliError(`cannot run tar: ${error.message}`)));
  tar.on('close', (code) =>
    code !== null && code < 2 ? out.end() : out.destroy(new CliError(`error checking context: ${said.trim()}`)),
  );
  out.on('close', () => tar.kill());
  return out;
}

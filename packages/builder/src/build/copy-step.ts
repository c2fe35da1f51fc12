import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { decompress, extractTar, readTar } from '@corten/archive';
import { CortenError, invalid, kindOf, messageOf } from '@corten/errors';
import type { Platform } from '@corten/oci';
import type { FoundSource } from '../files/jobs.ts';
import { type CopyStep, nop } from '../plan/step.ts';
import { download, isUrl } from './download.ts';
import type { BuildSession } from './session.ts';

type Source = FoundSource & { downloaded: boolean };

/** A COPY or ADD whose sources are found and hashed. */
export interface PreparedCopy {
  sources: Source[];
  createdBy: string;
}

/** Root of the files of a stage or an image named by --from. */
export type SourceRoot = (from: string, stageIndex: number, platform: Platform) => Promise<string>;

/** Finds, hashes and copies the files of COPY and ADD. */
export class CopyRunner {
  readonly #session: BuildSession;
  readonly #rootOf: SourceRoot;

  constructor(session: BuildSession, rootOf: SourceRoot) {
    this.#session = session;
    this.#rootOf = rootOf;
  }

  async prepare(step: CopyStep, stageIndex: number, platform: Platform): Promise<PreparedCopy> {
    const from = step.from === '' ? undefined : await this.#rootOf(step.from, stageIndex, platform);
    const sources = await this.#find(step, from).catch((error: unknown) => {
      throw new CortenError(kindOf(error), `${step.verb} failed: ${messageOf(error)}`, error);
    });
    if (sources.length > 1 && !step.destination.endsWith('/'))
      throw invalid(
        `When using ${step.verb} with more than one source file, the destination must be a directory and end with a /`,
      );
    const flags = (step.chown && `--chown=${step.chown}`) + (step.chmod && `--chmod=${step.chmod}`);
    const text = `${step.verb} ${flags}${hashOf(sources)} in ${step.destination} `;
    return { sources, createdBy: nop(step.shell, text) };
  }

  async #find(step: CopyStep, from: string | undefined): Promise<Source[]> {
    const { deps, signal, context } = this.#session;
    const found: Source[] = [];
    const local = step.sources.filter((s) => !isUrl(s));
    if (step.verb === 'COPY' && local.length < step.sources.length) throw invalid("source can't be a URL for COPY");
    const scan = (root: string, sources: string[], downloaded: boolean) =>
      deps.files
        .scan({ root, sources, owners: from !== undefined, context: root === context }, signal)
        .then((all) => all.map((s) => ({ ...s, downloaded })));
    if (local.length > 0) found.push(...(await scan(from ?? context, local, false)));
    for (const url of step.sources.filter(isUrl)) {
      const file = await download(this.#session, url, step);
      found.push(...(await scan(file.directory, [file.name], true)));
    }
    if (step.inline.length > 0) {
      const directory = await this.#writeInline(step);
      found.push(
        ...(await scan(
          directory,
          step.inline.map((f) => escapeName(f.name)),
          true,
        )),
      );
    }
    if (found.length === 0) throw invalid('no source files were specified');
    return found;
  }

  async #writeInline(step: CopyStep): Promise<string> {
    const directory = await mkdtemp(join(this.#session.scratch, 'inline-'));
    for (const { name, content } of step.inline)
      writeFileSync(join(directory, basename(name)), content, { mode: 0o644 });
    return directory;
  }

  /** Copies what was found into the image's files, mounted at `root`. The snapshot is unmounted after it. */
  async copy(step: CopyStep, { sources }: PreparedCopy, root: string, key: string): Promise<void> {
    const { deps, signal } = this.#session;
    const plain: Source[] = [];
    for (const source of sources) {
      if (step.verb === 'ADD' && !source.directory && !source.downloaded && (await isArchive(source.real)))
        await extractTar(createReadStream(source.real), { root, into: step.destination, signal });
      else plain.push(source);
    }
    if (plain.length === 0) return;
    const keepOwners = step.from !== '' && step.chown === '';
    const { chmod } = step;
    const share = step.from === '';
    const rest = await deps.files.copy(
      {
        root,
        sources: plain.map(({ path, real, directory }) => ({ path, real, directory })),
        destination: step.destination,
        chmod,
        share,
        ...(keepOwners ? {} : { chown: step.chown }),
      },
      signal,
    );
    if (rest.fills.length === 0) return;
    await deps.snapshots.unmount(key); // the upper directory must not change beneath a mount
    // A file of an earlier source must not become one with its copy here.
    const alone = share && plain.length === 1;
    await deps.files.fill({ ...rest, upper: deps.snapshots.mounts(key).upper, chmod, share: alone }, signal);
  }
}

const escapeName = (name: string) => name.replaceAll(/[*?[\\]/g, '\\$&');

function hashOf(sources: readonly FoundSource[]): string {
  if (sources.length === 1) return sources[0]!.hash;
  const hash = createHash('sha256');
  for (const { path, hash: one } of sources) hash.update(JSON.stringify([basename(path), one]));
  return `multi:${hash.digest('hex')}`;
}

/** Whether ADD unpacks a file: a tar, perhaps compressed. */
async function isArchive(path: string): Promise<boolean> {
  if (!lstatSync(path).isFile()) return false; // a fifo would wait for a writer
  const file = createReadStream(path, { highWaterMark: 64 << 10 });
  try {
    for await (const entry of readTar(decompress(file))) {
      void entry;
      return true;
    }
    return false;
  } catch {
    return false; // not a tar: it is copied as it is
  } finally {
    file.destroy();
  }
}

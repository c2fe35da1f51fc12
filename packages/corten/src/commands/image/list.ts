import { atLeast, between, command, exactly, forEachName } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { bool, filter, string, strings, unsupported } from '../../cli/flag-types.ts';
import { isNotFound } from '../../client/engine.ts';
import { goTime, humanDuration, humanSize } from '../../output/human.ts';
import { type Listing, printListing, type Row } from '../../output/listing.ts';
import { encodeFilters } from '../filters.ts';
import { shortId } from '../rows.ts';
import { imagePath, splitReference } from './reference.ts';
import { platformJson } from './transfer.ts';

interface Summary {
  Id: string;
  RepoTags: string[] | null;
  RepoDigests: string[] | null;
  Created: number;
  Size: number;
  SharedSize: number;
  Containers: number;
}

const NONE = '<none>';
const listing: Listing = {
  type: '*formatter.imageContext',
  headers: {
    Containers: 'CONTAINERS',
    CreatedAt: 'CREATED AT',
    CreatedSince: 'CREATED',
    Digest: 'DIGEST',
    ID: 'IMAGE ID',
    Repository: 'REPOSITORY',
    SharedSize: 'SHARED SIZE',
    Size: 'SIZE',
    Tag: 'TAG',
    UniqueSize: 'UNIQUE SIZE',
    VirtualSize: 'SIZE',
  },
  columns: ['Repository', 'Tag', 'ID', 'CreatedSince', 'Size'],
  quietColumn: 'ID',
};

export const images = command({
  usage: '[OPTIONS] [REPOSITORY[:TAG]]',
  arity: between(0, 1),
  flags: {
    all: bool('a', 'Show all images (default hides intermediate images)'),
    digests: bool('', 'Show digests'),
    filter: filter('f', 'Filter output based on conditions provided'),
    format: string('', 'Output as "table", "table TEMPLATE", "json", or a Go template'),
    'no-trunc': bool('', "Don't truncate output"),
    quiet: bool('q', 'Only show image IDs'),
    tree: unsupported('', 'List as a tree', 'it is experimental'),
  },
  async run(context, { flags, args }) {
    const filters = [...flags.filter, ...args.map((name) => `reference=${name}`)];
    const found = await context.engine.get<Summary[]>('/images/json', {
      query: { all: flags.all ? 1 : undefined, filters: encodeFilters(filters) },
    });
    const format = flags.format || (flags.quiet ? '' : (context.config.file.imagesFormat ?? ''));
    const digests = flags.digests || format.includes('.Digest');
    const rows = found.sort((a, b) => b.Created - a.Created).flatMap((i) => imageRows(i, digests, !flags['no-trunc']));
    const columns = flags.digests ? ['Repository', 'Tag', 'Digest', 'ID', 'CreatedSince', 'Size'] : undefined;
    printListing(context, listing, rows, { format, quiet: flags.quiet, columns });
  },
});

/** One row per name; with digests, one per pair of name and digest; an image without names gets one of `<none>`. */
function imageRows(image: Summary, digests: boolean, truncate: boolean): Row[] {
  const tags = (image.RepoTags ?? []).filter((t) => t !== `${NONE}:${NONE}`).map(splitReference);
  const byDigest = (image.RepoDigests ?? []).filter((d) => d !== `${NONE}@${NONE}`).map(splitReference);
  const names = [...new Set([...tags, ...byDigest].map((r) => r.name))];
  const pairs: [string, string, string][] = names.flatMap((name) => {
    const own = tags.filter((t) => t.name === name).map((t) => t.suffix);
    const digest = byDigest.filter((d) => d.name === name).map((d) => d.suffix);
    if (!digests) return (own.length > 0 ? own : [NONE]).map((tag): [string, string, string] => [name, tag, NONE]);
    return (own.length > 0 ? own : [NONE]).flatMap((tag) =>
      (digest.length > 0 ? digest : [NONE]).map((d): [string, string, string] => [name, tag, d]),
    );
  });
  if (pairs.length === 0) pairs.push([NONE, NONE, NONE]);
  const known = (value: number) => (value === -1 || value === undefined ? 'N/A' : humanSize(value));
  return pairs.map(([Repository, Tag, Digest]) => ({
    Repository,
    Tag,
    Digest,
    ID: truncate ? shortId(image.Id) : image.Id,
    CreatedSince: `${humanDuration(Date.now() - image.Created * 1000)} ago`,
    CreatedAt: goTime(image.Created * 1000),
    Size: humanSize(image.Size),
    VirtualSize: humanSize(image.Size, 4),
    Containers: image.Containers === -1 ? 'N/A' : String(image.Containers),
    SharedSize: known(image.SharedSize),
    UniqueSize: image.SharedSize === -1 ? 'N/A' : humanSize(image.Size - (image.SharedSize ?? 0)),
  }));
}

export const rmi = command({
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  arity: atLeast(1),
  flags: {
    force: bool('f', 'Force removal of the image'),
    'no-prune': bool('', 'Do not delete untagged parents'),
    platform: strings('', 'Remove only the given platform variant'),
  },
  async run(context, { flags, args }) {
    let missingOnly = true;
    const failed = await forEachName(
      context,
      args,
      async (name) => {
        try {
          const done = await context.engine.delete<{ Untagged?: string; Deleted?: string }[]>(imagePath(name), {
            query: {
              force: flags.force ? 1 : undefined,
              noprune: flags['no-prune'] ? 1 : undefined,
              platforms: flags.platform.length > 0 ? flags.platform.map((p) => platformJson(p)!) : undefined,
            },
          });
          const lines = done.map((d) => (d.Deleted ? `Deleted: ${d.Deleted}` : `Untagged: ${d.Untagged}`));
          return lines.length > 0 ? lines.join('\n') : undefined;
        } catch (error) {
          if (!isNotFound(error)) missingOnly = false;
          throw error;
        }
      },
      1,
    );
    return failed && flags.force && missingOnly ? 0 : failed;
  },
});

export const tag = command({
  usage: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  arity: exactly(2),
  flags: {},
  async run(context, { args }) {
    const [source, target] = args;
    const { name, suffix } = splitReference(target!);
    if (suffix.includes(':')) throw new CliError('refusing to create a tag with a digest reference');
    await context.engine.post(imagePath(source!, 'tag'), { query: { repo: name, tag: suffix || undefined } });
  },
});

import { matchesGlob } from 'node:path';
import { invalid } from '@corten/errors';
import type { Image, Images } from '@corten/images';
import { boolValue, pruneFilters } from './query.ts';

type Test = (image: Image) => boolean;

const createdAt = (image: Image) => (image.config.created ? Date.parse(image.config.created) : 0);

/** Docker's image filters; unknown names are refused. All must hold; within one, any value (labels: every). */
export function imageFilter(filters: Record<string, string[]>, images: Images): Test {
  const tests = Object.entries(filters).map(([name, values]) => testOf(name, values, images));
  return (image) => tests.every((test) => test(image));
}

function testOf(name: string, values: string[], images: Images): Test {
  switch (name) {
    case 'dangling': {
      const wanted = boolValue(values[0] ?? null);
      return (image) => (image.repoTags.length === 0 && image.repoDigests.length === 0) === wanted;
    }
    case 'label':
      return (image) => values.every((v) => hasLabel(image, v));
    case 'before': {
      const limit = createdAt(images.get(values[0]!));
      return (image) => createdAt(image) < limit;
    }
    case 'since': {
      const limit = createdAt(images.get(values[0]!));
      return (image) => createdAt(image) > limit;
    }
    case 'until': {
      const limit = pruneFilters({ until: values }).until!;
      return (image) => createdAt(image) < limit * 1000;
    }
    case 'reference':
      return (image) =>
        [...image.repoTags, ...image.repoDigests].some((r) => values.some((v) => referenceMatches(r, v)));
    default:
      throw invalid(`invalid filter '${name}'`);
  }
}

function hasLabel(image: Image, wanted: string): boolean {
  const [key, value] = wanted.split(/=(.*)/s);
  const labels = image.config.config?.Labels ?? {};
  return key! in labels && (value === undefined || labels[key!] === value);
}

/** A pattern fits the familiar name with or without its tag (Docker: reference.FamiliarMatch). */
function referenceMatches(reference: string, pattern: string): boolean {
  const repository = reference.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
  return matchesGlob(reference, pattern) || matchesGlob(repository, pattern);
}

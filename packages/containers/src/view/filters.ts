import { invalid, isKind } from '@corten/errors';
import type { Context } from '../context.ts';
import { type ContainerRecord, isRunning } from '../record.ts';
import { healthName } from './status.ts';

type Filters = Record<string, string[]>;
type Test = (c: ContainerRecord) => boolean;

const ACCEPTED = [
  'ancestor',
  'before',
  'exited',
  'id',
  'isolation',
  'label',
  'name',
  'status',
  'health',
  'since',
  'volume',
  'network',
  'is-task',
  'publish',
  'expose',
];
const STATES = ['created', 'restarting', 'running', 'removing', 'paused', 'exited', 'dead'];
const HEALTH = ['starting', 'healthy', 'unhealthy', 'none'];

/** What `docker ps --filter` asks for, checked, as one test. `all` is true when the filters ask for stopped ones too. */
export function listFilter(ctx: Context, filters: Filters): { test: Test; all: boolean } {
  for (const name of Object.keys(filters)) if (!ACCEPTED.includes(name)) throw invalid(`invalid filter '${name}'`);
  const tests = Object.entries(filters)
    .filter(([, values]) => values.length > 0)
    .map(([name, values]) => testFor(ctx, name, values));
  const all =
    ['status', 'exited', 'health'].some((name) => name === 'status' && filters[name]?.length) ||
    !!filters['exited']?.length;
  return { test: (c) => tests.every((t) => t(c)), all };
}

function testFor(ctx: Context, name: string, values: string[]): Test {
  switch (name) {
    case 'id':
      return (c) => values.some((v) => c.id.startsWith(v) || matches(v, c.id));
    case 'name':
      return (c) => values.some((v) => matches(v.replace(/^(\^?)\//, '$1'), c.name) || matches(v, `/${c.name}`));
    case 'label':
      return (c) => values.every((v) => hasLabel(c.config.Labels, v));
    case 'status':
      return oneOf(name, values, STATES, (c) => c.state.status);
    case 'health':
      return oneOf(name, values, HEALTH, healthName);
    case 'exited':
      return exitedTest(values);
    case 'ancestor':
      return ancestorTest(ctx, values);
    case 'before':
      return orderTest(ctx, values, (c, other) => c.created < other.created);
    case 'since':
      return orderTest(ctx, values, (c, other) => c.created > other.created);
    case 'volume':
      return (c) => values.some((v) => c.mounts.some((m) => m.name === v || m.destination === v || m.source === v));
    case 'network':
      return networkTest(ctx, values);
    case 'publish':
      return portTest(values, (c) =>
        Object.entries(c.hostConfig.PortBindings).flatMap(([p, b]) => (b?.length ? [p] : [])),
      );
    case 'expose':
      return portTest(values, (c) => Object.keys(c.config.ExposedPorts));
    case 'is-task':
      return (c) => values.every((v) => (v === 'true' || v === '1') === 'com.docker.swarm.task' in c.config.Labels);
    default:
      return (c) => values.some((v) => (c.hostConfig.Isolation || 'default') === v);
  }
}

/** Docker matches names and IDs as regular expressions; text that is none is matched as it stands. */
function matches(pattern: string, text: string): boolean {
  if (text.includes(pattern)) return true;
  if (pattern.length > 256) return false;
  try {
    return new RegExp(pattern).test(text);
  } catch {
    return false;
  }
}

/** `key` or `key=value`. */
export function hasLabel(labels: Record<string, string>, wanted: string): boolean {
  const cut = wanted.indexOf('=');
  return cut < 0 ? wanted in labels : labels[wanted.slice(0, cut)] === wanted.slice(cut + 1);
}

function oneOf(name: string, values: string[], known: readonly string[], of: (c: ContainerRecord) => string): Test {
  for (const v of values)
    if (!known.includes(v))
      throw invalid(
        `invalid filter '${name}=${v}': invalid value for ${name === 'status' ? 'state' : name} (${v}): must be one of ${known.join(', ')}`,
      );
  return (c) => values.includes(of(c));
}

function exitedTest(values: string[]): Test {
  const codes = values.map((v) => {
    if (!/^-?\d+$/.test(v)) throw invalid(`invalid filter 'exited=${v}'`);
    return Number(v);
  });
  return (c) => !isRunning(c) && c.state.everStarted && codes.includes(c.state.exitCode);
}

/** Containers of an image or of one built on it. */
function ancestorTest(ctx: Context, values: string[]): Test {
  const wanted = new Set<string>();
  for (const value of values) {
    const image = ctx.images.find(value);
    if (image) wanted.add(image.id);
  }
  const descends = (id: string): boolean => {
    for (let at: string | undefined = id; at; at = ctx.images.find(at)?.parent) if (wanted.has(at)) return true;
    return false;
  };
  return (c) => values.includes(c.config.Image) || (c.imageId !== '' && descends(c.imageId));
}

function orderTest(
  ctx: Context,
  values: string[],
  holds: (c: ContainerRecord, other: ContainerRecord) => boolean,
): Test {
  const others = values.map((v) => ctx.store.find(v));
  return (c) => others.every((other) => other !== c && holds(c, other));
}

function networkTest(ctx: Context, values: string[]): Test {
  const names = new Set(values);
  for (const value of values) {
    try {
      const network = ctx.networks.get(value);
      names.add(network.Name).add(network.Id);
    } catch (error) {
      if (!isKind(error, 'notFound')) throw error; // an unknown network has no containers
    }
  }
  return (c) => {
    const endpoints = c.state.network?.endpoints ?? c.endpoints;
    return Object.entries(endpoints).some(([name, e]) => names.has(name) || names.has(e.NetworkID));
  };
}

/** `80`, `80/udp`, `8000-8010/tcp`. */
function portTest(values: string[], portsOf: (c: ContainerRecord) => string[]): Test {
  const wanted = new Set<string>();
  for (const value of values) {
    const match = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/.exec(value);
    const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (!match || to > 65535 || to < from) throw invalid(`invalid port: ${value}`);
    for (let port = from; port <= to; port++) wanted.add(`${port}/${match[3] ?? 'tcp'}`);
  }
  return (c) => portsOf(c).some((port) => wanted.has(port));
}

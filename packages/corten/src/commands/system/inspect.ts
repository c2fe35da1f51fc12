import { atLeast, type Context, command } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { bool, string } from '../../cli/flag-types.ts';
import { isNotFound } from '../../client/engine.ts';
import { indentJson } from '../../output/json-text.ts';
import { compileTemplate, type Template } from '../../output/template.ts';
import { containerPath } from '../container/path.ts';
import { imagePath } from '../image/reference.ts';
import { platformJson } from '../image/transfer.ts';
import { networkPath } from '../network/network.ts';
import { volumePath } from '../volume/volume.ts';

/** Fields that the engine leaves out when they are empty; in a template they read as nothing instead of being an error. */
const OPTIONAL = new Set([
  'Health',
  'Healthcheck',
  'Shell',
  'OnBuild',
  'StopTimeout',
  'StopSignal',
  'ArgsEscaped',
  'NetworkDisabled',
  'Mounts',
  'Init',
  'Annotations',
  'Sysctls',
  'StorageOpt',
  'Tmpfs',
  'SizeRw',
  'SizeRootFs',
  'Variant',
  'OsVersion',
  'Parent',
  'Comment',
  'DockerVersion',
  'ExposedPorts',
  'Volumes',
  'Labels',
  'Entrypoint',
  'Cmd',
  'IPAMConfig',
  'DriverOpts',
  'Aliases',
  'Links',
  'Options',
  'Status',
  'UsageData',
  'MacAddress',
]);

type Fetch = (context: Context, name: string) => Promise<string>;

const kinds = {
  container:
    (size: boolean): Fetch =>
    (context, name) =>
      context.engine.text('GET', containerPath(name, 'json'), { query: { size: size ? 1 : undefined } }),
  image:
    (platform = ''): Fetch =>
    (context, name) =>
      context.engine.text('GET', imagePath(name, 'json'), { query: { platform: platformJson(platform) } }),
  network:
    (verbose = false): Fetch =>
    (context, name) =>
      context.engine.text('GET', networkPath(name), { query: { verbose: verbose ? 1 : undefined } }),
  volume: (): Fetch => (context, name) => context.engine.text('GET', volumePath(name)),
};
const TYPES = ['container', 'image', 'network', 'volume'] as const;

/** Prints what was found, as one JSON list or through the template; then the errors. Exit code 1 when something was missing. */
async function inspectAll(context: Context, names: readonly string[], format: string, fetch: Fetch): Promise<number> {
  const template = format === '' || format === 'json' ? undefined : compile(format);
  const found: string[] = [];
  const errors: string[] = [];
  for (const name of names) {
    try {
      const text = (await fetch(context, name)).trim();
      found.push(template ? render(template, text) : text);
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      errors.push(error.message);
      if (template) break;
    }
  }
  if (template) for (const text of found) context.print(text);
  else if (format === 'json') context.print(`[${found.join(',')}]`);
  else context.print(indentJson(`[${found.join(',')}]`));
  if (template && errors.length > 0) context.print('');
  for (const error of errors) context.warn(error);
  return errors.length > 0 ? 1 : 0;
}

function compile(format: string): Template {
  try {
    return compileTemplate(format, { missing: 'map', optional: OPTIONAL });
  } catch (error) {
    throw new CliError(`template parsing error: ${(error as Error).message}`);
  }
}

function render(template: Template, text: string): string {
  try {
    return template(JSON.parse(text));
  } catch (error) {
    throw new CliError(`template parsing error: ${(error as Error).message}`);
  }
}

const format = string('f', 'Format output using "json" or a Go template');

/** Containers first, then images, networks and volumes, as names may be of any kind. */
const any =
  (size: boolean): Fetch =>
  async (context, name) => {
    for (const type of TYPES) {
      try {
        return await (type === 'container' ? kinds.container(size) : kinds[type]())(context, name);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    throw new CliError(`Error: No such object: ${name}`);
  };

export const inspect = command({
  usage: '[OPTIONS] NAME|ID [NAME|ID...]',
  arity: atLeast(1),
  flags: {
    format,
    size: bool('s', 'Display total file sizes if the type is container'),
    type: string('', 'Only inspect objects of the given type'),
  },
  async run(context, { flags, args }) {
    const type = flags.type as (typeof TYPES)[number] | '';
    if (type !== '' && !TYPES.includes(type))
      throw new CliError(`${JSON.stringify(type)} is not a valid value for --type`);
    const one: Fetch =
      type === '' ? any(flags.size) : type === 'container' ? kinds.container(flags.size) : kinds[type]();
    return inspectAll(context, args, flags.format, one);
  },
});

export const inspectContainer = command({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  arity: atLeast(1),
  flags: { format, size: bool('s', 'Display total file sizes') },
  run: (context, { flags, args }) => inspectAll(context, args, flags.format, kinds.container(flags.size)),
});

export const inspectImage = command({
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  arity: atLeast(1),
  flags: { format, platform: string('', 'Inspect a specific platform of the multi-platform image') },
  run: (context, { flags, args }) => inspectAll(context, args, flags.format, kinds.image(flags.platform)),
});

export const inspectNetwork = command({
  usage: '[OPTIONS] NETWORK [NETWORK...]',
  arity: atLeast(1),
  flags: { format, verbose: bool('v', 'Verbose output for diagnostics') },
  run: (context, { flags, args }) => inspectAll(context, args, flags.format, kinds.network(flags.verbose)),
});

export const inspectVolume = command({
  usage: '[OPTIONS] VOLUME [VOLUME...]',
  arity: atLeast(1),
  flags: { format },
  run: (context, { flags, args }) => inspectAll(context, args, flags.format, kinds.volume()),
});

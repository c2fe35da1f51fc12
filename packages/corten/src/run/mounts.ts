import { resolve } from 'node:path';
import { CliError, UsageError } from '../cli/errors.ts';
import { bool, splitCsv } from '../cli/flag-types.ts';
import { parseBytes } from '../output/human.ts';

export interface Mount {
  Type: string;
  Source?: string;
  Target?: string;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions?: Record<string, unknown>;
  VolumeOptions?: {
    NoCopy?: boolean;
    Labels?: Record<string, string>;
    Subpath?: string;
    DriverConfig?: { Name?: string; Options?: Record<string, string> };
  };
  ImageOptions?: { Subpath?: string };
  TmpfsOptions?: { SizeBytes?: number; Mode?: number };
}

/** `-v`: binds (`/host:/dir`, `name:/dir:ro`) and anonymous volumes (`/dir`). A host path that starts with a dot is made absolute. */
export function parseVolumes(specs: readonly string[]): { binds: string[]; volumes: Record<string, object> } {
  const binds: string[] = [];
  const volumes: Record<string, object> = {};
  for (const spec of specs) {
    const at = spec.indexOf(':');
    if (spec === '' || spec === ':') throw new CliError('invalid empty volume spec');
    if (at < 0) volumes[spec] = {};
    else if (spec.startsWith('.')) binds.push(`${resolve(spec.slice(0, at))}${spec.slice(at)}`);
    else binds.push(spec);
  }
  return { binds, volumes };
}

/** `--mount type=…,source=…,target=…`. */
export function parseMount(spec: string): Mount {
  const mount: Mount = { Type: 'volume' };
  const bind = () => (mount.BindOptions ??= {});
  const volume = () => (mount.VolumeOptions ??= {});
  const tmpfs = () => (mount.TmpfsOptions ??= {});
  const wrong = (message: string) =>
    new UsageError(`invalid argument ${JSON.stringify(spec)} for "--mount" flag: ${message}`);
  for (const part of splitCsv(spec)) {
    const at = part.indexOf('=');
    const key = (at < 0 ? part : part.slice(0, at)).toLowerCase();
    const value = at < 0 ? 'true' : part.slice(at + 1);
    const bare = ['readonly', 'ro', 'volume-nocopy', 'bind-nonrecursive'].includes(key);
    if (at < 0 && !bare) throw wrong(`invalid field '${part}' must be a key=value pair`);
    const flag = (): boolean => {
      try {
        return bool('', '').parse(value, false);
      } catch {
        throw wrong(`invalid value for ${key}: ${value}`);
      }
    };
    const pair = (): [string, string] => {
      const [name, ...rest] = value.split('=');
      return [name!, rest.join('=')];
    };
    switch (key) {
      case 'type':
        mount.Type = value.toLowerCase();
        break;
      case 'source':
      case 'src':
        mount.Source = value.startsWith('.') ? resolve(value) : value;
        break;
      case 'target':
      case 'dst':
      case 'destination':
        mount.Target = value;
        break;
      case 'readonly':
      case 'ro':
        mount.ReadOnly = flag();
        break;
      case 'consistency':
        mount.Consistency = value.toLowerCase();
        break;
      case 'bind-propagation':
        bind().Propagation = value.toLowerCase();
        break;
      case 'bind-nonrecursive':
        bind().NonRecursive = flag();
        break;
      case 'bind-recursive':
        if (value === 'disabled') bind().NonRecursive = true;
        else if (value === 'writable') bind().ReadOnlyNonRecursive = true;
        else if (value === 'readonly') bind().ReadOnlyForceRecursive = true;
        else if (value !== 'enabled')
          throw wrong(`invalid value for ${key}: ${value} (must be "enabled", "disabled", "writable", or "readonly")`);
        break;
      case 'volume-subpath':
        volume().Subpath = value;
        break;
      case 'volume-nocopy':
        volume().NoCopy = flag();
        break;
      case 'volume-label': {
        const [name, text] = pair();
        volume().Labels = { ...volume().Labels, [name]: text };
        break;
      }
      case 'volume-driver':
        volume().DriverConfig = { ...volume().DriverConfig, Name: value };
        break;
      case 'volume-opt': {
        const [name, text] = pair();
        const config = volume().DriverConfig;
        volume().DriverConfig = { ...config, Options: { ...config?.Options, [name]: text } };
        break;
      }
      case 'image-subpath':
        mount.ImageOptions = { Subpath: value };
        break;
      case 'tmpfs-size':
        tmpfs().SizeBytes = parseBytes(value);
        break;
      case 'tmpfs-mode':
        if (!/^[0-7]+$/.test(value)) throw wrong(`invalid value for ${key}: ${value}`);
        tmpfs().Mode = Number.parseInt(value, 8);
        break;
      default:
        throw wrong(`unexpected key '${key}' in '${part}'`);
    }
  }
  const misplaced = [
    ['VolumeOptions', 'volume'],
    ['BindOptions', 'bind'],
    ['TmpfsOptions', 'tmpfs'],
    ['ImageOptions', 'image'],
  ] as const;
  for (const [options, type] of misplaced)
    if (mount[options] && mount.Type !== type)
      throw wrong(`cannot mix '${type}-*' options with mount type '${mount.Type}'`);
  if (!mount.Target) throw wrong('target is required');
  return mount;
}

/** `--tmpfs /dir[:options]`. */
export const parseTmpfs = (specs: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    specs.map((spec) => {
      const at = spec.indexOf(':');
      return at < 0 ? [spec, ''] : [spec.slice(0, at), spec.slice(at + 1)];
    }),
  );

import { invalid } from '@corten/errors';

/** Options of the `local` driver (`--opt type=… device=… o=…`): what mount(8) gets. */
export interface LocalOptions {
  type: string;
  device: string;
  o: string;
}

const KNOWN = ['type', 'device', 'o', 'size'];

/** undefined when the volume is a plain directory. Docker's words for what it refuses. */
export function localOptions(options: Record<string, string>): LocalOptions | undefined {
  for (const key of Object.keys(options)) if (!KNOWN.includes(key)) throw invalid(`create: invalid option: "${key}"`);
  const { type = '', device = '', o = '', size } = options;
  if (size !== undefined) throw invalid('quota size requested but no quota support');
  if (Object.keys(options).length === 0) return undefined;
  if (device === '') throw invalid('missing device in volume options');
  if (type === '' && !hasBind(o)) throw invalid('missing type in volume options');
  return { type, device, o };
}

const hasBind = (o: string) => o.split(',').some((x) => x === 'bind' || x === 'rbind');

/** Arguments for mount(8). */
export function mountArguments({ type, device, o }: LocalOptions, target: string): string[] {
  const bind = hasBind(o) || type === 'none';
  return [...(bind ? [] : ['-t', type]), ...(o ? ['-o', o] : []), '--', device, target];
}

import { CliError } from '../../cli/errors.ts';

/** API path of a container; a name of the user's is one path segment, whatever it holds. */
export function containerPath(name: string, verb = ''): string {
  if (name.trim() === '') throw new CliError('invalid container name or ID: value is empty');
  return `/containers/${encodeURIComponent(name)}${verb ? `/${verb}` : ''}`;
}

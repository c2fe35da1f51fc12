import type { HostConfig } from '@corten/api-types';
import { invalid, notImplemented } from '@corten/errors';
import type { ContainerDefaults } from '../context.ts';

const DRIVERS = ['json-file', 'local', 'none'];
const KNOWN_ELSEWHERE = [
  'syslog',
  'journald',
  'gelf',
  'fluentd',
  'awslogs',
  'splunk',
  'etwlogs',
  'gcplogs',
  'logentries',
];
const OPTIONS = [
  'max-size',
  'max-file',
  'compress',
  'labels',
  'labels-regex',
  'env',
  'env-regex',
  'tag',
  'mode',
  'max-buffer-size',
];

/** How much log a container keeps: size of one file and how many, so that no container fills the disk. */
export interface LogBounds {
  /** Bytes; Infinity for `max-size=-1`. */
  maxSize: number;
  maxFiles: number;
}
const DEFAULT_BOUNDS: LogBounds = { maxSize: 20 << 20, maxFiles: 5 };

/** The container's log driver with the engine's defaults; refuses drivers and options that are not here. */
export function checkLogConfig(
  given: HostConfig['LogConfig'],
  defaults: Pick<ContainerDefaults, 'logDriver' | 'logOpts'>,
): NonNullable<HostConfig['LogConfig']> {
  const type = given?.Type || defaults.logDriver;
  if (KNOWN_ELSEWHERE.includes(type)) throw notImplemented(`logger: the log driver '${type}' is not implemented`);
  if (!DRIVERS.includes(type)) throw invalid(`logger: no log driver named '${type}' is registered`);
  const inherits = type === defaults.logDriver;
  const config = { ...(inherits ? defaults.logOpts : {}), ...given?.Config };
  if (type !== 'none')
    for (const name of Object.keys(config))
      if (!OPTIONS.includes(name)) throw invalid(`unknown log opt '${name}' for ${type} log driver`);
  logBounds({ Type: type, Config: config });
  return { Type: type, Config: config };
}

/** max-size and max-file of a log configuration. */
export function logBounds(log: HostConfig['LogConfig']): LogBounds {
  const size = log?.Config['max-size'];
  const files = log?.Config['max-file'];
  const maxSize =
    size === undefined ? DEFAULT_BOUNDS.maxSize : size === '-1' ? Number.POSITIVE_INFINITY : parseSize(size);
  const maxFiles = files === undefined ? (size === undefined ? DEFAULT_BOUNDS.maxFiles : 1) : Number(files);
  if (!Number.isInteger(maxFiles) || maxFiles < 1) throw invalid('max-file cannot be less than 1');
  return { maxSize, maxFiles };
}

/** `10m`, `1.5g`, `100kb`, in bytes (powers of 1024). */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp])?i?b?$/i.exec(text);
  if (!match) throw invalid(`invalid size: '${text}'`);
  const power = ' kmgtp'.indexOf((match[2] ?? ' ').toLowerCase());
  const size = Math.floor(Number(match[1]) * 1024 ** power);
  if (size <= 0) throw invalid(`invalid size: '${text}'`);
  return size;
}

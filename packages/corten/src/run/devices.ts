import { CliError, UsageError } from '../cli/errors.ts';
import { parseBytes } from '../output/human.ts';

export interface DeviceMapping {
  PathOnHost: string;
  PathInContainer: string;
  CgroupPermissions: string;
}

/** `/dev/x[:/dev/y][:rwm]`. */
export function parseDevice(spec: string): DeviceMapping {
  const parts = spec.split(':');
  const isMode = (text: string) => /^[rwm]+$/.test(text) && new Set(text).size === text.length;
  const host = parts[0]!;
  const last = parts.at(-1)!;
  const mode = parts.length > 1 && isMode(last) ? last : undefined;
  const inside = parts.length > 1 && !(parts.length === 2 && mode) ? parts[1]! : host;
  if (parts.length > 3 || !host || (parts.length === 3 && !mode)) throw new CliError(`bad format for path: ${spec}`);
  return { PathOnHost: host, PathInContainer: inside || host, CgroupPermissions: mode ?? 'rwm' };
}

/** `name=soft[:hard]`. */
export function parseUlimit(spec: string): { Name: string; Soft: number; Hard: number } {
  const match = /^(\w+)=(-?\d+)(?::(-?\d+))?$/.exec(spec);
  if (!match)
    throw new UsageError(
      `invalid argument ${JSON.stringify(spec)} for "--ulimit" flag: invalid ulimit argument: ${spec}`,
    );
  const soft = Number(match[2]);
  const hard = Number(match[3] ?? match[2]);
  if (hard >= 0 && (soft > hard || soft < 0))
    throw new UsageError(
      `invalid argument ${JSON.stringify(spec)} for "--ulimit" flag: ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`,
    );
  return { Name: match[1]!, Soft: soft, Hard: hard };
}

/** `path:weight`. */
export function parseWeight(spec: string): { Path: string; Weight: number } {
  const [path, weight, ...more] = spec.split(':');
  const value = Number(weight);
  if (!path?.startsWith('/dev/') || more.length > 0) throw new CliError(`bad format for device path: ${spec}`);
  if (!Number.isInteger(value) || (value > 0 && (value < 10 || value > 1000)))
    throw new CliError(`invalid weight for device: ${spec}`);
  return { Path: path, Weight: value };
}

/** `path:rate`, the rate in bytes (with a suffix) or in operations a second. */
export const parseRate =
  (unit: 'bytes' | 'operations') =>
  (spec: string): { Path: string; Rate: number } => {
    const [path, rate = '', ...more] = spec.split(':');
    if (!path?.startsWith('/dev/') || more.length > 0) throw new CliError(`bad format for device path: ${spec}`);
    const form = unit === 'bytes' ? '<device-path>:<number>[<unit>]' : '<device-path>:<number>';
    const wrong = () =>
      new CliError(
        `invalid rate for device: ${spec}. The correct format is ${form}. Number must be a positive integer`,
      );
    if (unit === 'operations') {
      if (!/^\d+$/.test(rate)) throw wrong();
      return { Path: path, Rate: Number(rate) };
    }
    try {
      return { Path: path, Rate: parseBytes(rate) };
    } catch {
      throw wrong();
    }
  };

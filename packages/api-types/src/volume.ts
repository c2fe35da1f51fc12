import * as v from 'valibot';
import { text, textMap } from './schema.ts';

/** Body of POST /volumes/create. */
export const VolumeCreateBodySchema = v.object({ Name: text, Driver: text, DriverOpts: textMap, Labels: textMap });
export type VolumeCreateBody = v.InferOutput<typeof VolumeCreateBodySchema>;

/** definitions/Volume. */
export interface VolumeInspect {
  Name: string;
  Driver: string;
  Mountpoint: string;
  CreatedAt: string;
  Labels: Record<string, string> | null;
  Options: Record<string, string> | null;
  Scope: 'local';
  UsageData?: { Size: number; RefCount: number };
}

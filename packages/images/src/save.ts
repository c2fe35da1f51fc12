import type { Readable } from 'node:stream';
import { notImplemented } from '@corten/errors';
import type { Context } from './context.ts';

export function saveImages(_ctx: Context, _names: string[], _signal?: AbortSignal): Readable {
  throw notImplemented('images: save');
}

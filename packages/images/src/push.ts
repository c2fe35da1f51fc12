import { notImplemented } from '@corten/errors';
import type { Context } from './context.ts';
import type { Images } from './types.ts';

export function pushImages(_ctx: Context, _reference: string, _options: Parameters<Images['push']>[1]): Promise<void> {
  throw notImplemented('images: push');
}

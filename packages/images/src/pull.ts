import { notImplemented } from '@corten/errors';
import type { Context } from './context.ts';
import type { Image, Images } from './types.ts';

export function pullImages(_ctx: Context, _reference: string, _options: Parameters<Images['pull']>[1]): Promise<Image> {
  throw notImplemented('images: pull');
}

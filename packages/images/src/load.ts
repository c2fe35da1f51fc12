import type { Readable } from 'node:stream';
import { notImplemented } from '@corten/errors';
import type { Context } from './context.ts';
import type { OnProgress } from './types.ts';

export function loadImages(
  _ctx: Context,
  _tar: Readable,
  _options: { quiet?: boolean; onProgress: OnProgress; signal?: AbortSignal },
): Promise<void> {
  throw notImplemented('images: load');
}

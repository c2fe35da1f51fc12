import { invalid } from '@corten/errors';
import type { Image } from '@corten/images';
import type { DiffId, ImageConfig, Platform } from '@corten/oci';
import { rfc3339Nano } from '@corten/util';
import type { ImageState } from '../plan/step.ts';

/** As Docker: deeper stacks cannot be mounted everywhere. */
const MAX_LAYERS = 127;

/** The config of the image that a step makes of its parent. */
export function stepConfig(
  parent: Image | undefined,
  platform: Platform,
  after: ImageState,
  step: { createdBy: string; diffId?: DiffId; created?: string },
): ImageConfig {
  const created = step.created ?? rfc3339Nano();
  const base: Partial<ImageConfig> = parent?.config ?? platform;
  const diffIds = [...(parent?.config.rootfs.diff_ids ?? []), ...(step.diffId ? [step.diffId] : [])];
  if (diffIds.length > MAX_LAYERS) throw invalid('max depth exceeded');
  const author = after.author ? { author: after.author } : {};
  const entry = {
    created,
    ...author,
    created_by: step.createdBy,
    ...(step.diffId ? {} : { empty_layer: true }),
  };
  return {
    architecture: base.architecture ?? platform.architecture,
    os: base.os ?? platform.os,
    ...(base.variant ? { variant: base.variant } : {}),
    ...(base['os.version'] ? { 'os.version': base['os.version'] } : {}),
    ...author,
    created,
    config: after.config,
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: [...(parent?.config.history ?? []), entry],
  };
}

import type { ContainerConfig, ContainerCreateBody } from '@corten/api-types';
import { conflict } from '@corten/errors';
import type { Digest, ImageConfig, ImageRunConfig } from '@corten/oci';
import { currentPlatform, familiarString, parseReference, withDefaultTag, withTag } from '@corten/oci';
import { rfc3339Nano } from '@corten/util';
import { type Context, publish } from '../context.ts';
import { mergeImageConfig } from '../create/merge-image.ts';
import { type ContainerRecord, commandOf } from '../record.ts';
import { applyChanges } from './changes.ts';

export interface CommitOptions {
  repo?: string;
  tag?: string;
  comment: string;
  author: string;
  pause: boolean;
  changes: string[];
  config?: ContainerCreateBody;
}

/** POST /commit: the container's changes as a layer on its image. Returns the image's ID. */
export async function commitContainer(ctx: Context, c: ContainerRecord, options: CommitOptions): Promise<string> {
  if (['removing', 'dead'].includes(c.state.status))
    throw conflict(
      `You cannot commit container ${c.id} which is ${c.state.status === 'dead' ? 'Dead' : 'being removed'}`,
    );
  const reference = referenceOf(options);
  const run = runConfigOf(c, options);
  const pause = options.pause && c.state.status === 'running';
  if (pause) await ctx.supervisor.pause(c.id);
  let made: Awaited<ReturnType<typeof ctx.snapshots.commit>>;
  try {
    made = await ctx.snapshots.commit(c.id);
  } finally {
    if (pause) await ctx.supervisor.resume(c.id);
  }
  const parent = c.imageId ? ctx.images.get(c.imageId) : undefined;
  const created = rfc3339Nano();
  const config: ImageConfig = {
    ...(parent?.config ?? currentPlatform()),
    created,
    ...(options.author ? { author: options.author } : {}),
    config: run,
    rootfs: {
      type: 'layers',
      diff_ids: [...(parent?.config.rootfs.diff_ids ?? []), ...(made.empty ? [] : [made.layer.diffId])],
    },
    history: [
      ...(parent?.config.history ?? []),
      {
        created,
        created_by: [commandOf(c.config).path, ...commandOf(c.config).args].join(' '),
        ...(options.author ? { author: options.author } : {}),
        ...(options.comment ? { comment: options.comment } : {}),
        ...(made.empty ? { empty_layer: true } : {}),
      },
    ],
  };
  const image = await ctx.images.create(config, {
    parent: parent?.id as Digest | undefined,
    references: reference ? [reference] : [],
  });
  publish(ctx, c, 'commit', { comment: options.comment, imageID: image.id, imageRef: reference ?? '' });
  return image.id;
}

function referenceOf({ repo, tag }: CommitOptions): string | undefined {
  if (!repo) return undefined;
  const parsed = parseReference(repo);
  return familiarString(tag ? withTag(parsed, tag) : withDefaultTag(parsed));
}

/** The new image's run configuration: what the caller gives, then the changes, completed by the container's own. */
function runConfigOf(c: ContainerRecord, options: CommitOptions): ImageRunConfig {
  const { HostConfig: _h, NetworkingConfig: _n, ...given } = options.config ?? {};
  const own = asRunConfig(c.config);
  const target: { config?: object } = { config: options.config ? asRunConfig(given as ContainerConfig) : own };
  applyChanges(target, options.changes);
  if (!options.config) return target.config as ImageRunConfig;
  return asRunConfig(
    mergeImageConfig({ ...c.config, ...emptyConfig, ...(target.config as object) } as ContainerConfig, own),
  );
}

const emptyConfig = {
  Cmd: undefined,
  Entrypoint: undefined,
  Env: [],
  Labels: {},
  Volumes: {},
  ExposedPorts: {},
  User: '',
  WorkingDir: '',
  StopSignal: undefined,
  Healthcheck: undefined,
  Shell: undefined,
};

/** The fields of a container's configuration that an image carries; empty ones left out. */
function asRunConfig(c: Partial<ContainerConfig>): ImageRunConfig {
  const all: ImageRunConfig = {
    User: c.User || undefined,
    ExposedPorts: c.ExposedPorts,
    Env: c.Env,
    Entrypoint: c.Entrypoint,
    Cmd: c.Cmd,
    Volumes: c.Volumes,
    WorkingDir: c.WorkingDir || undefined,
    Labels: c.Labels,
    StopSignal: c.StopSignal,
    Healthcheck: c.Healthcheck,
    OnBuild: c.OnBuild,
    Shell: c.Shell,
  };
  return Object.fromEntries(
    Object.entries(all).filter(([, v]) => v !== undefined && (typeof v !== 'object' || Object.keys(v).length > 0)),
  );
}

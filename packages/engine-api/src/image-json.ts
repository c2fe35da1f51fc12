import type { Image } from '@corten/images';

const nonEmpty = <T>(list: T[] | undefined): T[] | null => (list && list.length > 0 ? list : null);

/** definitions/ImageSummary. Untagged images show as <none> to clients before 1.44… and as empty lists after. */
export function renderSummary(image: Image, plain: boolean): Record<string, unknown> {
  const created = image.config.created ? Math.floor(Date.parse(image.config.created) / 1000) : 0;
  const tags = image.repoTags.length > 0 || plain ? image.repoTags : ['<none>:<none>'];
  return {
    Id: image.id,
    ParentId: image.parent ?? '',
    RepoTags: tags,
    RepoDigests: image.repoDigests.length > 0 || plain ? image.repoDigests : ['<none>@<none>'],
    Created: Number.isNaN(created) ? 0 : created,
    Size: image.size,
    VirtualSize: image.size,
    SharedSize: -1,
    Labels: image.config.config?.Labels ?? null,
    Containers: -1,
  };
}

/** definitions/ImageInspect. */
export function renderImage(image: Image): Record<string, unknown> {
  const { config } = image;
  const run = config.config ?? {};
  return {
    Id: image.id,
    RepoTags: image.repoTags,
    RepoDigests: image.repoDigests,
    Parent: image.parent ?? '',
    Comment: config.history?.at(-1)?.comment ?? '',
    Created: config.created ?? '0001-01-01T00:00:00Z',
    DockerVersion: config.docker_version ?? '',
    Author: config.author ?? '',
    Config: {
      Hostname: '',
      Domainname: '',
      User: run.User ?? '',
      AttachStdin: false,
      AttachStdout: false,
      AttachStderr: false,
      ...(run.ExposedPorts ? { ExposedPorts: run.ExposedPorts } : {}),
      Tty: false,
      OpenStdin: false,
      StdinOnce: false,
      Env: nonEmpty(run.Env),
      Cmd: nonEmpty(run.Cmd),
      ...(run.Healthcheck ? { Healthcheck: run.Healthcheck } : {}),
      ...(run.ArgsEscaped ? { ArgsEscaped: true } : {}),
      Image: '',
      Volumes: run.Volumes ?? null,
      WorkingDir: run.WorkingDir ?? '',
      Entrypoint: nonEmpty(run.Entrypoint),
      OnBuild: nonEmpty(run.OnBuild),
      Labels: run.Labels ?? null,
      ...(run.StopSignal ? { StopSignal: run.StopSignal } : {}),
      ...(run.Shell ? { Shell: run.Shell } : {}),
    },
    Architecture: config.architecture,
    ...(config.variant ? { Variant: config.variant } : {}),
    Os: config.os,
    ...(config['os.version'] ? { OsVersion: config['os.version'] } : {}),
    Size: image.size,
    VirtualSize: image.size,
    GraphDriver: { Name: 'overlay2', Data: null },
    RootFS: { Type: 'layers', ...(config.rootfs.diff_ids.length > 0 ? { Layers: config.rootfs.diff_ids } : {}) },
    Metadata: { LastTagTime: image.lastTagTime ?? '0001-01-01T00:00:00Z' },
  };
}

import type { ContainerConfig } from '@corten/api-types';
import { invalid } from '@corten/errors';
import type { ImageRunConfig } from '@corten/oci';

type Healthcheck = NonNullable<ContainerConfig['Healthcheck']>;

/** The user's configuration completed by the image's, by Docker's rules. */
export function mergeImageConfig(user: ContainerConfig, image: ImageRunConfig): ContainerConfig {
  const commands = mergeCommand(user, image);
  return {
    ...user,
    ...commands,
    User: user.User || (image.User ?? ''),
    Env: mergeImageEnv(user.Env, image.Env ?? []),
    Labels: { ...image.Labels, ...user.Labels },
    Volumes: { ...image.Volumes, ...user.Volumes },
    ExposedPorts: { ...normalizePorts(image.ExposedPorts ?? {}), ...normalizePorts(user.ExposedPorts) },
    WorkingDir: user.WorkingDir || (image.WorkingDir ?? ''),
    StopSignal: user.StopSignal || image.StopSignal || undefined,
    Healthcheck: mergeHealthcheck(user.Healthcheck, image.Healthcheck),
    Shell: user.Shell?.length ? user.Shell : image.Shell,
    ArgsEscaped: user.ArgsEscaped || image.ArgsEscaped || undefined,
  };
}

/** The image's command applies only when the user gave neither an entrypoint nor a command. */
function mergeCommand(user: ContainerConfig, image: ImageRunConfig): Pick<ContainerConfig, 'Entrypoint' | 'Cmd'> {
  let { Entrypoint, Cmd } = user;
  if (!Entrypoint?.length) {
    if (!Cmd?.length) Cmd = image.Cmd;
    Entrypoint ??= image.Entrypoint;
  }
  // `--entrypoint ""` means: none, not even the image's
  if (Entrypoint?.length === 1 && Entrypoint[0] === '') Entrypoint = undefined;
  if (!Entrypoint?.length && !Cmd?.length) throw invalid('no command specified');
  return { Entrypoint: Entrypoint?.length ? Entrypoint : undefined, Cmd };
}

const nameOf = (entry: string): string => entry.split('=', 1)[0]!;

function mergeImageEnv(user: readonly string[], image: readonly string[]): string[] {
  const own = new Set(user.map(nameOf));
  return [...user, ...image.filter((entry) => !own.has(nameOf(entry)))];
}

/** `80` and `80/TCP` are `80/tcp`; `8000-8002` is three ports. */
export function normalizePorts<T>(ports: Record<string, T>): Record<string, T> {
  const result: Record<string, T> = {};
  for (const [spec, value] of Object.entries(ports)) for (const port of expandPort(spec)) result[port] = value;
  return result;
}

function expandPort(spec: string): string[] {
  const match = /^(\d+)(?:-(\d+))?(?:\/([a-zA-Z]+))?$/.exec(spec);
  const from = Number(match?.[1]);
  const to = Number(match?.[2] ?? match?.[1]);
  const protocol = (match?.[3] ?? 'tcp').toLowerCase();
  if (!match || from < 1 || to > 65535 || to < from || !['tcp', 'udp', 'sctp'].includes(protocol))
    throw invalid(`invalid port specification: "${spec}"`);
  return Array.from({ length: to - from + 1 }, (_, i) => `${from + i}/${protocol}`);
}

function mergeHealthcheck(
  user: Healthcheck | undefined,
  image: ImageRunConfig['Healthcheck'],
): Healthcheck | undefined {
  if (!image) return user;
  const own = user ?? { Test: [], Interval: 0, Timeout: 0, Retries: 0, StartPeriod: 0, StartInterval: 0 };
  return {
    Test: own.Test.length > 0 ? own.Test : (image.Test ?? []),
    Interval: own.Interval || (image.Interval ?? 0),
    Timeout: own.Timeout || (image.Timeout ?? 0),
    Retries: own.Retries || (image.Retries ?? 0),
    StartPeriod: own.StartPeriod || (image.StartPeriod ?? 0),
    StartInterval: own.StartInterval || (image.StartInterval ?? 0),
  };
}

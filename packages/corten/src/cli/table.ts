import type { Command } from './command.ts';

/** A command by its full name; loading it loads its module. */
export interface Entry {
  /** Full name (`container ls`), then other names with the same meaning (`ps`, `container list`). */
  readonly names: readonly string[];
  readonly summary: string;
  load(): Promise<Command>;
}

const entry = (names: string, summary: string, load: () => Promise<Command>): Entry => ({
  names: names.split('|'),
  summary,
  load,
});
const lifecycle = () => import('../commands/container/lifecycle.ts');
const look = () => import('../commands/container/look.ts');
const files = () => import('../commands/container/files.ts');
const transfer = () => import('../commands/image/transfer.ts');
const archives = () => import('../commands/image/archives.ts');
const imageList = () => import('../commands/image/list.ts');
const network = () => import('../commands/network/network.ts');
const volume = () => import('../commands/volume/volume.ts');
const prune = () => import('../commands/system/prune.ts');

/** Every command. */
export const entries: readonly Entry[] = [
  entry(
    'container run|run',
    'Create and run a new container from an image',
    async () => (await import('../commands/container/run.ts')).run,
  ),
  entry(
    'container create|create',
    'Create a new container',
    async () => (await import('../commands/container/create.ts')).create,
  ),
  entry(
    'container exec|exec',
    'Execute a command in a running container',
    async () => (await import('../commands/container/exec.ts')).exec,
  ),
  entry(
    'container attach|attach',
    'Join the terminal or streams of a running container',
    async () => (await import('../commands/container/attach.ts')).attach,
  ),
  entry(
    'container start|start',
    'Start stopped containers',
    async () => (await import('../commands/container/start.ts')).start,
  ),
  entry(
    'container ls|ps|container list|container ps',
    'List containers',
    async () => (await import('../commands/container/ps.ts')).ps,
  ),
  entry(
    'container logs|logs',
    'Show the logs of a container',
    async () => (await import('../commands/container/logs.ts')).logs,
  ),
  entry('container stop|stop', 'Stop running containers', async () => (await lifecycle()).stop),
  entry('container restart|restart', 'Restart containers', async () => (await lifecycle()).restart),
  entry('container kill|kill', 'Kill running containers', async () => (await lifecycle()).kill),
  entry('container pause|pause', 'Freeze all processes of containers', async () => (await lifecycle()).pause),
  entry('container unpause|unpause', 'Thaw the processes of containers', async () => (await lifecycle()).unpause),
  entry('container rm|rm|container remove', 'Remove containers', async () => (await lifecycle()).rm),
  entry(
    'container wait|wait',
    'Wait until containers stop and print their exit codes',
    async () => (await lifecycle()).wait,
  ),
  entry('container rename|rename', 'Rename a container', async () => (await lifecycle()).rename),
  entry(
    'container update|update',
    'Change the resource limits of containers',
    async () => (await import('../commands/container/update.ts')).update,
  ),
  entry('container top|top', 'Show the processes of a container', async () => (await look()).top),
  entry('container port|port', 'List the published ports of a container', async () => (await look()).port),
  entry('container diff|diff', "Show what changed in a container's file system", async () => (await look()).diff),
  entry(
    'container inspect',
    'Show details of containers',
    async () => (await import('../commands/system/inspect.ts')).inspectContainer,
  ),
  entry(
    'container stats|stats',
    'Show live resource usage of containers',
    async () => (await import('../commands/container/stats.ts')).stats,
  ),
  entry(
    'container cp|cp',
    'Copy files between a container and the host',
    async () => (await import('../commands/container/cp.ts')).cp,
  ),
  entry(
    'container export|export',
    "Write a container's file system as a tar archive",
    async () => (await files()).exportContainer,
  ),
  entry('container commit|commit', "Make an image from a container's changes", async () => (await files()).commit),
  entry('container prune', 'Remove all stopped containers', async () => (await prune()).pruneContainers),
  entry(
    'image build|build|builder build',
    'Build an image from a Dockerfile',
    async () => (await import('../commands/image/build.ts')).build,
  ),
  entry('image ls|images|image list', 'List images', async () => (await imageList()).images),
  entry('image rm|rmi|image remove', 'Remove images', async () => (await imageList()).rmi),
  entry('image tag|tag', 'Give an image another name', async () => (await imageList()).tag),
  entry(
    'image history|history',
    'Show how an image was made',
    async () => (await import('../commands/image/history.ts')).history,
  ),
  entry(
    'image inspect',
    'Show details of images',
    async () => (await import('../commands/system/inspect.ts')).inspectImage,
  ),
  entry('image prune', 'Remove unused images', async () => (await prune()).pruneImages),
  entry('image pull|pull', 'Download an image from a registry', async () => (await transfer()).pull),
  entry('image push|push', 'Upload an image to a registry', async () => (await transfer()).push),
  entry('image save|save', 'Write images as a tar archive', async () => (await archives()).save),
  entry('image load|load', 'Load images from a tar archive', async () => (await archives()).load),
  entry('image import|import', 'Make an image from a root file system', async () => (await archives()).importImage),
  entry('builder prune', 'Remove the build cache', async () => (await prune()).pruneBuilder),
  entry('network ls|network list', 'List networks', async () => (await network()).ls),
  entry('network create', 'Create a network', async () => (await import('../commands/network/create.ts')).create),
  entry('network rm|network remove', 'Remove networks', async () => (await network()).rm),
  entry('network connect', 'Connect a container to a network', async () => (await network()).connect),
  entry('network disconnect', 'Disconnect a container from a network', async () => (await network()).disconnect),
  entry(
    'network inspect',
    'Show details of networks',
    async () => (await import('../commands/system/inspect.ts')).inspectNetwork,
  ),
  entry('network prune', 'Remove unused networks', async () => (await prune()).pruneNetworks),
  entry('volume ls|volume list', 'List volumes', async () => (await volume()).ls),
  entry('volume create', 'Create a volume', async () => (await volume()).create),
  entry('volume rm|volume remove', 'Remove volumes', async () => (await volume()).rm),
  entry(
    'volume inspect',
    'Show details of volumes',
    async () => (await import('../commands/system/inspect.ts')).inspectVolume,
  ),
  entry('volume prune', 'Remove unused volumes', async () => (await prune()).pruneVolumes),
  entry(
    'inspect',
    'Show details of containers, images, networks and volumes',
    async () => (await import('../commands/system/inspect.ts')).inspect,
  ),
  entry('login', 'Log in to a registry', async () => (await import('../commands/registry/login.ts')).login),
  entry('logout', 'Log out from a registry', async () => (await import('../commands/registry/login.ts')).logout),
  entry(
    'registry serve',
    'Serve a registry from this program',
    async () => (await import('../commands/registry/serve.ts')).serve,
  ),
  entry('system df', 'Show disk usage', async () => (await import('../commands/system/df.ts')).df),
  entry('system prune', 'Remove unused data', async () => (await prune()).pruneSystem),
  entry(
    'system info|info',
    'Show information about the engine',
    async () => (await import('../commands/system/info.ts')).info,
  ),
  entry(
    'system events|events',
    'Show what happens in the engine, live',
    async () => (await import('../commands/system/events.ts')).events,
  ),
  entry(
    'version',
    'Show the versions of client and engine',
    async () => (await import('../commands/system/version.ts')).version,
  ),
  entry(
    'doctor',
    'Show what this host offers or lacks, and what follows',
    async () => (await import('../commands/system/doctor.ts')).doctor,
  ),
];

const groups: Readonly<Record<string, string>> = {
  builder: 'Manage the build cache',
  container: 'Manage containers',
  image: 'Manage images',
  network: 'Manage networks',
  registry: 'Serve images to others',
  system: 'Manage the engine',
  volume: 'Manage volumes',
};
export const groupSummary = groups;

const byName = new Map(entries.flatMap((e) => e.names.map((name) => [name, e])));

/** Finds what the first words name: a command, or only a group of commands. `used` counts the words that were a name. */
export function find(words: readonly string[]): { entry?: Entry; group?: string; used: number } {
  const two = byName.get(`${words[0]} ${words[1]}`);
  if (two) return { entry: two, used: 2 };
  const one = byName.get(words[0] ?? '');
  if (one) return { entry: one, used: 1 };
  return Object.hasOwn(groups, words[0] ?? '') ? { group: words[0], used: 1 } : { used: 0 };
}

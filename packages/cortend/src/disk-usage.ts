import type { Containers } from '@corten/containers';
import { invalid } from '@corten/errors';
import type { Images } from '@corten/images';
import type { Snapshots } from '@corten/snapshots';
import type { Volumes } from '@corten/volumes';

interface Sources {
  containers: Containers;
  images: Images;
  volumes: Volumes;
  snapshots: Snapshots;
}

const TYPES = ['container', 'image', 'volume', 'build-cache'];

/** Body of GET /system/df (Engine API, SystemDataUsage). */
export async function diskUsage(sources: Sources, types: readonly string[]): Promise<Record<string, unknown>> {
  for (const type of types) if (!TYPES.includes(type)) throw invalid(`unknown object type: ${type}`);
  const wants = (type: string) => types.length === 0 || types.includes(type);
  return {
    LayersSize: layersSize(sources),
    Images: wants('image') ? images(sources) : null,
    Containers: wants('container') ? await sources.containers.list({ all: true, size: true, filters: {} }) : null,
    Volumes: wants('volume') ? await volumes(sources) : null,
    BuildCache: wants('build-cache') ? [] : null,
    BuilderSize: 0,
  };
}

const layersSize = ({ snapshots }: Sources) => snapshots.layers().reduce((sum, layer) => sum + layer.size, 0);

function images({ images, containers, snapshots }: Sources): unknown[] {
  const users = images.layerUsers();
  return images.list().map((image) => {
    let shared = 0;
    for (let chain = image.topLayer; chain; chain = snapshots.layer(chain)?.parent) {
      if ((users.get(chain) ?? 0) > 1) shared += snapshots.layer(chain)?.size ?? 0;
    }
    return {
      Id: image.id,
      ParentId: image.parent ?? '',
      RepoTags: image.repoTags,
      RepoDigests: image.repoDigests,
      Created: Math.floor(Date.parse(image.config.created ?? '1970-01-01') / 1000),
      Size: image.size,
      VirtualSize: image.size,
      SharedSize: shared,
      Labels: image.config.config?.Labels ?? null,
      Containers: containers.usingImage(image.id).length,
    };
  });
}

async function volumes({ volumes }: Sources): Promise<unknown[]> {
  return Promise.all(
    volumes.list().map(async (volume) => ({
      ...volume,
      UsageData: { Size: await volumes.usage(volume.Name), RefCount: volumes.usersOf(volume.Name).length },
    })),
  );
}

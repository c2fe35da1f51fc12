import type { Database, Migration } from '@corten/state';

/** Tables of the images room. `tag` and `digest` are '' when a reference has none. */
const MIGRATIONS: readonly Migration[] = [
  `
  CREATE TABLE image_images (
    id TEXT PRIMARY KEY,              -- digest of the config bytes
    config BLOB NOT NULL,
    parent TEXT,                      -- image a build step stood on
    size INTEGER NOT NULL,            -- sum of the layers' file sizes
    created_ms INTEGER NOT NULL,      -- config.created, for sorting
    last_tag_time TEXT
  ) STRICT;
  CREATE INDEX image_images_parent ON image_images (parent);

  CREATE TABLE image_layers (
    image_id TEXT NOT NULL REFERENCES image_images (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    diff_id TEXT NOT NULL,
    chain_id TEXT NOT NULL,
    PRIMARY KEY (image_id, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX image_layers_chain ON image_layers (chain_id);
  CREATE INDEX image_layers_diff ON image_layers (diff_id);

  CREATE TABLE image_references (
    repository TEXT NOT NULL,         -- docker.io/library/busybox
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    image_id TEXT NOT NULL REFERENCES image_images (id),
    PRIMARY KEY (repository, tag, digest)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX image_references_image ON image_references (image_id);

  -- Manifests an image was pulled or pushed as; the bytes are in the content store.
  CREATE TABLE image_manifests (
    image_id TEXT NOT NULL REFERENCES image_images (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    PRIMARY KEY (image_id, digest)
  ) STRICT, WITHOUT ROWID;

  -- Compressed layer blobs kept in the content store.
  CREATE TABLE image_blobs (
    digest TEXT PRIMARY KEY,
    diff_id TEXT NOT NULL,
    size INTEGER NOT NULL,
    compression TEXT NOT NULL
  ) STRICT;
  CREATE INDEX image_blobs_diff ON image_blobs (diff_id);

  -- Where a blob is known to be: for mounting it into another repository of the same registry.
  CREATE TABLE image_blob_sources (
    digest TEXT NOT NULL REFERENCES image_blobs (digest) ON DELETE CASCADE,
    domain TEXT NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (digest, domain, path)
  ) STRICT, WITHOUT ROWID;

  -- Length of a layer's uncompressed tar: what a save must know before it writes one.
  CREATE TABLE image_tar_sizes (
    diff_id TEXT PRIMARY KEY,
    size INTEGER NOT NULL
  ) STRICT;
  `,
];

export const migrateImages = (db: Database): void => db.migrate('images', MIGRATIONS);

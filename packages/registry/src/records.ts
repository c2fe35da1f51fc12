import type { Descriptor, Digest } from '@corten/oci';
import type { Database } from '@corten/state';

const MIGRATIONS = [
  `
  CREATE TABLE registry_blobs (
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (repository, digest)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX registry_blobs_digest ON registry_blobs (digest);
  CREATE TABLE registry_manifests (
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    subject TEXT,
    artifact_type TEXT,
    annotations TEXT,
    PRIMARY KEY (repository, digest)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX registry_manifests_digest ON registry_manifests (digest);
  CREATE INDEX registry_manifests_subject ON registry_manifests (repository, subject);
  CREATE TABLE registry_tags (
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (repository, tag)
  ) STRICT, WITHOUT ROWID;
  `,
];

export interface ManifestRecord {
  digest: Digest;
  mediaType: string;
  size: number;
  subject?: Digest;
  artifactType?: string;
  annotations?: Record<string, string>;
}

/** Which repository has which blobs, manifests and tags. Synchronous; the bytes are in the content store. */
export class RegistryRecords {
  readonly #db: Database;
  constructor(db: Database) {
    db.migrate('registry', MIGRATIONS);
    this.#db = db;
  }

  linkBlob(repository: string, digest: Digest): void {
    this.#db.durable(() =>
      this.#db.sql('INSERT OR IGNORE INTO registry_blobs (repository, digest) VALUES (?, ?)').run(repository, digest),
    );
  }
  hasBlob(repository: string, digest: Digest): boolean {
    return (
      this.#db.sql('SELECT 1 FROM registry_blobs WHERE repository = ? AND digest = ?').get(repository, digest) !==
      undefined
    );
  }
  unlinkBlob(repository: string, digest: Digest): boolean {
    return (
      Number(
        this.#db.sql('DELETE FROM registry_blobs WHERE repository = ? AND digest = ?').run(repository, digest).changes,
      ) > 0
    );
  }
  /** Whether anything still needs the bytes. */
  inUse(digest: Digest): boolean {
    return (
      this.#db
        .sql(
          'SELECT 1 FROM registry_blobs WHERE digest = ? UNION ALL SELECT 1 FROM registry_manifests WHERE digest = ? LIMIT 1',
        )
        .get(digest, digest) !== undefined
    );
  }

  putManifest(repository: string, manifest: ManifestRecord, tag: string | undefined): void {
    this.#db.durable(() => {
      this.#db
        .sql(
          'INSERT OR REPLACE INTO registry_manifests (repository, digest, media_type, size, subject, artifact_type, annotations) VALUES (?, ?, ?, ?, ?, ?, ?)',
        )
        .run(
          repository,
          manifest.digest,
          manifest.mediaType,
          manifest.size,
          manifest.subject ?? null,
          manifest.artifactType ?? null,
          manifest.annotations ? JSON.stringify(manifest.annotations) : null,
        );
      if (tag)
        this.#db
          .sql('INSERT OR REPLACE INTO registry_tags (repository, tag, digest) VALUES (?, ?, ?)')
          .run(repository, tag, manifest.digest);
    });
  }
  manifest(repository: string, digest: Digest): ManifestRecord | undefined {
    const row = this.#db
      .sql('SELECT digest, media_type, size FROM registry_manifests WHERE repository = ? AND digest = ?')
      .get(repository, digest);
    return (
      row && { digest: row['digest'] as Digest, mediaType: row['media_type'] as string, size: Number(row['size']) }
    );
  }
  tag(repository: string, tag: string): Digest | undefined {
    return this.#db.sql('SELECT digest FROM registry_tags WHERE repository = ? AND tag = ?').get(repository, tag)?.[
      'digest'
    ] as Digest | undefined;
  }
  deleteTag(repository: string, tag: string): boolean {
    return (
      Number(this.#db.sql('DELETE FROM registry_tags WHERE repository = ? AND tag = ?').run(repository, tag).changes) >
      0
    );
  }
  /** Deletes a manifest and the tags that point at it. */
  deleteManifest(repository: string, digest: Digest): boolean {
    return this.#db.durable(() => {
      this.#db.sql('DELETE FROM registry_tags WHERE repository = ? AND digest = ?').run(repository, digest);
      return (
        Number(
          this.#db.sql('DELETE FROM registry_manifests WHERE repository = ? AND digest = ?').run(repository, digest)
            .changes,
        ) > 0
      );
    });
  }

  /** Manifests that name `subject`: the referrers API. */
  referrers(repository: string, subject: string): Descriptor[] {
    const rows = this.#db
      .sql(
        'SELECT digest, media_type, size, artifact_type, annotations FROM registry_manifests WHERE repository = ? AND subject = ? ORDER BY digest',
      )
      .all(repository, subject);
    return rows.map((row) => ({
      mediaType: row['media_type'] as string,
      digest: row['digest'] as Digest,
      size: Number(row['size']),
      ...(row['artifact_type'] ? { artifactType: row['artifact_type'] as string } : {}),
      ...(row['annotations']
        ? { annotations: JSON.parse(row['annotations'] as string) as Record<string, string> }
        : {}),
    }));
  }

  exists(repository: string): boolean {
    return (
      this.#db
        .sql(
          'SELECT 1 FROM registry_manifests WHERE repository = ? UNION ALL SELECT 1 FROM registry_blobs WHERE repository = ? LIMIT 1',
        )
        .get(repository, repository) !== undefined
    );
  }
  tags(repository: string, after: string, limit: number): string[] {
    return this.#db
      .sql('SELECT tag FROM registry_tags WHERE repository = ? AND tag > ? ORDER BY tag LIMIT ?')
      .all(repository, after, limit)
      .map((r) => r['tag'] as string);
  }
  repositories(after: string, limit: number): string[] {
    return this.#db
      .sql('SELECT DISTINCT repository FROM registry_manifests WHERE repository > ? ORDER BY repository LIMIT ?')
      .all(after, limit)
      .map((r) => r['repository'] as string);
  }
}

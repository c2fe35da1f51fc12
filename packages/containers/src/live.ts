import type { Attachment } from '@corten/runtime';
import type { Deferred } from '@corten/util';

/** A client that attached before the container started; joined to its streams when it does. */
export interface PendingAttach {
  connect(attachment: Attachment): void;
  /** The container will not start: ends the client's streams. */
  abandon(): void;
  streams: { stdin: boolean; stdout: boolean; stderr: boolean };
}

export interface ExitReport {
  exitCode: number;
  error?: string;
}

/** What a container has only while this engine lives. */
export interface Live {
  pending: Set<PendingAttach>;
  /** Resolved at the next exit (also one that a restart policy follows). */
  exitWaiters: Set<Deferred<ExitReport>>;
  removalWaiters: Set<Deferred<ExitReport>>;
  /** The start that is under way: an exit is handled after it. */
  starting?: Promise<unknown>;
  /** What is cleaned up after an exit; the next start and the removal wait for it. */
  cleanup: Promise<void>;
  /** The wait before the next try of a restart policy. */
  restart?: { timer: NodeJS.Timeout; cancel(): void };
  /** A stop or kill was asked for: restart policies other than a new start do not apply. */
  stopAsked: boolean;
  /** Next restart delay in milliseconds. */
  backoff: number;
  execIds: Set<string>;
  health?: { stop(): void };
  logFollowers: Set<() => void>;
  /** Clients that still read the ended task's output. */
  draining: Set<Promise<unknown>>;
  /** Mount points that this run made in the root file system. */
  ownMounts: readonly string[];
  /** Auto-removal or removal is under way. */
  removal?: Promise<void>;
}

export type LiveTable = {
  of(id: string): Live;
  drop(id: string): void;
  all(): Iterable<[string, Live]>;
};

export function createLiveTable(): LiveTable {
  const table = new Map<string, Live>();
  return {
    of(id) {
      const known = table.get(id);
      if (known) return known;
      const live: Live = {
        pending: new Set(),
        exitWaiters: new Set(),
        removalWaiters: new Set(),
        cleanup: Promise.resolve(),
        stopAsked: false,
        backoff: 0,
        execIds: new Set(),
        logFollowers: new Set(),
        draining: new Set(),
        ownMounts: [],
      };
      table.set(id, live);
      return live;
    },
    drop: (id) => void table.delete(id),
    all: () => table,
  };
}

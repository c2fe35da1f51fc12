import { nowNano } from '@corten/util';

export type EventType =
  | 'container'
  | 'image'
  | 'network'
  | 'volume'
  | 'builder'
  | 'daemon'
  | 'plugin'
  | 'service'
  | 'node'
  | 'secret'
  | 'config';

/** One event as `GET /events` sends it (Engine API, SystemEventsResponse). `status`, `id`, `from` are the old short forms. */
export interface EngineEvent {
  status?: string;
  id?: string;
  from?: string;
  Type: EventType;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  scope: 'local' | 'swarm';
  /** Seconds since 1970. */
  time: number;
  /** Nanoseconds since 1970; beyond 2^53, so JSON rounding of it is accepted by clients. */
  timeNano: number;
}

/** What happened, for `GET /events` and for rooms that react. Keeps the last 256 for replay (`since`), as Docker does. */
export interface Events {
  publish(type: EventType, action: string, id: string, attributes?: Record<string, string>): void;
  /** Calls `listener` for each event until disposed. A listener must not block. */
  subscribe(listener: (event: EngineEvent) => void): Disposable;
  /** The remembered events, oldest first. */
  history(): readonly EngineEvent[];
}

const REMEMBERED = 256;

export function createEvents(): Events {
  const remembered: EngineEvent[] = [];
  const listeners = new Set<(event: EngineEvent) => void>();
  return {
    publish(type, action, id, attributes = {}) {
      const nano = nowNano();
      const event: EngineEvent = {
        ...(type === 'container' || type === 'image' ? { status: action, id } : {}),
        ...(type === 'container' && attributes['image'] ? { from: attributes['image'] } : {}),
        Type: type,
        Action: action,
        Actor: { ID: id, Attributes: attributes },
        scope: 'local',
        time: Number(nano / 1_000_000_000n),
        timeNano: Number(nano),
      };
      remembered.push(event);
      if (remembered.length > REMEMBERED) remembered.shift();
      for (const listener of listeners) listener(event);
    },
    subscribe(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    history: () => remembered,
  };
}

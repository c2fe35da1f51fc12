export { createEvents, type EngineEvent, type Events, type EventType } from './events.ts';

export { writeFileAtomic, writeFileAtomicSync } from './atomic-file.ts';
export { type Deferred, deferred } from './deferred.ts';
export { randomId, shortId } from './ids.ts';
export { KeyedLock, Mutex } from './lock.ts';
export { createLogger, type Logger } from './log.ts';
export { type RunResult, run } from './run.ts';
export { collect } from './streams.ts';
export { nowNano, rfc3339Nano, ZERO_TIME } from './time.ts';
export { workerUrl } from './worker-url.ts';

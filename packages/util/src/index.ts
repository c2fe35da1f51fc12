export { deferred, type Deferred } from './deferred.ts';
export { randomId, shortId } from './ids.ts';
export { KeyedLock, Mutex } from './lock.ts';
export { createLogger, type Logger } from './log.ts';
export { run, type RunResult } from './run.ts';
export { writeFileAtomic, writeFileAtomicSync } from './atomic-file.ts';
export { nowNano, rfc3339Nano, ZERO_TIME } from './time.ts';
export { workerUrl } from './worker-url.ts';
export { collect } from './streams.ts';

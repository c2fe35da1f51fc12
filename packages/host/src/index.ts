export { tryLock } from './flock.ts';
export { check, libc, SystemCallError } from './libc.ts';

export { check, libc, SystemCallError } from './libc.ts';

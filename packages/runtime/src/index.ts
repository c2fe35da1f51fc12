export { ExecError } from './exec.ts';
export { cgroupDirectory, startTimeOf } from './process.ts';
export { findProgram } from './runtimes.ts';
export { classifyStartError, type StartError } from './start-error.ts';
export { openSupervisor, type SupervisorDependencies } from './supervisor.ts';
export type * from './types.ts';

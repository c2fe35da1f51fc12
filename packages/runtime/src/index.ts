export type * from './types.ts';
// openSupervisor(deps: { execRoot, runtimes: Record<name, {path, args}>, defaultRuntime?, log }): Promise<Supervisor>

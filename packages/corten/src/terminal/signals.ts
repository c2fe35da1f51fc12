import type { Context } from '../cli/command.ts';
import { containerPath } from '../commands/container/path.ts';

const PROXIED = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGTERM',
  'SIGCONT',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGIO',
] as const;

/** Passes the signals we get on to the container. Returns what stops it. */
export function proxySignals(context: Context, id: string): () => void {
  const listeners = PROXIED.map((signal) => {
    const listener = () => {
      context.engine.post(containerPath(id, 'kill'), { query: { signal } }).catch(() => {
        // the container has just ended: its exit code is on the way
      });
    };
    process.on(signal, listener);
    return [signal, listener] as const;
  });
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}

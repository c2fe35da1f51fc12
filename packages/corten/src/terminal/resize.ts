import type { Context } from '../cli/command.ts';

/** Keeps the size of a container's terminal equal to ours; `path` is the API's resize route. Returns what stops it. */
export function followSize(context: Context, path: string): () => void {
  const send = async (): Promise<boolean> => {
    const { rows, columns } = context.stdout;
    if (!rows || !columns) return true;
    try {
      await context.engine.post(path, { query: { h: rows, w: columns } });
      return true;
    } catch {
      return false; // the process may not be there yet, or no more; neither is worth a word
    }
  };
  const first = async () => {
    for (let attempt = 0; attempt < 10 && !(await send()); attempt++)
      await new Promise((resolve) => setTimeout(resolve, 10 * (attempt + 1)));
  };
  void first();
  const listener = () => void send();
  process.on('SIGWINCH', listener);
  return () => void process.off('SIGWINCH', listener);
}

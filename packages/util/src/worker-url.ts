/**
 * The URL of a worker module named `<name>.worker.ts`, next to the caller when running from source,
 * next to the bundle when built (scripts/build.ts makes each `*.worker.ts` an entry of its own; names are unique).
 */
export function workerUrl(callerUrl: string, name: string): URL {
  const extension = callerUrl.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./${name}.worker.${extension}`, callerUrl);
}

import { parentPort } from 'node:worker_threads';
import { kindOf, messageOf } from '@corten/errors';
import { treeChanges, treeSize } from './changes.ts';
import { type ExtractJob, extract } from './extract.ts';
import { applyLayer } from './layer-apply.ts';
import { commitLayer } from './layer-commit.ts';
import { writeLayerTar } from './layer-tar.ts';
import { type PackJob, pack } from './pack.ts';
import { type RingMemory, SyncRingReader, SyncRingWriter } from './ring.ts';

export type Job = { input?: RingMemory; output?: RingMemory } & (
  | { do: 'apply'; staging: string }
  | ({ do: 'extract' } & ExtractJob)
  | ({ do: 'pack' } & PackJob)
  | { do: 'layer-tar'; layer: string }
  | { do: 'commit'; upper: string; recipe: string; copyTo?: string }
  | { do: 'changes'; upper: string; lowers: string[] }
  | { do: 'size'; root: string }
);

function perform(job: Job): unknown {
  switch (job.do) {
    case 'apply':
      return applyLayer(new SyncRingReader(job.input!), job.staging);
    case 'extract':
      return extract(new SyncRingReader(job.input!), job);
    case 'pack':
      return write(job.output!, (bytes) => pack(job, bytes));
    case 'layer-tar':
      return write(job.output!, (bytes) => writeLayerTar(job.layer, bytes));
    case 'commit':
      return commitLayer(job.upper, job.recipe, job.copyTo);
    case 'changes':
      return { changes: treeChanges(job.upper, job.lowers) };
    case 'size':
      return { size: treeSize(job.root) };
  }
}

/** Small writes (headers) are gathered: each crossing of the ring wakes the other side. */
function write(memory: RingMemory, produce: (write: (bytes: Uint8Array) => void) => void): void {
  const ring = new SyncRingWriter(memory);
  const gathered = Buffer.allocUnsafe(128 << 10);
  let used = 0;
  const flush = () => {
    ring.write(gathered.subarray(0, used));
    used = 0;
  };
  produce((bytes) => {
    if (used + bytes.length > gathered.length) flush();
    if (bytes.length > gathered.length) return ring.write(bytes);
    gathered.set(bytes, used);
    used += bytes.length;
  });
  flush();
  ring.end();
}

parentPort!.on('message', (job: Job) => {
  try {
    parentPort!.postMessage({ ok: true, result: perform(job) });
  } catch (error) {
    if (job.input) new SyncRingReader(job.input).break();
    if (job.output) new SyncRingWriter(job.output).break();
    parentPort!.postMessage({ ok: false, error: { kind: kindOf(error), message: messageOf(error) } });
  }
});

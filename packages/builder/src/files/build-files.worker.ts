import { rmSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { kindOf, messageOf } from '@corten/errors';
import { applyIgnore } from './apply-ignore.ts';
import { copy, fill } from './copy.ts';
import type { FilesJob } from './jobs.ts';
import { scan } from './scan.ts';

function perform(job: FilesJob): unknown {
  switch (job.do) {
    case 'ignore':
      return applyIgnore(job.root, job.text);
    case 'scan':
      return scan(job);
    case 'copy':
      return copy(job);
    case 'fill':
      return fill(job);
    case 'remove':
      return rmSync(job.path, { recursive: true, force: true });
  }
}

parentPort!.on('message', (job: FilesJob) => {
  try {
    parentPort!.postMessage({ ok: true, result: perform(job) });
  } catch (error) {
    parentPort!.postMessage({ ok: false, kind: kindOf(error), message: messageOf(error) });
  }
});

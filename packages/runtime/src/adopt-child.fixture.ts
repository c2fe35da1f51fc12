/** The engine that will be killed: starts tasks, says so, waits for its end. */
import { createLogger } from '@corten/util';
import { openSupervisor } from './supervisor.ts';
import type { TaskSpec } from './types.ts';

const { execRoot, dir, specs } = JSON.parse(process.argv[2]!) as { execRoot: string; dir: string; specs: TaskSpec[] };
const supervisor = await openSupervisor({ execRoot, sharedRoots: [dir], log: createLogger(() => 'warn') });
for (const spec of specs) {
  await supervisor.create(spec);
  await supervisor.start(spec.id);
}
process.stdout.write('started\n');
setInterval(() => {}, 1000);

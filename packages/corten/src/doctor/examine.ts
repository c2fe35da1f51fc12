import type { Context } from '../cli/command.ts';
import { engineFindings } from './engine.ts';
import { kernelFindings } from './kernel.ts';
import { networkFindings } from './network.ts';
import { programFindings } from './programs.ts';

export interface Finding {
  name: string;
  /** `missing`: required and not there. `warning`: something will not work or will be slower. `info`: worth knowing. */
  state: 'ok' | 'info' | 'warning' | 'missing';
  /** What is there. */
  found: string;
  /** What follows for the user, when it is not simply fine. */
  consequence?: string;
}

/** Looks at kernel, programs, network and engine; nothing on the host is changed. */
export async function examine(context: Context): Promise<Finding[]> {
  const [kernel, programs, network, engine] = await Promise.all([
    kernelFindings(),
    programFindings(),
    networkFindings(),
    engineFindings(context),
  ]);
  return [...kernel, ...programs, ...network, ...engine];
}

import { invalid } from '@corten/errors';
import { type Context, publish } from './context.ts';
import { checkName } from './names.ts';
import type { ContainerRecord } from './record.ts';

/** POST /containers/{id}/rename. */
export function renameContainer(ctx: Context, c: ContainerRecord, wanted: string): void {
  if (wanted === '') throw invalid('Neither old nor new names may be empty');
  const name = checkName(wanted);
  if (name === c.name) throw invalid('Renaming a container with the same name as its current name');
  const oldName = `/${c.name}`;
  ctx.store.rename(c, name);
  publish(ctx, c, 'rename', { oldName });
}

import { ExecCreateBodySchema, ExecStartBodySchema, parse } from '@corten/api-types';
import { invalid } from '@corten/errors';
import type { Routes } from '../router.ts';
import type { Services } from '../services.ts';
import { terminalSize } from './containers.ts';
import { sendAttachment } from './streams.ts';

export function execRoutes(routes: Routes, { containers }: Services): void {
  routes.on('POST', '/containers/{id}/exec', async (x) => {
    const body = await x.body(ExecCreateBodySchema);
    if (!body.Cmd || body.Cmd.length === 0) throw invalid('No exec command specified');
    x.json(201, { Id: await containers.execCreate(x.param('id'), body) });
  });
  routes.on('POST', '/exec/{id}/start', async (x) => {
    const body = parse(ExecStartBodySchema, (await x.rawJson()) ?? {});
    const tty = containers.isExecTty(x.param('id'));
    const [rows, columns] = body.ConsoleSize ?? [];
    const attachment = await containers.execStart(x.param('id'), { detach: body.Detach, tty: body.Tty, rows, columns });
    if (attachment) await sendAttachment(x, attachment, tty);
    else x.empty(200);
  });
  routes.on('POST', '/exec/{id}/resize', async (x) => {
    await containers.execResize(x.param('id'), ...terminalSize(x));
    x.empty(200);
  });
  routes.on('GET', '/exec/{id}/json', (x) => x.json(200, containers.execInspect(x.param('id'))));
}

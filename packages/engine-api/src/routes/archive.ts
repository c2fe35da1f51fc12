import type { PathStat } from '@corten/containers';
import { invalid } from '@corten/errors';
import type { Exchange } from '../exchange.ts';
import { boolValue } from '../query.ts';
import type { Routes } from '../router.ts';
import type { Services } from '../services.ts';

/** `docker cp` and `docker export`. */
export function archiveRoutes(routes: Routes, { containers }: Services): void {
  routes.on('HEAD', '/containers/{id}/archive', async (x) => {
    const stat = await containers.archiveStat(x.param('id'), pathOf(x));
    x.response.writeHead(200, { 'X-Docker-Container-Path-Stat': statHeader(stat) }).end();
  });
  routes.on('GET', '/containers/{id}/archive', async (x) => {
    const { stat, tar } = await containers.archiveGet(x.param('id'), pathOf(x));
    const headers = { 'Content-Type': 'application/x-tar', 'X-Docker-Container-Path-Stat': statHeader(stat) };
    await x.stream(200, headers, tar);
  });
  routes.on('PUT', '/containers/{id}/archive', async (x) => {
    await containers.archivePut(x.param('id'), pathOf(x), x.request, {
      noOverwriteDirNonDir: boolValue(x.query.get('noOverwriteDirNonDir')),
      copyUIDGID: boolValue(x.query.get('copyUIDGID')),
    });
    x.empty(200);
  });
  routes.on('GET', '/containers/{id}/export', async (x) =>
    x.stream(200, { 'Content-Type': 'application/octet-stream' }, await containers.export(x.param('id'))),
  );
}

function pathOf(x: Exchange): string {
  const path = x.query.get('path');
  if (!path) throw invalid('bad parameter: path cannot be empty');
  return path;
}

const statHeader = (stat: PathStat) => Buffer.from(JSON.stringify(stat)).toString('base64');

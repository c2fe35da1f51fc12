import type { Context } from './context.ts';
import type { ContainerRecord } from './record.ts';
import { lookupUser } from './rootfs/users.ts';
import { containerCapabilities } from './spec/capabilities.ts';
import { capabilitySets, environment, mergeEnv, oomScore } from './spec/process.ts';
import { ociRlimits } from './spec/resources.ts';
import { parseSecurityOpt } from './spec/security-opt.ts';
import { hostnameOf } from './spec/spec.ts';

export interface ExecRequest {
  args: string[];
  env?: string[];
  user?: string;
  workingDir?: string;
  tty?: boolean;
  privileged?: boolean;
  consoleSize?: number[];
}

/** OCI `process` for one more process in a running container: the container's own, with the request's differences. */
export function execProcess(ctx: Context, c: ContainerRecord, request: ExecRequest): Record<string, unknown> {
  const { config, hostConfig: h } = c;
  const root = ctx.snapshots.mounts(c.id).merged;
  const { home, ...ids } = lookupUser(root, request.user || config.User, request.user ? [] : h.GroupAdd);
  const capabilities = containerCapabilities({
    privileged: h.Privileged || (request.privileged ?? false),
    add: h.CapAdd,
    drop: h.CapDrop,
  });
  const { noNewPrivileges } = parseSecurityOpt(h.SecurityOpt);
  return {
    terminal: request.tty ?? false,
    ...(request.tty && request.consoleSize?.length === 2
      ? { consoleSize: { height: request.consoleSize[0], width: request.consoleSize[1] } }
      : {}),
    user: { uid: ids.uid, gid: ids.gid, additionalGids: [ids.gid, ...ids.additionalGids.filter((g) => g !== ids.gid)] },
    args: request.args,
    env: environment({
      hostname: hostnameOf(c),
      tty: request.tty ?? false,
      env: mergeEnv(config.Env, request.env ?? []),
      home,
    }),
    cwd: request.workingDir || config.WorkingDir || '/',
    capabilities: capabilitySets(capabilities, ids.uid),
    noNewPrivileges: request.privileged ? false : (noNewPrivileges ?? ctx.defaults.noNewPrivileges),
    rlimits: ociRlimits(h.Privileged ? [] : ctx.defaults.ulimits, h.Ulimits),
    oomScoreAdj: oomScore(h.OomScoreAdj),
  };
}

import { isIP } from 'node:net';
import { normalize } from 'node:path/posix';
import type { ContainerConfig, HostConfig, RestartPolicy } from '@corten/api-types';
import { invalid } from '@corten/errors';
import { parseSignal } from '../signals.ts';
import { normalizeCapabilities } from '../spec/capabilities.ts';
import { deviceRule } from '../spec/devices.ts';
import { parseSeccompProfile } from '../spec/seccomp.ts';
import { parseSecurityOpt } from '../spec/security-opt.ts';
import { normalizePorts } from './merge-image.ts';

const MILLISECOND = 1_000_000;

/** Checks what does not depend on the image; returns the configuration with a clean working directory. */
export function checkConfig(config: ContainerConfig): ContainerConfig {
  if (config.WorkingDir && !config.WorkingDir.startsWith('/'))
    throw invalid(`the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`);
  if (config.StopSignal) parseSignal(config.StopSignal);
  for (const entry of config.Env)
    if (entry === '' || entry.startsWith('=')) throw invalid(`invalid environment variable: ${entry}`);
  if (config.Hostname.length > 64) throw invalid(`hostname "${config.Hostname}" is too long (maximum 64 bytes)`);
  checkHealth(config.Healthcheck);
  const { WorkingDir } = config;
  return { ...config, WorkingDir: WorkingDir ? normalize(WorkingDir).replace(/(.)\/$/, '$1') : '' };
}

function checkHealth(health: ContainerConfig['Healthcheck']): void {
  if (!health) return;
  for (const key of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval'] as const)
    if (health[key] !== 0 && health[key] < MILLISECOND) throw invalid(`${key} in Healthcheck cannot be less than 1ms`);
  if (health.Retries < 0) throw invalid('Retries in Healthcheck cannot be negative');
}

/** Docker's checks of HostConfig, with its messages. Resources are checked in resource-checks.ts, mounts in mount-specs.ts. */
export function checkHostConfig(h: HostConfig, config: ContainerConfig): void {
  if (h.RestartPolicy) checkRestartPolicy(h.RestartPolicy);
  if (h.AutoRemove && h.RestartPolicy && !['', 'no'].includes(h.RestartPolicy.Name))
    throw invalid("can't create 'AutoRemove' container with restart policy");
  for (const host of h.ExtraHosts) checkExtraHost(host);
  for (const [port, bindings] of Object.entries(h.PortBindings)) {
    normalizePorts({ [port]: null });
    for (const b of bindings ?? [])
      if (b.HostPort !== '' && !isPortRange(b.HostPort)) throw invalid(`invalid port specification: "${b.HostPort}"`);
  }
  normalizeCapabilities(h.CapAdd, 'CapAdd');
  normalizeCapabilities(h.CapDrop, 'CapDrop');
  if (!['', 'default'].includes(h.Isolation.toLowerCase()))
    throw invalid(`invalid isolation '${h.Isolation}' on linux`);
  if ('' in h.Annotations) throw invalid('invalid Annotations: the empty string is not permitted as an annotation key');
  h.DeviceCgroupRules.forEach(deviceRule);
  if (h.DeviceRequests.length > 0) {
    const { Driver, Capabilities } = h.DeviceRequests[0]!;
    const caps = `[${Capabilities.map((c) => `[${c.join(' ')}]`).join(' ')}]`;
    throw invalid(`could not select device driver "${Driver}" with capabilities: ${caps}`);
  }
  const { seccomp } = parseSecurityOpt(h.SecurityOpt);
  if (seccomp !== undefined && !['unconfined', 'builtin'].includes(seccomp)) parseSeccompProfile(seccomp, []);
  checkModes(h, config);
}

function checkModes(h: HostConfig, config: ContainerConfig): void {
  const isContainer = (mode: string) => /^container:.+/.test(mode);
  if (!['', 'host'].includes(h.PidMode) && !isContainer(h.PidMode)) throw invalid(`invalid PID mode: ${h.PidMode}`);
  if (!['', 'none', 'private', 'shareable', 'host'].includes(h.IpcMode) && !isContainer(h.IpcMode))
    throw invalid(`invalid IPC mode: ${h.IpcMode}`);
  if (!['', 'host'].includes(h.UTSMode)) throw invalid(`invalid UTS mode: ${h.UTSMode}`);
  if (!['', 'host'].includes(h.UsernsMode)) throw invalid(`invalid user namespace mode: ${h.UsernsMode}`);
  if (!['', 'private', 'host'].includes(h.CgroupnsMode))
    throw invalid(`invalid cgroup namespace mode: ${h.CgroupnsMode}`);
  if (h.OomScoreAdj < -1000 || h.OomScoreAdj > 1000)
    throw invalid(`Invalid value ${h.OomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  if (h.ShmSize < 0) throw invalid('SHM size can not be less than 0');
  if (h.UTSMode === 'host' && config.Hostname) throw invalid('conflicting options: hostname and the UTS mode');
  if (h.NetworkMode === 'host' && h.Links.length > 0)
    throw invalid(
      "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
    );
  if (h.NetworkMode.startsWith('container:')) checkContainerNetwork(h, config);
  if (h.NetworkMode === 'host') refuseSysctl(h, 'net.', 'host');
}

function checkContainerNetwork(h: HostConfig, config: ContainerConfig): void {
  if (h.NetworkMode === 'container:') throw invalid('invalid container format container:<name|id>');
  const refuse = (what: string) => {
    throw invalid(`conflicting options: ${what}`);
  };
  if (config.Hostname) refuse('hostname and the network mode');
  if (h.Links.length > 0)
    refuse("container type network can't be used with links. This would result in undefined behavior");
  if (h.Dns.length > 0) refuse('dns and the network mode');
  if (h.ExtraHosts.length > 0) refuse('custom host-to-IP mapping and the network mode');
  if (h.PublishAllPorts || Object.keys(h.PortBindings).length > 0)
    refuse('port publishing and the container type network mode');
  if (Object.keys(config.ExposedPorts).length > 0) refuse('port exposing and the container type network mode');
}

function refuseSysctl(h: HostConfig, prefix: string, mode: string): void {
  const name = Object.keys(h.Sysctls).find((key) => key.startsWith(prefix));
  if (name) throw invalid(`sysctl "${name}" not allowed in ${mode} network namespace`);
}

export function checkRestartPolicy(policy: RestartPolicy): void {
  const { Name, MaximumRetryCount: retries } = policy;
  if (['always', 'unless-stopped', 'no'].includes(Name)) {
    if (retries === 0) return;
    const tail = retries < 0 ? ' and cannot be negative' : '';
    throw invalid(`invalid restart policy: maximum retry count can only be used with 'on-failure'${tail}`);
  }
  if (Name === 'on-failure') {
    if (retries < 0) throw invalid('invalid restart policy: maximum retry count cannot be negative');
    return;
  }
  if (Name === '') {
    if (retries !== 0) throw invalid("invalid restart policy: maximum retry count can only be used with 'on-failure'");
    return;
  }
  throw invalid(
    `invalid restart policy: unknown policy '${Name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
  );
}

function checkExtraHost(entry: string): void {
  const cut = entry.indexOf(':');
  if (cut <= 0) throw invalid(`bad format for add-host: "${entry}"`);
  const ip = entry.slice(cut + 1).replace(/^\[(.*)\]$/, '$1');
  if (ip !== 'host-gateway' && isIP(ip) === 0) throw invalid(`invalid IP address in add-host: "${ip}"`);
}

function isPortRange(text: string): boolean {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  if (!match) return false;
  const [from, to] = [Number(match[1]), Number(match[2] ?? match[1])];
  return from <= to && to <= 65535;
}

import { existsSync, readFileSync, statfsSync } from 'node:fs';
import os from 'node:os';

/** What `docker info` tells about the host; read from the kernel when asked, never guessed. */
export interface HostFacts {
  kernelVersion: string;
  operatingSystem: string;
  osVersion: string;
  architecture: string;
  cpus: number;
  memory: number;
  cgroupVersion: '1' | '2';
  controllers: Set<string>;
  ipForward: boolean;
  bridgeNfIptables?: boolean;
  bridgeNfIp6tables?: boolean;
  seccomp: boolean;
  apparmor: boolean;
}

const CGROUP2_MAGIC = 0x63677270;

const read = (path: string): string | undefined => (existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined);
const isOn = (path: string): boolean | undefined => {
  const value = read(path);
  return value === undefined ? undefined : value === '1';
};

export function hostFacts(): HostFacts {
  const release = Object.fromEntries(
    (read('/etc/os-release') ?? '').split('\n').map((line) => {
      const [key, value = ''] = line.split(/=(.*)/s);
      return [key!, value.replace(/^"|"$/g, '')];
    }),
  );
  const v2 = Number(statfsSync('/sys/fs/cgroup').type) === CGROUP2_MAGIC;
  return {
    kernelVersion: os.release(),
    operatingSystem: release['PRETTY_NAME'] ?? 'Linux',
    osVersion: release['VERSION_ID'] ?? '',
    architecture: os.arch() === 'x64' ? 'x86_64' : os.arch() === 'arm64' ? 'aarch64' : os.arch(),
    cpus: os.availableParallelism(),
    memory: os.totalmem(),
    cgroupVersion: v2 ? '2' : '1',
    controllers: v2 ? controllersV2() : controllersV1(),
    ipForward: isOn('/proc/sys/net/ipv4/ip_forward') ?? false,
    bridgeNfIptables: isOn('/proc/sys/net/bridge/bridge-nf-call-iptables'),
    bridgeNfIp6tables: isOn('/proc/sys/net/bridge/bridge-nf-call-ip6tables'),
    seccomp: existsSync('/proc/sys/kernel/seccomp/actions_avail'),
    apparmor: read('/sys/module/apparmor/parameters/enabled') === 'Y',
  };
}

const controllersV2 = () => new Set((read('/sys/fs/cgroup/cgroup.controllers') ?? '').split(/\s+/).filter(Boolean));

function controllersV1(): Set<string> {
  const mounted = (read('/proc/self/mountinfo') ?? '').split('\n').filter((line) => line.includes(' - cgroup '));
  return new Set(mounted.flatMap((line) => line.split(' ').at(-1)!.split(',')));
}

/** Docker's words for limits this host cannot set; only true ones. */
export function warningsOf(facts: HostFacts): string[] {
  const warnings: string[] = [];
  const lacks = (present: boolean | undefined, what: string) => {
    if (present === false) warnings.push(`WARNING: ${what}`);
  };
  lacks(facts.controllers.has('memory'), 'No memory limit support');
  if (facts.cgroupVersion === '1') {
    const memory = '/sys/fs/cgroup/memory';
    lacks(existsSync(`${memory}/memory.memsw.limit_in_bytes`), 'No swap limit support');
  }
  lacks(facts.controllers.has('cpu'), 'No cpu shares support');
  lacks(facts.controllers.has('cpuset'), 'No cpuset support');
  lacks(facts.controllers.has('pids'), 'No pids limit support');
  lacks(facts.ipForward, 'IPv4 forwarding is disabled');
  return warnings;
}

import { existsSync, readdirSync, statfsSync } from 'node:fs';
import { release } from 'node:os';
import { humanSize } from '../output/human.ts';
import type { Finding } from './examine.ts';
import { read, tried } from './probe.ts';

export async function kernelFindings(): Promise<Finding[]> {
  const [overlay, userns] = await Promise.all([overlayWorks(), tried('-U', '-r', 'true')]);
  return [
    nodeVersion(),
    kernelVersion(),
    privilege(),
    ...cgroups(),
    ...namespaces(userns),
    overlay
      ? { name: 'overlayfs', state: 'ok', found: 'mounts work' }
      : {
          name: 'overlayfs',
          state: 'missing',
          found: 'cannot be mounted',
          consequence: 'images and containers have no file system: load the overlay module, run as root',
        },
    dataRoot(),
    seccomp(),
    mandatoryAccess(),
    resourceCapability(),
    binfmt(),
  ];
}

function nodeVersion(): Finding {
  const ok = Number(process.versions.node.split('.')[0]) >= 24;
  return {
    name: 'node',
    state: ok ? 'ok' : 'missing',
    found: process.version,
    consequence: ok ? undefined : 'Corten needs its pinned Node 24: npm run setup',
  };
}

function kernelVersion(): Finding {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  const ok = major > 5 || (major === 5 && minor >= 10);
  return {
    name: 'kernel',
    state: ok ? 'ok' : 'warning',
    found: release(),
    consequence: ok ? undefined : 'tested from 5.10 on: idmapped mounts, openat2 or time namespaces may not work',
  };
}

function privilege(): Finding {
  const root = process.getuid?.() === 0;
  return {
    name: 'root',
    state: root ? 'ok' : 'warning',
    found: root ? 'yes' : `uid ${process.getuid?.()}`,
    consequence: root ? undefined : 'the engine needs root; some checks below could not look',
  };
}

function cgroups(): Finding[] {
  const mounts = read('/proc/self/mountinfo')
    .split('\n')
    .map((line) => line.split(' - ').map((half) => half.split(' ')));
  const v2 = mounts.find(([, tail]) => tail?.[0] === 'cgroup2')?.[0]?.[4];
  const v1 = mounts.filter(([, tail]) => tail?.[0] === 'cgroup').map(([head]) => head?.[4]?.split('/').pop() ?? '');
  const unified = v2 ? read(`${v2}/cgroup.controllers`).trim().split(/\s+/).filter(Boolean) : [];
  const kind = v1.length === 0 ? (v2 ? 'v2' : 'none') : v2 ? 'hybrid (v1 controllers, v2 mounted)' : 'v1';
  const have = new Set([...unified, ...v1.flatMap((name) => name.split(','))]);
  const wanted: [string, string][] = [
    ['memory', '--memory has no effect, OOM kills are not seen'],
    ['cpu', '--cpus and --cpu-shares have no effect'],
    ['cpuset', '--cpuset-cpus and --cpuset-mems have no effect'],
    ['pids', '--pids-limit has no effect'],
    [v1.length > 0 ? 'blkio' : 'io', '--blkio-weight and --device-*-bps have no effect'],
    [v1.length > 0 ? 'freezer' : 'memory', 'pause does not work'],
    ...(v1.length > 0 ? [['devices', 'device access is not limited'] as [string, string]] : []),
  ];
  const findings: Finding[] = [
    kind === 'none'
      ? {
          name: 'cgroups',
          state: 'missing',
          found: 'not mounted',
          consequence: 'containers cannot be started: mount cgroup2 on /sys/fs/cgroup',
        }
      : { name: 'cgroups', state: 'ok', found: `${kind}; ${[...have].sort().join(' ')}` },
  ];
  if (kind.startsWith('hybrid') && unified.length > 0)
    findings.push({
      name: 'cgroups hybrid',
      state: 'info',
      found: `v2 holds ${unified.join(' ')}`,
      consequence: 'crun refuses this layout; the engine hides the v2 controllers from it, or takes runc',
    });
  for (const [controller, consequence] of wanted)
    if (!have.has(controller) && kind !== 'none')
      findings.push({ name: `cgroup ${controller}`, state: 'warning', found: 'not available', consequence });
  if (have.has('memory') && v1.length > 0 && !existsSync('/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes'))
    findings.push({
      name: 'swap limit',
      state: 'warning',
      found: 'not accounted',
      consequence: '--memory-swap has no effect (kernel parameter swapaccount=1)',
    });
  return findings;
}

function namespaces(userns: boolean): Finding[] {
  const have = existsSync('/proc/self/ns') ? readdirSync('/proc/self/ns') : [];
  const required = ['mnt', 'pid', 'net', 'ipc', 'uts'];
  const lacking = required.filter((name) => !have.includes(name));
  return [
    lacking.length > 0
      ? {
          name: 'namespaces',
          state: 'missing',
          found: `no ${lacking.join(', ')}`,
          consequence: 'containers cannot be isolated: another kernel is needed',
        }
      : { name: 'namespaces', state: 'ok', found: have.filter((n) => !n.includes('_')).join(' ') },
    userns
      ? { name: 'user namespaces', state: 'ok', found: 'can be made' }
      : {
          name: 'user namespaces',
          state: 'warning',
          found: 'cannot be made',
          consequence: '--userns-remap does not work (see user.max_user_namespaces)',
        },
  ];
}

/** A real overlay mount in a mount namespace that goes away with the process. */
const overlayWorks = (): Promise<boolean> =>
  tried(
    '-m',
    'sh',
    '-c',
    'd=/dev/shm; mount -t tmpfs none $d && mkdir $d/l $d/u $d/w $d/m && mount -t overlay overlay -o lowerdir=$d/l,upperdir=$d/u,workdir=$d/w $d/m',
  );

function dataRoot(): Finding {
  const path = ['/var/lib/corten', '/var/lib', '/'].find(existsSync)!;
  const { bavail, bsize, type } = statfsSync(path);
  const free = bavail * bsize;
  const kind =
    { 61267: 'ext4', 1481003842: 'xfs', 2435016766: 'btrfs', 16914836: 'tmpfs', 2035054128: 'overlay' }[type] ??
    `type 0x${type.toString(16)}`;
  if (kind === 'overlay')
    return {
      name: 'data root',
      state: 'warning',
      found: `${path} is on overlayfs, ${humanSize(free)} free`,
      consequence: 'overlay on overlay is refused by the kernel: give cortend a --data-root on another file system',
    };
  if (free < 2e9)
    return {
      name: 'data root',
      state: 'warning',
      found: `${path}: ${kind}, ${humanSize(free)} free`,
      consequence: 'little space for images: pulls and builds may fail',
    };
  return { name: 'data root', state: 'ok', found: `${path}: ${kind}, ${humanSize(free)} free` };
}

function seccomp(): Finding {
  const actions = read('/proc/sys/kernel/seccomp/actions_avail').trim();
  const on = actions !== '' || /^Seccomp:/m.test(read('/proc/self/status'));
  return on
    ? { name: 'seccomp', state: 'ok', found: actions || 'available' }
    : {
        name: 'seccomp',
        state: 'warning',
        found: 'not in this kernel',
        consequence: 'containers run without a system call filter',
      };
}

function mandatoryAccess(): Finding {
  const modules = read('/sys/kernel/security/lsm').trim();
  const apparmor = read('/sys/module/apparmor/parameters/enabled').trim() === 'Y';
  const selinux = existsSync('/sys/fs/selinux/enforce');
  const found = apparmor ? 'AppArmor' : selinux ? 'SELinux' : `none${modules ? ` (${modules})` : ''}`;
  if (apparmor || selinux) return { name: 'AppArmor/SELinux', state: 'ok', found };
  return {
    name: 'AppArmor/SELinux',
    state: 'info',
    found,
    consequence: 'containers are confined by capabilities, seccomp and namespaces alone',
  };
}

function resourceCapability(): Finding {
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(read('/proc/self/status'))?.[1] ?? '0'}`);
  const has = (mask >> 24n) & 1n;
  return has
    ? { name: 'CAP_SYS_RESOURCE', state: 'ok', found: 'held' }
    : {
        name: 'CAP_SYS_RESOURCE',
        state: 'warning',
        found: 'not held',
        consequence: '--ulimit above the current hard limit and a negative --oom-score-adj are refused by the kernel',
      };
}

function binfmt(): Finding {
  const path = '/proc/sys/fs/binfmt_misc';
  const foreign = existsSync(`${path}/status`) ? readdirSync(path).filter((n) => n.startsWith('qemu-')) : [];
  if (foreign.length > 0) return { name: 'binfmt', state: 'ok', found: foreign.join(' ') };
  return {
    name: 'binfmt',
    state: 'info',
    found: 'no foreign architectures',
    consequence: 'images of another architecture end with "exec format error" (qemu-user-static adds them)',
  };
}

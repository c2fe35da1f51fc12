import { readFileSync } from 'node:fs';
import { codeOf } from '@corten/errors';

/** Start time of a process in clock ticks since boot (proc_pid_stat(5), field 22): with the PID it names one process for good. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** A process's cgroup: its path beneath the hierarchy, and that hierarchy's mount point (a v1 controller's, or the v2 root). */
export function cgroupOf(pid: number, controller = 'pids'): { hierarchy: string; path: string } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  } catch {
    return undefined; // the process is gone
  }
  let unified: { hierarchy: string; path: string } | undefined;
  for (const line of text.split('\n')) {
    const [number, names, path = ''] = line.split(/:([^:]*):(.*)/s);
    if (names?.split(',').includes(controller)) return { hierarchy: `/sys/fs/cgroup/${controller}`, path };
    if (number === '0' && names === '') unified = { hierarchy: '/sys/fs/cgroup', path };
  }
  return unified;
}

/** Where the kernel keeps a process's cgroup: `/sys/fs/cgroup/pids/…` (v1) or `/sys/fs/cgroup/…` (v2). */
export function cgroupDirectory(pid: number, controller = 'pids'): string | undefined {
  const cgroup = cgroupOf(pid, controller);
  return cgroup && cgroup.hierarchy + cgroup.path;
}

import { closeSync, mkdirSync, openSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf, system } from '@corten/errors';
import { tryLock } from '@corten/host';

/** Holds a data root for this process: two engines on one root would destroy each other's state. */
export function lockRoot(root: string): Disposable {
  mkdirSync(root, { recursive: true, mode: 0o710 });
  const path = join(root, 'engine.lock');
  const fd = openSync(path, 'a+', 0o600);
  if (!tryLock(fd)) {
    closeSync(fd);
    throw system(`another engine is using ${root} (its lock ${path} is held)`);
  }
  return { [Symbol.dispose]: () => closeSync(fd) };
}

/** Writes the PID file; refuses when the process it names is alive and is an engine. */
export function writePidfile(path: string): Disposable {
  const other = readPid(path);
  if (other !== undefined && other !== process.pid && isEngine(other))
    throw system(`process with PID ${other} is still running: ensure cortend is not running or delete ${path}`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, String(process.pid));
  return {
    [Symbol.dispose]: () => {
      if (readPid(path) === process.pid) unlinkSync(path);
    },
  };
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8').trim());
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function isEngine(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('cortend');
  } catch {
    return false; // the process is gone
  }
}

import { invalid } from '@corten/errors';

/** HostConfig.SecurityOpt, parsed. */
export interface SecurityOptions {
  /** JSON text, 'unconfined', or undefined for the default. */
  seccomp?: string;
  /** Profile name, 'unconfined', or undefined. */
  apparmor?: string;
  labels: string[];
  noNewPrivileges?: boolean;
  systemPathsUnconfined: boolean;
  writableCgroups?: boolean;
}

/** Reads `seccomp=…`, `apparmor=…`, `label=…`, `no-new-privileges[=bool]`, `systempaths=unconfined`. */
export function parseSecurityOpt(options: readonly string[]): SecurityOptions {
  const parsed: SecurityOptions = { labels: [], systemPathsUnconfined: false };
  for (const option of options) {
    if (option === 'no-new-privileges') {
      parsed.noNewPrivileges = true;
      continue;
    }
    if (option === 'disable') {
      parsed.labels.push('disable');
      continue;
    }
    const cut = option.search(/[=:]/);
    if (cut < 0) throw invalid(`invalid --security-opt 1: "${option}"`);
    apply(parsed, option, option.slice(0, cut), option.slice(cut + 1));
  }
  return parsed;
}

function apply(parsed: SecurityOptions, option: string, key: string, value: string): void {
  switch (key) {
    case 'seccomp':
      parsed.seccomp = value;
      return;
    case 'apparmor':
      parsed.apparmor = value;
      return;
    case 'label':
      parsed.labels.push(value);
      return;
    case 'systempaths':
      if (value !== 'unconfined') throw invalid(`invalid --security-opt 2: "${option}"`);
      parsed.systemPathsUnconfined = true;
      return;
    case 'no-new-privileges':
      parsed.noNewPrivileges = booleanOf(option, value);
      return;
    case 'writable-cgroups':
      parsed.writableCgroups = booleanOf(option, value);
      return;
    default:
      throw invalid(`invalid --security-opt 2: "${option}"`);
  }
}

function booleanOf(option: string, value: string): boolean {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
  throw invalid(`invalid --security-opt 2: "${option}"`);
}

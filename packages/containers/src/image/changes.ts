import { posix } from 'node:path';
import { invalid } from '@corten/errors';
import type { HealthcheckConfig, ImageRunConfig } from '@corten/oci';
import { normalizePorts } from '../create/merge-image.ts';
import { parseSignal } from '../signals.ts';

/** `docker commit --change` and `docker import --change`: single Dockerfile instructions that touch the configuration only. */
export function applyChanges(target: { config?: object }, changes: readonly string[]): void {
  const config: ImageRunConfig = { ...target.config };
  for (const line of changes) {
    const match = /^\s*([A-Za-z]+)(?:\s+([\s\S]*))?$/.exec(line);
    if (!match) throw invalid(`invalid change: "${line}"`);
    const name = match[1]!.toUpperCase();
    const apply = INSTRUCTIONS[name];
    if (!apply) throw invalid(`${name.toLowerCase()} is not a valid change command`);
    const rest = (match[2] ?? '').trim();
    if (rest === '') throw invalid(`${name} requires at least one argument`);
    apply(config, rest);
  }
  target.config = config;
}

const DEFAULT_SHELL = ['/bin/sh', '-c'];

/** A JSON list of strings, or undefined when the text is no such thing. */
function jsonForm(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((v) => typeof v === 'string') ? value : undefined;
  } catch {
    return undefined; // then it is a shell command that begins with a bracket
  }
}

const commandForm = (config: ImageRunConfig, text: string): string[] =>
  jsonForm(text) ?? [...(config.Shell ?? DEFAULT_SHELL), text];

/** Words separated by blanks; quotes and backslashes as in a Dockerfile. */
export function words(text: string): string[] {
  const found: string[] = [];
  let word = '';
  let inWord = false;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const ch = text[i]!;
    const escapes = ch === '\\' && quote !== "'" && i + 1 < text.length;
    if (escapes) word += text[++i];
    else if (quote ? ch === quote : ch === '"' || ch === "'") quote = quote ? '' : ch;
    else if (!quote && /\s/.test(ch)) {
      if (inWord) found.push(word);
      word = '';
      inWord = false;
      continue;
    } else word += ch;
    inWord = true;
  }
  if (quote)
    throw invalid(
      `unexpected end of statement while looking for matching ${quote === '"' ? 'double' : 'single'}-quote`,
    );
  if (inWord) found.push(word);
  return found;
}

/** `K=V K2=V2`, or the old form `K the rest`. */
function pairs(text: string, instruction: string): [string, string][] {
  const first = text.split(/\s/, 1)[0]!;
  if (!first.includes('=')) {
    const value = text.slice(first.length).trim();
    if (value === '') throw invalid(`${instruction} must have two arguments`);
    return [[first, value]];
  }
  return words(text).map((word) => {
    const cut = word.indexOf('=');
    if (cut <= 0) throw invalid(`Syntax error - can't find = in "${word}". Must be of the form: name=value`);
    return [word.slice(0, cut), word.slice(cut + 1)];
  });
}

const INSTRUCTIONS: Record<string, ((config: ImageRunConfig, rest: string) => void) | undefined> = {
  CMD: (config, rest) => {
    config.Cmd = commandForm(config, rest);
  },
  ENTRYPOINT: (config, rest) => {
    config.Entrypoint = commandForm(config, rest);
  },
  ENV: (config, rest) => {
    const env = new Map((config.Env ?? []).map((e) => [e.split('=', 1)[0]!, e]));
    for (const [key, value] of pairs(rest, 'ENV')) env.set(key, `${key}=${value}`);
    config.Env = [...env.values()];
  },
  LABEL: (config, rest) => {
    config.Labels = { ...config.Labels, ...Object.fromEntries(pairs(rest, 'LABEL')) };
  },
  EXPOSE: (config, rest) => {
    const ports = Object.fromEntries(words(rest).map((port) => [port, {}]));
    config.ExposedPorts = { ...config.ExposedPorts, ...normalizePorts<Record<string, never>>(ports) };
  },
  VOLUME: (config, rest) => {
    const paths = jsonForm(rest) ?? words(rest);
    config.Volumes = { ...config.Volumes, ...Object.fromEntries(paths.map((p) => [p, {}])) };
  },
  USER: (config, rest) => {
    config.User = words(rest)[0]!;
  },
  WORKDIR: (config, rest) => {
    config.WorkingDir = posix.resolve(config.WorkingDir || '/', words(rest).join(' '));
  },
  STOPSIGNAL: (config, rest) => {
    parseSignal(rest);
    config.StopSignal = rest;
  },
  ONBUILD: (config, rest) => {
    if (/^(onbuild|maintainer|from)\b/i.test(rest))
      throw invalid(`${rest.split(/\s/, 1)[0]!.toUpperCase()} isn't allowed as an ONBUILD trigger`);
    config.OnBuild = [...(config.OnBuild ?? []), rest];
  },
  HEALTHCHECK: (config, rest) => {
    config.Healthcheck = healthcheck(rest);
  },
};

const DURATION: Record<string, keyof HealthcheckConfig> = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
};

function healthcheck(text: string): HealthcheckConfig {
  if (/^none$/i.test(text)) return { Test: ['NONE'] };
  const health: HealthcheckConfig = {};
  let rest = text;
  for (let flag = /^--([a-z-]+)=(\S+)\s+/.exec(rest); flag; flag = /^--([a-z-]+)=(\S+)\s+/.exec(rest)) {
    const [whole, name, value] = flag;
    const field = DURATION[name!];
    if (name === 'retries') health.Retries = Number(value);
    else if (field) Object.assign(health, { [field]: nanoseconds(value!) });
    else throw invalid(`unknown flag: ${name}`);
    rest = rest.slice(whole.length);
  }
  const command = /^cmd\s+([\s\S]+)$/i.exec(rest)?.[1];
  if (!command) throw invalid(`Unknown type "${rest.split(/\s/, 1)[0]}" in HEALTHCHECK (try CMD)`);
  const json = jsonForm(command.trim());
  health.Test = json ? ['CMD', ...json] : ['CMD-SHELL', command.trim()];
  return health;
}

const UNITS: Record<string, number> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };
function nanoseconds(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((p) => p[0]).join('') !== text) throw invalid(`time: invalid duration "${text}"`);
  return Math.round(parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * UNITS[unit!]!, 0));
}

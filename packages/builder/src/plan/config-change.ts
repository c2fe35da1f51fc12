import { constants } from 'node:os';
import { invalid } from '@corten/errors';
import type { HealthcheckConfig, ImageRunConfig } from '@corten/oci';
import { formatDuration, goList, goQuote, goQuoteList, goQuoteRune } from '../dockerfile/go-text.ts';
import type { CommandLine } from '../dockerfile/instruction.ts';
import type { KeyValue } from '../dockerfile/words.ts';
import { DEFAULT_SHELL } from './step.ts';

/** Each change returns the new configuration and the words for the history. */
export interface Changed {
  config: ImageRunConfig;
  comment: string;
}

export const shellOf = (config: ImageRunConfig): string[] => (config.Shell?.length ? config.Shell : DEFAULT_SHELL);
const nameOf = (pair: string) => pair.slice(0, pair.indexOf('=') < 0 ? undefined : pair.indexOf('='));

/** The arguments of a process: exec form as it is, shell form through the shell. */
export const resolveCommand = (command: CommandLine, config: ImageRunConfig): string[] =>
  command.shell ? [...shellOf(config), ...command.args] : command.args;

export function setEnv(config: ImageRunConfig, pairs: readonly KeyValue[]): Changed {
  const env = [...(config.Env ?? [])];
  for (const { key, value } of pairs) {
    const at = env.findIndex((e) => nameOf(e) === key);
    if (at < 0) env.push(`${key}=${value}`);
    else env[at] = `${key}=${value}`;
  }
  const comment = ['ENV', ...pairs.map((p) => `${p.key}=${p.value}`)].join(' ');
  return { config: { ...config, Env: env }, comment };
}

export function setLabels(config: ImageRunConfig, pairs: readonly KeyValue[]): Changed {
  const labels = { ...config.Labels };
  for (const { key, value } of pairs)
    Object.defineProperty(labels, key, { value, enumerable: true, writable: true, configurable: true });
  const comment = ['LABEL', ...pairs.map((p) => `${p.key}=${p.value}`)].join(' ');
  return { config: { ...config, Labels: labels }, comment };
}

export function setCmd(config: ImageRunConfig, command: CommandLine): Changed {
  const cmd = resolveCommand(command, config);
  return { config: { ...config, Cmd: cmd }, comment: `CMD ${goQuoteList(cmd)}` };
}

/** An entrypoint takes an inherited CMD away: it was meant for another program. */
export function setEntrypoint(config: ImageRunConfig, command: CommandLine, cmdSet: boolean): Changed {
  const empty = command.args.length === 0;
  const entrypoint = empty ? [] : resolveCommand(command, config);
  const { Cmd, Entrypoint: _old, ...rest } = config;
  const changed = { ...rest, ...(empty ? {} : { Entrypoint: entrypoint }), ...(cmdSet && Cmd ? { Cmd } : {}) };
  return { config: changed, comment: `ENTRYPOINT ${goQuoteList(entrypoint)}` };
}

export function setHealthcheck(config: ImageRunConfig, health: HealthcheckConfig): Changed {
  const { Test = [], Interval = 0, Timeout = 0, StartPeriod = 0, Retries = 0 } = health;
  const times = [Interval, Timeout, StartPeriod].map((d) => goQuote(formatDuration(d))).join(' ');
  const comment = `HEALTHCHECK &{${goQuoteList(Test)} ${times} ${goQuoteRune(Retries)}}`;
  return { config: { ...config, Healthcheck: health }, comment };
}

export function expose(config: ImageRunConfig, ports: readonly string[], written: readonly string[]): Changed {
  const exposed = { ...config.ExposedPorts };
  for (const spec of ports) for (const port of portsOf(spec)) exposed[port] = {};
  return { config: { ...config, ExposedPorts: exposed }, comment: `EXPOSE ${written.join(' ')}` };
}

/** `80`, `80/udp`, `8000-8010/tcp`; an address or host port in front is accepted and dropped, as Docker does. */
function portsOf(spec: string): string[] {
  const slash = spec.indexOf('/');
  const protocol = (slash < 0 ? 'tcp' : spec.slice(slash + 1)).toLowerCase();
  const container = (slash < 0 ? spec : spec.slice(0, slash)).split(':').at(-1)!;
  if (container === '') throw invalid(`No port specified: ${spec}<empty>`);
  const match = /^(\d+)(?:-(\d+))?$/.exec(container);
  const [first, last] = [Number(match?.[1] ?? Number.NaN), Number(match?.[2] ?? match?.[1] ?? Number.NaN)];
  if (!(first <= 65535 && last <= 65535 && first <= last)) throw invalid(`Invalid containerPort: ${container}`);
  if (!['tcp', 'udp', 'sctp'].includes(protocol)) throw invalid(`Invalid proto: ${protocol}`);
  return Array.from({ length: last - first + 1 }, (_, i) => `${first + i}/${protocol}`);
}

export function addVolumes(config: ImageRunConfig, paths: readonly string[]): Changed {
  if (paths.includes('')) throw invalid('VOLUME specified can not be an empty string');
  const added = Object.fromEntries(paths.map((p) => [p, {}]));
  return { config: { ...config, Volumes: { ...config.Volumes, ...added } }, comment: `VOLUME ${goList(paths)}` };
}

export function setStopSignal(config: ImageRunConfig, signal: string): Changed {
  if (!isSignal(signal)) throw invalid(`Invalid signal: ${signal}`);
  return { config: { ...config, StopSignal: signal }, comment: `STOPSIGNAL ${signal}` };
}

function isSignal(text: string): boolean {
  if (/^\d+$/.test(text)) return Number(text) >= 1 && Number(text) <= 64;
  const name = text.toUpperCase().replace(/^SIG/, '');
  return Object.hasOwn(constants.signals, `SIG${name}`) || /^(?:RTMIN(?:\+\d{1,2})?|RTMAX(?:-\d{1,2})?)$/.test(name);
}

export function setShell(config: ImageRunConfig, shell: string[]): Changed {
  return { config: { ...config, Shell: shell }, comment: `SHELL ${goList(shell)}` };
}

export function addTrigger(config: ImageRunConfig, trigger: string): Changed {
  return { config: { ...config, OnBuild: [...(config.OnBuild ?? []), trigger] }, comment: `ONBUILD ${trigger}` };
}

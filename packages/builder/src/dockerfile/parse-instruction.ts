import { invalid } from '@corten/errors';
import { goQuote } from './go-text.ts';
import { parseHealthcheck } from './healthcheck.ts';
import type { CommandLine, From, Instruction, Sources } from './instruction.ts';
import type { EscapeToken, Heredoc, LogicalLine } from './lines.ts';
import { suggest } from './suggest.ts';
import { jsonList, keyValues, parseFlags, splitFlags, splitSpaces, splitWords } from './words.ts';

/** What follows the instruction's name. */
export interface Request {
  name: string;
  flags: string[];
  rest: string;
  heredocs: Heredoc[];
  escapeToken: EscapeToken;
}

type Parser = (request: Request) => Instruction | ({ kind: 'from' } & From);

const atLeastOne = (name: string) => invalid(`${name} requires at least one argument`);
const exactlyOne = (name: string) => invalid(`${name} requires exactly one argument`);

const PARSERS: Record<string, Parser> = {
  add: parseAdd,
  arg: parseArg,
  cmd: (r) => ({ kind: 'cmd', command: commandLine(noFlags(r)) }),
  copy: parseCopy,
  entrypoint: (r) => ({ kind: 'entrypoint', command: commandLine(noFlags(r)) }),
  env: (r) => ({ kind: 'env', pairs: pairs(noFlags(r)) }),
  expose: (r) => ({ kind: 'expose', ports: some(noFlags(r), splitSpaces(r.rest)).toSorted() }),
  from: parseFrom,
  healthcheck: (r) => ({ kind: 'healthcheck', health: parseHealthcheck(r) }),
  label: (r) => ({ kind: 'label', pairs: pairs(noFlags(r)) }),
  maintainer: (r) => ({ kind: 'maintainer', maintainer: one(noFlags(r)) }),
  onbuild: parseOnbuild,
  run: parseRun,
  shell: parseShell,
  stopsignal: (r) => ({ kind: 'stopsignal', signal: one(noFlags(r)) }),
  user: (r) => ({ kind: 'user', user: one(noFlags(r)) }),
  volume: parseVolume,
  workdir: (r) => ({ kind: 'workdir', path: one(noFlags(r)) }),
};

/** Parses one instruction. Errors give the reason only; the caller names the line. */
export function parseInstruction(line: LogicalLine, escapeToken: EscapeToken): Instruction | ({ kind: 'from' } & From) {
  const [, name = '', tail = ''] = /^(\S*)\s*(.*)$/s.exec(line.text) ?? [];
  const parser = Object.hasOwn(PARSERS, name.toLowerCase()) ? PARSERS[name.toLowerCase()] : undefined;
  if (!parser) throw unknownInstruction(name);
  const { flags, rest } = splitFlags(tail);
  return parser({ name: name.toUpperCase(), flags, rest, heredocs: line.heredocs, escapeToken });
}

function unknownInstruction(name: string) {
  const upper = Object.keys(PARSERS).map((n) => n.toUpperCase());
  const meant = suggest(name, upper);
  return invalid(`unknown instruction: ${name}${meant ? ` (did you mean ${meant}?)` : ''}`);
}

function noFlags(request: Request): Request {
  parseFlags(request.flags, {});
  return request;
}
function one({ name, rest }: Request): string {
  if (rest === '') throw exactlyOne(name);
  return rest;
}
function some<T>({ name }: Request, list: T[]): T[] {
  if (list.length === 0) throw atLeastOne(name);
  return list;
}

function pairs(request: Request) {
  const found = some(request, keyValues(request.rest, request.name, request.escapeToken));
  if (found.some((p) => p.key === '')) throw invalid(`${request.name} names can not be blank`);
  return found;
}

function commandLine({ rest }: Request): CommandLine {
  const list = jsonList(rest);
  return list ? { shell: false, args: list } : { shell: true, args: rest === '' ? [] : [rest] };
}

function sources(request: Request, flags: Map<string, string[]>): Sources {
  const args = jsonList(request.rest) ?? splitSpaces(request.rest);
  if (args.length < 2)
    throw invalid(
      `${request.name} requires at least two arguments, but only one was provided. Destination could not be determined`,
    );
  const names = new Map(request.heredocs.map((h) => [h.name, h]));
  const heredoc = (word: string) => names.get(/^<<-?["']?([^"']*)["']?$/.exec(word)?.[1] ?? '');
  const destination = args.at(-1)!;
  if (heredoc(destination)) throw invalid(`${request.name} cannot accept a heredoc as a destination`);
  const given = args.slice(0, -1);
  return {
    sources: given.filter((s) => !heredoc(s)),
    inline: given.map(heredoc).filter((h) => h !== undefined),
    destination,
    chown: flags.get('chown')?.[0] ?? '',
    chmod: flags.get('chmod')?.[0] ?? '',
  };
}

/** `--link` only speaks of how BuildKit caches: the result is the same without it. */
function parseCopy(request: Request): Instruction {
  const flags = parseFlags(request.flags, { values: ['chown', 'chmod', 'from'], booleans: ['link'] });
  return { kind: 'copy', from: flags.get('from')?.[0] ?? '', ...sources(request, flags) };
}

function parseAdd(request: Request): Instruction {
  const flags = parseFlags(request.flags, { values: ['chown', 'chmod', 'checksum'], booleans: ['link'] });
  return { kind: 'add', checksum: flags.get('checksum')?.[0] ?? '', ...sources(request, flags) };
}

function parseArg(request: Request): Instruction {
  const words = some(noFlags(request), splitWords(request.rest, request.escapeToken));
  const args = words.map((word) => {
    const at = word.indexOf('=');
    if (at === 0) throw invalid('ARG names can not be blank');
    return at < 0 ? { key: word } : { key: word.slice(0, at), value: word.slice(at + 1) };
  });
  return { kind: 'arg', args };
}

function parseFrom({ flags, rest }: Request): { kind: 'from' } & From {
  const args = splitSpaces(rest);
  let name = '';
  if (args.length === 3 && args[1]!.toLowerCase() === 'as') {
    name = args[2]!.toLowerCase();
    if (!/^[a-z][a-z0-9-_.]*$/.test(name))
      throw invalid(
        `invalid name for build stage: ${goQuote(args[2]!)}, name can't start with a number or contain symbols`,
      );
  } else if (args.length !== 1) throw invalid('FROM requires either one or three arguments');
  const platform = parseFlags(flags, { values: ['platform'] }).get('platform')?.[0] ?? '';
  return { kind: 'from', base: args[0]!, name, platform };
}

function parseRun(request: Request): Instruction {
  const flags = parseFlags(request.flags, { values: ['network', 'security'], lists: ['mount', 'device'] });
  const buildkitFlag = ['mount', 'security', 'device'].find((name) => flags.has(name));
  const network = flags.get('network')?.[0] ?? '';
  if (!['', 'default', 'none', 'host'].includes(network))
    throw invalid(`unsupported network mode: ${goQuote(network)}`);
  const { heredocs } = request;
  return { kind: 'run', command: commandLine(request), heredocs, network, ...(buildkitFlag ? { buildkitFlag } : {}) };
}

function parseShell(request: Request): Instruction {
  const shell = jsonList(noFlags(request).rest);
  if (!shell) {
    if (request.rest === '') throw atLeastOne('SHELL');
    throw invalid('SHELL requires the arguments to be in JSON form');
  }
  return { kind: 'shell', shell: some(request, shell) };
}

function parseVolume(request: Request): Instruction {
  const list = some(noFlags(request), jsonList(request.rest) ?? splitSpaces(request.rest));
  const paths = list.map((p) => p.trim());
  if (paths.includes('')) throw invalid('VOLUME specified can not be an empty string');
  return { kind: 'volume', paths };
}

function parseOnbuild(request: Request): Instruction {
  if (noFlags(request).rest === '') throw atLeastOne('ONBUILD');
  const trigger = /^\S+/.exec(request.rest)![0].toUpperCase();
  if (trigger === 'ONBUILD') throw invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (trigger === 'MAINTAINER' || trigger === 'FROM') throw invalid(`${trigger} isn't allowed as an ONBUILD trigger`);
  const bodies = request.heredocs.map((h) => `\n${h.content}${h.name}`);
  return { kind: 'onbuild', trigger: request.rest + bodies.join('') };
}

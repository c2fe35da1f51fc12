import { posix } from 'node:path';
import { CortenError, invalid } from '@corten/errors';
import type { GivenArgs } from '../dockerfile/args.ts';
import { StageArgs } from '../dockerfile/args.ts';
import { expandText, expandWord, expandWords } from '../dockerfile/expand.ts';
import { goQuote } from '../dockerfile/go-text.ts';
import type { Instruction, Located } from '../dockerfile/instruction.ts';
import type { EscapeToken } from '../dockerfile/lines.ts';
import type { KeyValue } from '../dockerfile/words.ts';
import * as change from './config-change.ts';
import { type ImageState, nop, type Step } from './step.ts';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const BUILDKIT =
  'requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to learn how to build images with BuildKit enabled';

type Of<K extends Instruction['kind']> = Extract<Instruction, { kind: K }> & Located;

/**
 * Turns a stage's instructions into steps, one at a time: each is expanded with the environment and the arguments
 * that stand when its turn comes.
 */
export class StagePlanner {
  readonly #escapeToken: EscapeToken;
  readonly #args: StageArgs;
  #state: ImageState;
  #cmdSet = false;
  #env = new Map<string, string>();

  constructor(base: ImageState, args: GivenArgs, escapeToken: EscapeToken) {
    this.#args = new StageArgs(args);
    this.#escapeToken = escapeToken;
    const { OnBuild: _executed, ...config } = base.config;
    this.#state = { config, author: base.author };
    this.#readEnv();
    if (!this.#env.has('PATH')) this.#apply(change.setEnv(config, [{ key: 'PATH', value: DEFAULT_PATH }]));
  }

  get state(): ImageState {
    return this.#state;
  }

  /** The step that an instruction comes down to. */
  plan(instruction: Instruction & Located): Step {
    switch (instruction.kind) {
      case 'run':
        return this.#run(instruction);
      case 'copy':
      case 'add':
        return this.#copy(instruction);
      case 'workdir':
        return this.#workdir(instruction);
      default: {
        const shell = () => change.shellOf(this.#state.config);
        const comment = this.#configure(instruction);
        // SHELL itself is already said in the new shell's words, as Docker does.
        return { op: 'config', source: instruction.source, after: this.#state, createdBy: nop(shell(), ` ${comment}`) };
      }
    }
  }

  #configure(i: Exclude<Instruction, { kind: 'run' | 'copy' | 'add' | 'workdir' }>): string {
    const { config } = this.#state;
    switch (i.kind) {
      case 'env':
        return this.#apply(change.setEnv(config, this.#pairs(i.pairs)));
      case 'label':
        return this.#apply(change.setLabels(config, i.literal ? i.pairs : this.#pairs(i.pairs)));
      case 'arg':
        return this.#declare(i.args);
      case 'cmd':
        if (i.command.args.length > 0) this.#cmdSet = true;
        return this.#apply(change.setCmd(config, i.command));
      case 'entrypoint':
        return this.#apply(change.setEntrypoint(config, i.command, this.#cmdSet));
      case 'healthcheck':
        return this.#apply(change.setHealthcheck(config, i.health));
      case 'expose':
        return this.#apply(
          change.expose(
            config,
            i.ports.flatMap((p) => this.#words(p)),
            i.ports,
          ),
        );
      case 'volume':
        return this.#apply(
          change.addVolumes(
            config,
            i.paths.map((p) => this.#word(p)),
          ),
        );
      case 'user': {
        const user = this.#word(i.user);
        return this.#apply({ config: { ...config, User: user }, comment: `USER ${user}` });
      }
      case 'stopsignal':
        return this.#apply(change.setStopSignal(config, this.#word(i.signal)));
      case 'shell':
        return this.#apply(change.setShell(config, i.shell));
      case 'onbuild':
        return this.#apply(change.addTrigger(config, i.trigger));
      case 'maintainer':
        this.#state = { ...this.#state, author: i.maintainer };
        return `MAINTAINER ${i.maintainer}`;
    }
  }

  #apply({ config, comment }: change.Changed): string {
    const envChanged = config.Env !== this.#state.config.Env;
    this.#state = { ...this.#state, config };
    if (envChanged) this.#readEnv();
    return comment;
  }
  #readEnv(): void {
    this.#env = new Map(
      (this.#state.config.Env ?? []).map((pair) => {
        const at = pair.indexOf('=');
        return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
      }),
    );
  }

  #lookup = (name: string): string | undefined => this.#env.get(name) ?? this.#args.value(name);
  #word(text: string): string {
    return expandWord(text, this.#lookup, this.#escapeToken);
  }
  #words(text: string): string[] {
    return expandWords(text, this.#lookup, this.#escapeToken);
  }
  #pairs(pairs: readonly KeyValue[]): KeyValue[] {
    return pairs.map((p) => ({ key: this.#word(p.key), value: this.#word(p.value) }));
  }

  #declare(args: Of<'arg'>['args']): string {
    const words: string[] = [];
    for (const { key, value } of args) {
      const name = this.#word(key);
      const given = value === undefined ? undefined : this.#word(value);
      this.#args.declare(name, given);
      words.push(given === undefined ? name : `${name}=${given}`);
    }
    return `ARG ${words.join(' ')}`;
  }

  #run(i: Of<'run'>): Step {
    if (i.buildkitFlag) throw new CortenError('invalid', `the --${i.buildkitFlag} option ${BUILDKIT}`);
    const { config } = this.#state;
    const buildArgs = this.#args.environment(new Set(this.#env.keys()));
    const { args, script } = this.#command(i);
    if (args.length === 0) throw invalid('No command specified');
    const shown = buildArgs.filter((a) => this.#args.matters(a.slice(0, a.indexOf('='))));
    const prefix = buildArgs.length > 0 ? [`|${shown.length}`, ...shown] : [];
    return {
      op: 'run',
      source: i.source,
      after: this.#state,
      args,
      env: [...(config.Env ?? []), ...buildArgs],
      network: i.network === 'default' ? '' : i.network,
      ...(script === undefined ? {} : { script }),
      createdBy: [...prefix, ...args].join(' '),
    };
  }

  /** A RUN that is one here-document is that script; others get theirs handed to the shell as they stand. */
  #command({ command, heredocs }: Of<'run'>): { args: string[]; script?: string } {
    const { config } = this.#state;
    const [first] = heredocs;
    if (!first || !command.shell) return { args: change.resolveCommand(command, config) };
    const text = command.args.join(' ');
    if (heredocs.length === 1 && /^<<-?\s*["']?[\w.-]+["']?$/.test(text)) {
      const args = [...change.shellOf(config), first.content];
      return first.content.startsWith('#!') ? { args, script: first.content } : { args };
    }
    const whole = [text, ...heredocs.map((h) => `${h.content}${h.name}`)].join('\n');
    return { args: [...change.shellOf(config), whole] };
  }

  #copy(i: Of<'copy'> | Of<'add'>): Step {
    const { config } = this.#state;
    const destination = this.#word(i.destination);
    const inline = i.inline.map((file) =>
      file.expand ? { ...file, content: expandText(file.content, this.#lookup, this.#escapeToken) } : file,
    );
    return {
      op: 'copy',
      verb: i.kind === 'copy' ? 'COPY' : 'ADD',
      source: i.source,
      after: this.#state,
      from: i.kind === 'copy' ? i.from : '',
      sources: i.sources.map((s) => this.#word(s)),
      inline,
      destination: absolute(config.WorkingDir, destination),
      chown: this.#word(i.chown),
      chmod: checkMode(this.#word(i.chmod)),
      checksum: i.kind === 'add' ? this.#word(i.checksum) : '',
      shell: change.shellOf(config),
    };
  }

  #workdir(i: Of<'workdir'>): Step {
    const asked = this.#word(i.path);
    if (asked === '') throw invalid('cannot normalize nothing');
    const { config } = this.#state;
    const path = posix.isAbsolute(asked) ? asked : posix.join('/', config.WorkingDir ?? '', asked);
    this.#state = { ...this.#state, config: { ...config, WorkingDir: path } };
    const createdBy = nop(change.shellOf(config), `WORKDIR ${path}`);
    return { op: 'workdir', source: i.source, after: this.#state, path, createdBy };
  }
}

/** Destinations are relative to the working directory; `.` and a slash at the end mean a directory. */
function absolute(workingDir: string | undefined, destination: string): string {
  const isDirectory = /(?:^|\/)\.?$/.test(destination);
  if (posix.isAbsolute(destination)) return isDirectory && !destination.endsWith('/') ? `${destination}/` : destination;
  const joined = posix.join('/', workingDir ?? '', destination);
  return isDirectory && !joined.endsWith('/') ? `${joined}/` : joined;
}

function checkMode(text: string): string {
  if (text !== '' && !/^[0-7]{1,4}$/.test(text))
    throw invalid(`invalid chmod parameter: ${goQuote(text)}. it should be octal string and between 0 and 07777`);
  return text;
}

import type { HealthcheckConfig } from '@corten/oci';
import type { Heredoc } from './lines.ts';
import type { KeyValue } from './words.ts';

/** RUN, CMD, ENTRYPOINT: a list of arguments (exec form), or text for the stage's shell. */
export interface CommandLine {
  shell: boolean;
  args: string[];
}

/** A file whose content stands in the Dockerfile. */
export type InlineFile = Heredoc;

export interface Sources {
  sources: string[];
  inline: InlineFile[];
  destination: string;
  chown: string;
  chmod: string;
}

/** One parsed instruction; words in it are not expanded yet. */
export type Instruction =
  | { kind: 'env'; pairs: KeyValue[] }
  | { kind: 'label'; pairs: KeyValue[]; literal?: boolean }
  | { kind: 'arg'; args: { key: string; value?: string }[] }
  | ({ kind: 'add'; checksum: string } & Sources)
  | ({ kind: 'copy'; from: string } & Sources)
  | { kind: 'run'; command: CommandLine; heredocs: Heredoc[]; network: string; buildkitFlag?: string }
  | { kind: 'cmd'; command: CommandLine }
  | { kind: 'entrypoint'; command: CommandLine }
  | { kind: 'healthcheck'; health: HealthcheckConfig }
  | { kind: 'expose'; ports: string[] }
  | { kind: 'volume'; paths: string[] }
  | { kind: 'user'; user: string }
  | { kind: 'workdir'; path: string }
  | { kind: 'stopsignal'; signal: string }
  | { kind: 'shell'; shell: string[] }
  | { kind: 'onbuild'; trigger: string }
  | { kind: 'maintainer'; maintainer: string };

export type InstructionKind = Instruction['kind'];

/** Where an instruction stands, and its text as steps print it. */
export interface Located {
  source: string;
  line: number;
}

export interface From {
  base: string;
  /** Lower case; '' without AS. */
  name: string;
  platform: string;
}

export interface Stage extends From, Located {
  instructions: (Instruction & Located)[];
}

export interface Dockerfile {
  escapeToken: '\\' | '`';
  /** ARGs before the first FROM. */
  metaArgs: (Extract<Instruction, { kind: 'arg' }> & Located)[];
  stages: Stage[];
  warnings: string[];
}

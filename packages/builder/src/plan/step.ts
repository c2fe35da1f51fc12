import type { ImageRunConfig } from '@corten/oci';
import type { InlineFile } from '../dockerfile/instruction.ts';

/** What an image is like after a step, besides its files. */
export interface ImageState {
  config: ImageRunConfig;
  author: string;
}

interface StepCommon {
  /** The instruction as it stands in the Dockerfile, for people. */
  source: string;
  /** The image after the step. */
  after: ImageState;
}

/** Changes the image's configuration only. */
export interface ConfigStep extends StepCommon {
  op: 'config';
  createdBy: string;
}

/** Makes the working directory when it is not there. */
export interface WorkdirStep extends StepCommon {
  op: 'workdir';
  path: string;
  createdBy: string;
}

/** Runs a process in the image. */
export interface RunStep extends StepCommon {
  op: 'run';
  args: string[];
  env: string[];
  /** Network mode of this step alone; '' for the build's. */
  network: string;
  /** A script with its own interpreter, run instead of `args`. */
  script?: string;
  createdBy: string;
}

/** Copies files into the image. */
export interface CopyStep extends StepCommon {
  op: 'copy';
  verb: 'COPY' | 'ADD';
  /** Stage name, stage index or image; '' for the build context. */
  from: string;
  sources: string[];
  inline: InlineFile[];
  /** Absolute; a slash at the end makes it a directory. */
  destination: string;
  chown: string;
  chmod: string;
  /** Digest that a downloaded file must have, or ''. */
  checksum: string;
  shell: string[];
}

/** The plain operations that a stage comes down to: nothing of the Dockerfile's language is left in them. */
export type Step = ConfigStep | WorkdirStep | RunStep | CopyStep;

export const DEFAULT_SHELL = ['/bin/sh', '-c'];
/** How histories name a step that ran no process. */
export const nop = (shell: readonly string[], text: string): string => [...shell, `#(nop) ${text}`].join(' ');

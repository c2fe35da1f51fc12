import { StringDecoder } from 'node:string_decoder';
import type { Progress } from '@corten/images';

/** Of a quiet build's output this much is kept, for when it fails. */
const QUIET_LIMIT = 1 << 20;

/** The stream of a build, in the classic builder's words. */
export class BuildOutput {
  readonly #emit: (line: Progress) => void;
  readonly #quiet: boolean;
  #held: string[] = [];
  #heldSize = 0;

  constructor(emit: (line: Progress) => void, quiet: boolean) {
    this.#emit = emit;
    this.#quiet = quiet;
  }

  write(text: string): void {
    if (!this.#quiet) return this.#emit({ stream: text });
    if (this.#heldSize + text.length > QUIET_LIMIT) return;
    this.#held.push(text);
    this.#heldSize += text.length;
  }

  /** Lines of a pull or download. */
  progress(line: Progress): void {
    if (!this.#quiet) this.#emit(line);
  }

  /** Errors of a program show red, as Docker prints them. */
  error(text: string): void {
    this.write(`\x1b[91m${text}\x1b[0m`);
  }

  imageId(id: string): void {
    if (!this.#quiet) this.#emit({ aux: { ID: id } });
  }

  /** What a quiet build says at its end: the ID alone, or everything when it failed. */
  finishQuiet(id: string | undefined): void {
    if (!this.#quiet) return;
    if (id !== undefined) this.#emit({ stream: `${id}\n` });
    else if (this.#held.length > 0) this.#emit({ stream: this.#held.join('') });
  }

  /** A sink for a program's output; characters cut between chunks are put together. */
  program(): { chunk(stream: 'stdout' | 'stderr', bytes: Buffer): void; end(): void } {
    const decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
    const put = (stream: 'stdout' | 'stderr', text: string) => {
      if (text === '') return;
      if (stream === 'stdout') this.write(text);
      else this.error(text);
    };
    return {
      chunk: (stream, bytes) => put(stream, decoders[stream].write(bytes)),
      end: () => {
        put('stdout', decoders.stdout.end());
        put('stderr', decoders.stderr.end());
      },
    };
  }
}

import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CliError } from '../cli/errors.ts';

/** The client's config.json, the same file as Docker's. Keys that we do not know are kept. */
export interface ConfigFile {
  auths?: Record<string, { auth?: string; identitytoken?: string }>;
  credsStore?: string;
  credHelpers?: Record<string, string>;
  HttpHeaders?: Record<string, string>;
  detachKeys?: string;
  psFormat?: string;
  imagesFormat?: string;
  statsFormat?: string;
  networksFormat?: string;
  volumesFormat?: string;
  [other: string]: unknown;
}

/** Read once, when first asked for. */
export class ClientConfig {
  readonly directory: string;
  #file: ConfigFile | undefined;

  constructor(directory: string) {
    this.directory = directory || process.env.DOCKER_CONFIG || join(process.env.HOME || homedir(), '.docker');
  }

  get path(): string {
    return join(this.directory, 'config.json');
  }

  get file(): ConfigFile {
    this.#file ??= this.#read();
    return this.#file;
  }

  /** Replaces the file, readable by its owner only: it holds credentials. */
  save(change: (file: ConfigFile) => void): void {
    change(this.file);
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    const temporary = `${this.path}.${process.pid}`;
    writeFileSync(temporary, `${JSON.stringify(this.file, null, '\t')}`, { mode: 0o600 });
    chmodSync(temporary, 0o600);
    renameSync(temporary, this.path);
  }

  #read(): ConfigFile {
    if (!existsSync(this.path)) return {};
    try {
      return JSON.parse(readFileSync(this.path, 'utf8')) as ConfigFile;
    } catch (error) {
      throw new CliError(`Error loading config file: ${this.path}: ${(error as Error).message}`);
    }
  }
}

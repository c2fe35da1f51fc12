import { CortenError, invalid, messageOf, system } from '@corten/errors';
import { classifyStartError } from '@corten/runtime';

const PREFIX =
  'failed to create task for container: failed to create shim task: OCI runtime create failed: unable to start container process: ';

/** The OCI runtime refused to create the container. */
export class RuntimeRefusal extends Error {
  /** Program that was to run. */
  readonly command: string;
  constructor(cause: unknown, command: string) {
    super(messageOf(cause), { cause });
    this.command = command;
  }
}

/** What a failed start means: the exit code that State shows, and the error that the client gets (Docker's words). */
export function startFailure(error: unknown): { exitCode: number; error: CortenError } {
  if (!(error instanceof RuntimeRefusal))
    return { exitCode: 128, error: error instanceof CortenError ? error : system(messageOf(error), error) };
  const { exitCode, message } = classifyStartError(error.message, error.command);
  const text = `${PREFIX}${message}: unknown`;
  if (/not a directory/i.test(text))
    return {
      exitCode: 127,
      error: invalid(
        `${text}: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type`,
        error,
      ),
    };
  if (exitCode === 128) return { exitCode, error: system(text, error) };
  // the docker command looks for these very words to choose its exit code
  const said = exitCode === 126 && !/permission denied/i.test(text) ? `${text}: permission denied` : text;
  return { exitCode, error: invalid(said, error) };
}

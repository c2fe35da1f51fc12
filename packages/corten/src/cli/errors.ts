/** Ends the program with this message on stderr (nothing when empty) and this exit code. */
export class CliError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = 'CliError';
    this.exitCode = exitCode;
  }
}

/** The command line itself is wrong: the message is followed by the usage of the command, exit code 125 as Docker's. */
export class UsageError extends CliError {
  constructor(message: string, exitCode = 125) {
    super(message, exitCode);
    this.name = 'UsageError';
  }
}

/** Said as it is even by commands that announce themselves in their errors (`run`). */
export class PlainError extends CliError {}

/** Ends with a code and says nothing: the message, if any, has been printed already. */
export const exitWith = (exitCode: number): CliError => new CliError('', exitCode);

/**
 * The closed list of error kinds. Every room throws a CortenError; each door maps a kind once
 * (HTTP status in engine-api, exit code in the CLI). Anything else that reaches a door is a bug and becomes `system`.
 */
export type ErrorKind =
  | 'invalid' // the request is malformed or names something impossible: 400
  | 'unauthorized' // 401
  | 'forbidden' // 403
  | 'notFound' // 404
  | 'conflict' // the state does not allow it: 409
  | 'notModified' // already so: 304
  | 'tooLarge' // 413
  | 'unavailable' // a needed service does not answer: 503
  | 'notImplemented' // 501
  | 'cancelled' // the caller went away
  | 'system'; // everything else: 500

export class CortenError extends Error {
  readonly kind: ErrorKind;
  constructor(kind: ErrorKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CortenError';
    this.kind = kind;
  }
}

export const invalid = (message: string, cause?: unknown) => new CortenError('invalid', message, cause);
export const unauthorized = (message: string, cause?: unknown) => new CortenError('unauthorized', message, cause);
export const forbidden = (message: string, cause?: unknown) => new CortenError('forbidden', message, cause);
export const notFound = (message: string, cause?: unknown) => new CortenError('notFound', message, cause);
export const conflict = (message: string, cause?: unknown) => new CortenError('conflict', message, cause);
export const notModified = (message = '') => new CortenError('notModified', message);
export const unavailable = (message: string, cause?: unknown) => new CortenError('unavailable', message, cause);
export const notImplemented = (message: string) => new CortenError('notImplemented', message);
export const cancelled = (message = 'context canceled') => new CortenError('cancelled', message);
export const system = (message: string, cause?: unknown) => new CortenError('system', message, cause);

export const kindOf = (e: unknown): ErrorKind => (e instanceof CortenError ? e.kind : 'system');
/** Whether `e` is a CortenError of `kind`. */
export const isKind = (e: unknown, kind: ErrorKind): boolean => e instanceof CortenError && e.kind === kind;
/** The message of anything thrown. */
export const messageOf = (e: unknown): string => (e instanceof Error ? e.message : String(e));
/** The errno name of a Node or host error ('ENOENT'), or undefined. */
export const codeOf = (e: unknown): string | undefined =>
  typeof e === 'object' && e !== null && 'code' in e && typeof e.code === 'string' ? e.code : undefined;

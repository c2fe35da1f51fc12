import { type ErrorKind, kindOf, messageOf } from '@corten/errors';

/** The one place where an error kind becomes an HTTP status. */
const STATUS: Record<ErrorKind, number> = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  notFound: 404,
  conflict: 409,
  notModified: 304,
  tooLarge: 413,
  unavailable: 503,
  notImplemented: 501,
  cancelled: 499,
  system: 500,
};

export interface HttpError {
  status: number;
  message: string;
}

export function toHttpError(error: unknown): HttpError {
  return { status: STATUS[kindOf(error)], message: messageOf(error) };
}

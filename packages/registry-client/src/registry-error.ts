import { CortenError, type ErrorKind } from '@corten/errors';

const KINDS: Record<number, ErrorKind> = { 401: 'unauthorized', 403: 'forbidden', 404: 'notFound', 413: 'tooLarge' };
const kindOfStatus = (status: number): ErrorKind =>
  KINDS[status] ?? (status === 429 || status >= 500 ? 'unavailable' : 'invalid');

/** A registry's refusal (OCI distribution-spec, Error codes). The message reads `manifest unknown: …` as Docker's does. */
export class RegistryError extends CortenError {
  readonly status: number;
  /** `MANIFEST_UNKNOWN`, `DENIED` …; '' when the answer named none. */
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(kindOfStatus(status), message);
    this.name = 'RegistryError';
    this.status = status;
    this.code = code;
  }
}

const DEFAULT_CODE: Record<number, [string, string]> = {
  401: ['UNAUTHORIZED', 'authentication required'],
  403: ['DENIED', 'requested access to the resource is denied'],
  429: ['TOOMANYREQUESTS', 'too many requests'],
};

/** Reads an error answer's body. */
export function toRegistryError(status: number, statusText: string, body: string): RegistryError {
  const first = firstError(body);
  const fallback = DEFAULT_CODE[status];
  const code = first?.code ?? fallback?.[0] ?? '';
  if (!code) return new RegistryError(status, '', `received unexpected HTTP status: ${status} ${statusText}`);
  const message = first?.message || fallback?.[1] || 'unknown error';
  return new RegistryError(status, code, `${code.toLowerCase().replaceAll('_', ' ')}: ${message}`);
}

function firstError(body: string): { code: string; message: string } | undefined {
  try {
    const value = JSON.parse(body) as { errors?: { code?: unknown; message?: unknown }[] };
    const error = value?.errors?.[0];
    if (typeof error?.code !== 'string') return undefined;
    return { code: error.code, message: typeof error.message === 'string' ? error.message : '' };
  } catch {
    return undefined; // a proxy's page, not a registry's answer
  }
}

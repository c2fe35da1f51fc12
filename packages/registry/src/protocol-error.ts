/** Error codes of OCI distribution-spec 1.1 (Error Codes) with the statuses they are sent with. */
export const STATUS = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DENIED: 403,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  TOOMANYREQUESTS: 429,
  UNAUTHORIZED: 401,
  UNSUPPORTED: 405,
  RANGE_INVALID: 416,
  UNKNOWN: 500,
} as const;
export type Code = keyof typeof STATUS;

/** A refusal that the client gets as `{"errors":[{code, message, detail}]}`. */
export class ProtocolError extends Error {
  readonly code: Code;
  readonly status: number;
  readonly detail: unknown;
  readonly headers: Record<string, string>;
  constructor(
    code: Code,
    message: string,
    options: { detail?: unknown; status?: number; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.code = code;
    this.status = options.status ?? STATUS[code];
    this.detail = options.detail;
    this.headers = options.headers ?? {};
  }

  body(): string {
    const detail = this.detail === undefined ? {} : { detail: this.detail };
    return `${JSON.stringify({ errors: [{ code: this.code, message: this.message, ...detail }] })}\n`;
  }
}

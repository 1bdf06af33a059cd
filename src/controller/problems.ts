import { randomBytes } from 'node:crypto';
import type { z } from 'zod';
import type { Problem } from '../api/types.ts';
import type { Rejected } from '../core/control-state.ts';
import { CutoverError, ERRORS, type ErrorCode, isCutoverError } from '../core/errors.ts';

/** HTTP status of each code; where a route knows better (405, 413, 415) it says so. */
const STATUS: Readonly<Record<ErrorCode, number>> = {
  CONFIG_INVALID: 400,
  CONFIG_UNREADABLE: 400,
  USAGE: 400,
  INPUT_INVALID: 400,
  NOT_FOUND: 404,
  CONFLICT: 409,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  RATE_LIMITED: 429,
  REQUEST_REFUSED: 400,
  CONTROL_UNREACHABLE: 502,
  CANDIDATE_UNREACHABLE: 502,
  UPSTREAM_PROTOCOL: 502,
  LISTEN_FAILED: 500,
  STORE_NEWER: 503,
  STORE_CORRUPT: 503,
  STORE_FULL: 503,
  STORE_BUSY: 503,
  STORE_FENCED: 503,
  STORE_FAILED: 503,
  API_UNREACHABLE: 503,
  NODE_TOO_OLD: 500,
  FAULT: 500,
};

/** A request that ends in a problem document. Thrown by guards and handlers, answered in one place. */
export class ApiError extends CutoverError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string; status?: number; headers?: Readonly<Record<string, string>>; cause?: unknown } = {},
  ) {
    super(code, message, {
      ...(options.hint === undefined ? {} : { hint: options.hint }),
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    });
    this.status = options.status ?? STATUS[code];
    this.headers = options.headers ?? {};
  }
}

/** The error of a command that was not carried out. */
export function rejection(rejected: Rejected): ApiError {
  return new ApiError(rejected.code, rejected.message, { hint: rejected.hint });
}

/** What is wrong with an input, each field by its path: at most ten findings. */
export function invalidInput(place: string, error: z.ZodError): ApiError {
  const findings = error.issues
    .slice(0, 10)
    .map((issue) => `${[place, ...issue.path.map(String)].join('.')}: ${issue.message}`);
  return new ApiError('INPUT_INVALID', cut(findings.join('; ')), {
    hint: 'The reference of the control API, and /api/v1/openapi.json, tell what is expected.',
  });
}

/** Any error as an ApiError; what is not ours is a fault, and says nothing of itself to the caller. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (isCutoverError(error)) {
    return new ApiError(error.code, error.message, error.hint === undefined ? {} : { hint: error.hint });
  }
  return new ApiError('FAULT', 'Cutover could not answer this; it is a fault of its own.', {
    hint: 'The log has more under the id given here.',
    cause: error,
  });
}

/** The document of RFC 9457 for an error, with an id of its own. */
export function problemOf(error: ApiError): Problem {
  return {
    type: `urn:cutover:error:${error.code}`,
    title: ERRORS[error.code].when,
    status: error.status,
    detail: cut(error.message),
    code: error.code,
    ...(error.hint === undefined ? {} : { hint: cut(error.hint) }),
    id: randomBytes(8).toString('hex'),
  };
}

/** Messages may quote what the caller sent. */
function cut(text: string): string {
  return text.length > 2_000 ? `${text.slice(0, 2_000)}…` : text;
}

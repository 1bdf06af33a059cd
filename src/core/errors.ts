/** Whose doing an error is. */
export type ErrorSource = 'client' | 'control' | 'candidate' | 'cutover';

interface ErrorEntry {
  readonly source: ErrorSource;
  readonly retryable: boolean;
  /** One sentence for the reference page: when this happens. */
  readonly when: string;
}

/**
 * Every code Cutover uses, in errors, problem documents and logs.
 * A code is stable and is never used again for something else.
 */
export const ERRORS = {
  CONFIG_INVALID: {
    source: 'client',
    retryable: false,
    when: 'The configuration has one or more problems; nothing was started or changed.',
  },
  CONFIG_UNREADABLE: { source: 'client', retryable: false, when: 'The configuration file cannot be read.' },
  USAGE: { source: 'client', retryable: false, when: 'A command was called with arguments it does not take.' },
  INPUT_INVALID: {
    source: 'client',
    retryable: false,
    when: 'A request to the control API, or a line of an input file, is not of the expected form.',
  },
  NOT_FOUND: { source: 'client', retryable: false, when: 'What was asked for does not exist, or no longer.' },
  CONFLICT: {
    source: 'client',
    retryable: false,
    when: 'The request does not fit the present state, for example raising a dial under a latch.',
  },
  UNAUTHORIZED: { source: 'client', retryable: false, when: 'The control API was called without a valid token.' },
  FORBIDDEN: {
    source: 'client',
    retryable: false,
    when: 'The control API was called from a host or origin it does not serve.',
  },
  RATE_LIMITED: {
    source: 'client',
    retryable: true,
    when: 'Too many failed sign-ins, or too many requests at once, on the control API.',
  },
  REQUEST_REFUSED: {
    source: 'client',
    retryable: false,
    when: 'A request to the proxy breaks a rule of HTTP that is a known road to request smuggling, or a limit.',
  },
  CONTROL_UNREACHABLE: {
    source: 'control',
    retryable: true,
    when: 'No target of the control could be reached; the client got 502 or 504.',
  },
  CANDIDATE_UNREACHABLE: { source: 'candidate', retryable: true, when: 'No target of the candidate could be reached.' },
  UPSTREAM_PROTOCOL: {
    source: 'control',
    retryable: false,
    when: 'An upstream answered something that is not HTTP/1.1.',
  },
  LISTEN_FAILED: {
    source: 'cutover',
    retryable: false,
    when: 'An address cannot be listened on, for example because the port is taken.',
  },
  STORE_NEWER: {
    source: 'cutover',
    retryable: false,
    when: 'The database was written by a newer version of Cutover; this one refuses to touch it.',
  },
  STORE_CORRUPT: { source: 'cutover', retryable: false, when: 'The database is damaged.' },
  STORE_FULL: {
    source: 'cutover',
    retryable: true,
    when: 'The disk is full; nothing is promoted, comparing stops but for what the candidate serves, serving goes on.',
  },
  STORE_BUSY: { source: 'cutover', retryable: true, when: 'Another process holds the state folder.' },
  STORE_FENCED: {
    source: 'cutover',
    retryable: true,
    when: 'Another controller leads the fleet by now: what this one decided was refused, and nothing was changed.',
  },
  STORE_FAILED: {
    source: 'cutover',
    retryable: true,
    when: 'The store failed in another way; nothing is promoted until it works again.',
  },
  API_UNREACHABLE: { source: 'client', retryable: true, when: 'The command line cannot reach a running Cutover.' },
  NODE_TOO_OLD: {
    source: 'client',
    retryable: false,
    when: 'Cutover was started by a version of Node older than 22.18.',
  },
  FAULT: {
    source: 'cutover',
    retryable: false,
    when: 'A fault of Cutover itself. It is never blamed on the candidate and never reaches a client.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** The one error class. Match on `code`, never on the class. */
export class CutoverError extends Error {
  readonly code: ErrorCode;
  readonly source: ErrorSource;
  readonly retryable: boolean;
  /** What to do about it. */
  readonly hint: string | undefined;

  /**
   * @param message What happened, with the value and the place.
   */
  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string; cause?: unknown; source?: ErrorSource } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CutoverError';
    this.code = code;
    this.source = options.source ?? ERRORS[code].source;
    this.retryable = ERRORS[code].retryable;
    this.hint = options.hint;
  }
}

/** Whether `error` is a CutoverError, possibly from another copy of the package. */
export function isCutoverError(error: unknown): error is CutoverError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    error.code in ERRORS &&
    'source' in error
  );
}

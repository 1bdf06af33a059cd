import { pino } from 'pino';
import type { Log } from '../core/ports.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogOptions {
  readonly level: LogLevel;
  /** Takes one line, line feed included. May throw: what cannot be written is lost, never an error of the caller. */
  readonly write: (line: string) => void;
}

/** Bounds of one line: a log line is read by people and shipped by agents that cut at 16 KiB. */
const MAX_TEXT = 2_000;
const MAX_ITEMS = 50;
const MAX_DEPTH = 4;

/**
 * The log as NDJSON: `time` (ISO 8601, UTC), `level` as a word, `event`, then the fields.
 * The last line of defence for secrets: fields named like one (`authorization`, `cookie`, `token`, `password`, `secret`)
 * and fields that hold bodies or header lists lose their value, however deep they lie.
 */
export function createLog(options: LogOptions): Log {
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    { write: (line: string) => tryWrite(options.write, line) },
  );
  const line = (fields: Readonly<Record<string, unknown>> | undefined, event: string): object => ({
    event,
    ...(fields === undefined ? {} : safeFields(fields)),
  });
  return {
    debug: (event, fields) => {
      // Debug lines are many and mostly off: nothing is made for them then.
      if (logger.isLevelEnabled('debug')) logger.debug(line(fields, event));
    },
    info: (event, fields) => logger.info(line(fields, event)),
    warn: (event, fields) => logger.warn(line(fields, event)),
    error: (event, fields) => logger.error(line(fields, event)),
  };
}

function tryWrite(write: (line: string) => void, line: string): void {
  try {
    write(line);
  } catch {
    // A full disk or a closed pipe behind the log must not reach what was being logged.
  }
}

const OWN_NAMES = new Set(['time', 'level', 'event']);

function safeFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const safe: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields).slice(0, MAX_ITEMS)) {
    safe[OWN_NAMES.has(name) ? `${name}_` : name] = isSecretName(name) ? REMOVED : safeValue(value, 1);
  }
  return safe;
}

const REMOVED = '⟦removed⟧';
const SECRET_NAME = /authorization|cookie|password|passwd|secret|credential|token$|apikey|privatekey/;
const CONTENT_NAMES = new Set(['body', 'headers', 'rawheaders']);

function isSecretName(name: string): boolean {
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  return CONTENT_NAMES.has(plain) || SECRET_NAME.test(plain);
}

function safeValue(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}… (${value.length} characters)` : value;
    case 'number':
      // NaN and the infinities are null in JSON, which would read as "nothing was measured".
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
    case 'undefined':
      return value;
    case 'object':
      return value === null ? null : safeObject(value, depth);
    default:
      return String(value);
  }
}

function safeObject(value: object, depth: number): unknown {
  if (value instanceof Error) return safeError(value, depth);
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`;
  if (depth > MAX_DEPTH) return '…';
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item: unknown) => safeValue(item, depth + 1));
  const safe: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value).slice(0, MAX_ITEMS)) {
    safe[name] = isSecretName(name) ? REMOVED : safeValue(item, depth + 1);
  }
  return safe;
}

function safeError(error: Error, depth: number): Record<string, unknown> {
  return {
    name: error.name,
    message: safeValue(error.message, depth),
    ...('code' in error ? { code: safeValue(error.code, depth + 1) } : {}),
    ...(error.stack === undefined ? {} : { stack: safeValue(error.stack, depth) }),
    ...(error.cause === undefined || depth > MAX_DEPTH ? {} : { cause: safeValue(error.cause, depth + 1) }),
  };
}

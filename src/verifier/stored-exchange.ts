import { createHmac, type KeyObject } from 'node:crypto';
import type { StoredBodies } from '../config/settings.ts';
import {
  type Answer,
  type CapturedRequest,
  type Exchange,
  type HeaderList,
  headerValue,
  type Observation,
} from '../core/observation.ts';
import type { StoredObservation, StoredRequest, VerifiedExchange } from '../core/ports.ts';
import type { Redaction, Redactor } from '../core/redact.ts';
import type { ComparisonResult, Difference } from '../core/verdict.ts';
import type { ExchangeFacts } from './worker-protocol.ts';

/** A stored body: 64 KiB of text show every mismatch that people read; the verdict was made on all of it. */
const STORED_CHARS = 65_536;

export interface StoreOptions {
  readonly redactor: Redactor;
  /** `structure`: no value of a body is kept; `none`: only differences are. */
  readonly bodies: StoredBodies;
  /** The body as text, content codings undone; undefined for binary or damaged ones. */
  readonly textOf: (headers: HeaderList, body: Uint8Array) => string | undefined;
}

/** What is counted about an exchange, without anything that was sent. */
export function factsOf(exchange: Exchange, key: KeyObject): ExchangeFacts {
  const { id, at, cell, direction, request, control, candidate, versions } = exchange;
  return {
    id,
    at,
    cell,
    ...(exchange.subjectHash === undefined ? {} : { subjectHash: exchange.subjectHash }),
    direction,
    requestHash: requestHash(request, key),
    statuses: { control: statusOf(control), candidate: statusOf(candidate) },
    durationsMs: { control: control.durationMs, candidate: candidate.durationMs },
    versions,
    ...(exchange.forced === true ? { forced: true } : {}),
    ...(exchange.unpaired === undefined ? {} : { unpaired: exchange.unpaired }),
    ...(exchange.preferred === true ? { preferred: true } : {}),
  };
}

/** 16 hex digits that name identical requests; keyed, for a target may hold a short secret. */
export function requestHash(request: CapturedRequest, key: KeyObject): string {
  return createHmac('sha256', key).update(`request\0${request.method} ${request.target}`).digest('hex').slice(0, 16);
}

/**
 * An exchange as it may leave the worker: secrets gone, originals left behind (I8).
 * Values and copies are kept for mismatches, where `isKept`, and what is recorded; for the rest it is enough to know which
 * paths differed and why.
 */
export function verifiedExchange(
  input: {
    readonly exchange: Exchange;
    readonly facts: ExchangeFacts;
    readonly result: ComparisonResult;
    readonly isKept: boolean;
  },
  options: StoreOptions,
): VerifiedExchange {
  const { exchange, facts, result, isKept } = input;
  const redaction = options.redactor.begin();
  const isMismatch = result.verdict === 'mismatch';
  if (!(isMismatch && isKept) && facts.recorded !== true) {
    const differences = result.differences.map((found) => bare(found, redaction));
    return { ...facts, result: resultWith(differences, result, redaction), ...(isMismatch ? { unkept: true } : {}) };
  }
  const request = storedRequest(exchange.request, redaction, options);
  const secrets = redaction.secrets;
  const control = storedObservation(exchange.control, redaction, options);
  const candidate = storedObservation(exchange.candidate, redaction, options);
  const differences = result.differences
    .map((found) => redaction.difference(found))
    .map((found) => (options.bodies === 'structure' ? bareOfContent(found, redaction) : found));
  const swept = differences.map((found) => sweptDifference(found, redaction));
  return {
    ...facts,
    result: resultWith(swept, result, redaction),
    request: { ...sweptRequest(request, redaction), secrets },
    answers: { control: sweptObservation(control, redaction), candidate: sweptObservation(candidate, redaction) },
  };
}

function resultWith(
  differences: readonly Difference[],
  { signature, signatures, ...rest }: ComparisonResult,
  redaction: Redaction,
): ComparisonResult {
  return {
    ...rest,
    differences,
    ...(signature === undefined ? {} : { signature: redaction.signature(signature) }),
    ...(signatures === undefined ? {} : { signatures: signatures.map((one) => redaction.signature(one)) }),
  };
}

function statusOf(observation: Observation): number {
  return observation.kind === 'answer' ? observation.status : 0;
}

function bare(difference: Difference, redaction: Redaction): Difference {
  const { control: _, candidate: __, ...rest } = difference;
  return { ...rest, path: redaction.difference(rest).path };
}

/** A difference in a body without its values: which of them are equal can still be told. */
function bareOfContent(difference: Difference, redaction: Redaction): Difference {
  if (!difference.path.startsWith('body')) return difference;
  const { control, candidate, ...rest } = difference;
  return {
    ...rest,
    ...(control === undefined ? {} : { control: redaction.structure(control) }),
    ...(candidate === undefined ? {} : { candidate: redaction.structure(candidate) }),
  };
}

/** A request on its own, as it may leave the worker. */
export function redactedRequest(request: CapturedRequest, options: StoreOptions): StoredRequest {
  const redaction = options.redactor.begin();
  const stored = storedRequest(request, redaction, options);
  return { ...sweptRequest(stored, redaction), secrets: redaction.secrets };
}

function storedRequest(
  request: CapturedRequest,
  redaction: Redaction,
  options: StoreOptions,
): Omit<StoredRequest, 'secrets'> {
  const body =
    request.body === undefined ? undefined : storedBody(request.headers, request.body, { redaction, options });
  return {
    method: request.method,
    target: redaction.target(request.target),
    headers: redaction.headers(request.headers),
    ...(body === undefined ? {} : { body }),
  };
}

function storedObservation(observation: Observation, redaction: Redaction, options: StoreOptions): StoredObservation {
  if (observation.kind === 'failure') return { failure: observation.failure };
  const answer: Answer = observation;
  const { headers, body: captured } = readable(answer);
  const body = storedBody(headers, captured, { redaction, options });
  return {
    status: answer.status,
    headers: redaction.headers(answer.headers),
    ...(body === undefined ? {} : { body }),
    bodyBytes: answer.bodyBytes,
  };
}

/** The body that can be read: of a coded one that the capture cut, what was decoded on its way. */
function readable({ headers, body, decoded }: Answer): Pick<Answer, 'headers' | 'body'> {
  if (typeof decoded !== 'object') return { headers, body };
  return { headers: headers.filter(([name]) => name.toLowerCase() !== 'content-encoding'), body: decoded.body };
}

function storedBody(
  headers: HeaderList,
  body: Uint8Array,
  { redaction, options }: { redaction: Redaction; options: StoreOptions },
): string | undefined {
  const text = options.textOf(headers, body);
  if (text === undefined) return undefined;
  // Also where bodies are not stored: what a body tells is a secret must be gone from the differences.
  const redacted = redaction.body(text, headerValue(headers, 'content-type') ?? '');
  if (options.bodies === 'none') return undefined;
  return options.bodies === 'structure' ? redaction.structure(redacted) : redacted;
}

function sweptDifference(difference: Difference, redaction: Redaction): Difference {
  const { control, candidate, ...rest } = difference;
  return {
    ...rest,
    path: redaction.sweep(rest.path),
    ...(control === undefined ? {} : { control: redaction.sweep(control) }),
    ...(candidate === undefined ? {} : { candidate: redaction.sweep(candidate) }),
  };
}

function sweptHeaders(headers: HeaderList, redaction: Redaction): [string, string][] {
  return headers.map(([name, value]) => [name, redaction.sweep(value)]);
}

function sweptRequest(request: Omit<StoredRequest, 'secrets'>, redaction: Redaction): Omit<StoredRequest, 'secrets'> {
  return {
    ...request,
    target: redaction.sweep(request.target),
    headers: sweptHeaders(request.headers, redaction),
    ...(request.body === undefined ? {} : { body: cut(redaction.sweep(request.body)) }),
  };
}

function sweptObservation(observation: StoredObservation, redaction: Redaction): StoredObservation {
  return {
    ...observation,
    ...(observation.headers === undefined ? {} : { headers: sweptHeaders(observation.headers, redaction) }),
    ...(observation.body === undefined ? {} : { body: cut(redaction.sweep(observation.body)) }),
  };
}

/** After redaction, so no secret is cut in two; never within a surrogate pair. */
function cut(text: string): string {
  if (text.length <= STORED_CHARS) return text;
  const code = text.charCodeAt(STORED_CHARS - 1);
  const isHigh = code >= 0xd800 && code <= 0xdbff;
  return `${text.slice(0, isHigh ? STORED_CHARS - 1 : STORED_CHARS)}…`;
}

import { slownessOf } from '../core/compare/slowness.ts';
import { type Answer, type Exchange, headerValue, headerValues } from '../core/observation.ts';
import type { ComparisonPolicy } from '../core/rule.ts';
import type { ComparisonResult } from '../core/verdict.ts';

/** Longer bodies are told apart in a thread: so many bytes take some 0.1 ms of the loop that serves. */
const MOST_BYTES = 1_048_576;

/** What the comparer says of two answers that are alike. */
export const IDENTICAL: ComparisonResult = {
  verdict: 'match',
  differences: [],
  differenceCount: 0,
  identical: true,
};

/**
 * Whether the comparer would find two answers `IDENTICAL`, told without parsing anything: the same status, the same values
 * of every compared header, the same bytes. False says nothing: a thread has to look.
 */
export function areAlike({ session, ...exchange }: Exchange, policy: ComparisonPolicy): boolean {
  const { control, candidate } = exchange;
  if (control.kind === 'failure' || candidate.kind === 'failure' || control.status !== candidate.status) return false;
  // Names of a session are learned from equal answers too, and what a tag promises is seen over several answers.
  if (!isWhole(control.status) || session !== undefined || policy.headers.includes('etag')) return false;
  if (control.isOpen === true || candidate.isOpen === true || control.body.length > MOST_BYTES) return false;
  return (
    haveSameBodies(control, candidate) &&
    policy.headers.every((name) => haveSameValues(control, candidate, name)) &&
    (policy.slowerThan === undefined || slownessOf(exchange, policy.slowerThan) === undefined)
  );
}

/** Whether both bodies are the same bytes in the same coding; of long ones their digests say so. */
export function haveSameBodies(a: Answer, b: Answer): boolean {
  if (a.bodyBytes !== b.bodyBytes || codingOf(a) !== codingOf(b)) return false;
  if (isCaptured(a) && isCaptured(b)) return sameBytes(a.body, b.body);
  return a.bodyDigest !== undefined && a.bodyDigest === b.bodyDigest;
}

/** Whether the capture holds all of the body. */
export function isCaptured(answer: Answer): boolean {
  return answer.bodyBytes === answer.body.length;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** Answers of these are compared; of a part, of `304` and of failures nothing can be said. */
function isWhole(status: number): boolean {
  return status < 500 && status !== 206 && status !== 304;
}

function codingOf(answer: Answer): string | undefined {
  return headerValue(answer.headers, 'content-encoding');
}

function haveSameValues(a: Answer, b: Answer, name: string): boolean {
  // Of some fifty names most answers have five.
  const first = headerValue(a.headers, name);
  if (first !== headerValue(b.headers, name)) return false;
  if (first === undefined) return true;
  const [mine, theirs] = [headerValues(a.headers, name), headerValues(b.headers, name)];
  return mine.length === theirs.length && mine.every((value, at) => value === theirs[at]);
}

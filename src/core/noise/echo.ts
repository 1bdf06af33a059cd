import type { NoiseContext, ValuePair } from './learner.ts';

/** Shorter values are in many requests by chance. */
const MIN_ECHO = 6;
/** Headers looked at. */
const MAX_HEADERS = 100;

/** Whether the control's value is a part of its own request, and the candidate's, which was asked the same, is not. */
export function isEcho({ control, candidate }: ValuePair, { request }: NoiseContext): boolean {
  if (request === undefined || control.text.length < MIN_ECHO) return false;
  let parts = PARTS.get(request);
  if (parts === undefined) {
    parts = partsOf(request);
    PARTS.set(request, parts);
  }
  return parts.has(control.text) && !parts.has(candidate.text);
}

type Request = NonNullable<NoiseContext['request']>;

/** Every finding of a pair asks for the same request's; they go when it goes. */
const PARTS = new WeakMap<Request, ReadonlySet<string>>();

function partsOf(request: Request): ReadonlySet<string> {
  const parts = new Set<string>();
  for (const [, value] of request.headers.slice(0, MAX_HEADERS)) parts.add(value);
  for (const part of request.target.split(/[/?&=]/)) parts.add(part).add(decoded(part));
  return parts;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part.replaceAll('+', ' '));
  } catch {
    return part;
  }
}

import type { Recognised, ValuePair } from './learner.ts';

/** Headers that name the exchange: any name will do that is one, and not the same again. */
const EXCHANGE_NAMES: ReadonlySet<string> = new Set([
  'x-request-id',
  'request-id',
  'x-correlation-id',
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-amzn-trace-id',
  'x-cloud-trace-context',
  'x-datadog-trace-id',
  'sentry-trace',
]);
/** Headers that tell how long something took. */
const DURATIONS: ReadonlySet<string> = new Set(['x-runtime', 'x-response-time', 'server-timing']);
/** Values with fewer characters come again by chance. */
const MIN_DRAWN = 12;
/** A text without value in it, as a program prints what it does not have. */
const NOTHING = /^(undefined|null|nan|none|nil|\[object .*\])$|\bundefined\b/i;

/**
 * What a header's value is, where its name says that every answer has it anew. `known` tells that the name alone decides,
 * so that what was learned of other answers does not count.
 */
export function recogniseHeader(
  pattern: string,
  detail: string | undefined,
  { control, candidate }: ValuePair,
): { readonly known: boolean; readonly found?: Recognised } {
  if (!pattern.startsWith('header:')) return { known: false };
  const [a, b] = [control.text.trim(), candidate.text.trim()];
  const name = pattern.slice('header:'.length);
  const drawn = { control: a, candidate: b };
  const volatile: Recognised = { class: 'volatile' };
  if (name === 'age') return decided(/^\d{1,9}$/.test(b) ? volatile : undefined);
  // Finer than the header: that it does not keep what tags promise.
  if (name === 'etag' && detail !== undefined) return decided(undefined);
  if (name === 'etag') return decided(isEtag(a) && isEtag(b) ? { class: 'etag' } : undefined);
  if (DURATIONS.has(name)) return decided(/\d/.test(b) && !/-\d|nan/i.test(b) ? volatile : undefined);
  if (EXCHANGE_NAMES.has(name)) {
    if (b === '' || NOTHING.test(b)) return decided(undefined);
    return decided(Math.min(a.length, b.length) < MIN_DRAWN ? volatile : { ...volatile, drawn });
  }
  // A cookie's value; what is after a slash is one of its attributes.
  const isCookie = name === 'set-cookie' && detail !== undefined && !detail.includes('/');
  return isCookie && areSessions(a, b) ? { known: false, found: { class: 'token', drawn } } : { known: false };
}

function decided(found: Recognised | undefined): { readonly known: true; readonly found?: Recognised } {
  return found === undefined ? { known: true } : { known: true, found };
}

/** An entity tag (RFC 9110 section 8.8.3). */
function isEtag(value: string): boolean {
  return /^(W\/)?"[^"]+"$/.test(value);
}

/** Sessions get another value each: two long mixtures of about one length are both that; an empty or short one is not. */
function areSessions(a: string, b: string): boolean {
  return isSession(a) && isSession(b) && Math.abs(a.length - b.length) <= Math.max(4, a.length / 4);
}

/** Letters of both cases will do for digits: 32 characters of base 62 hold none in 3 of 1,000 cases. */
function isSession(value: string): boolean {
  if (value.length < 16 || !/^[\w%+/=.:~-]+$/.test(value) || new Set(value).size < value.length / 4) return false;
  return [/\d/, /[a-z]/, /[A-Z]/].filter((kind) => kind.test(value)).length > 1;
}

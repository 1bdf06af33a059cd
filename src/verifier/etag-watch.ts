import { createHash } from 'node:crypto';
import { type Finding, textValue } from '../core/compare/finding.ts';
import { type Answer, type Exchange, headerValue, type Observation } from '../core/observation.ts';

/** Requests of one endpoint whose tags are remembered; the oldest make room. */
const MAX_REQUESTS = 256;
/** Exchanges whose outcome is remembered, for one is compared more than once. */
const MAX_EXCHANGES = 256;
/** A new tag for an old body may be a deployment nobody told of: that is once, not again and again. */
const RESTLESS_TIMES = 2;

interface Tagged {
  readonly tag: string;
  readonly body: string;
}

interface Pair {
  readonly control: Tagged;
  readonly candidate: Tagged;
}

interface Outcome {
  readonly tag: string;
  readonly finding: Finding | undefined;
}

/**
 * Holds strong entity tags to what they promise (RFC 9110 section 8.8.1): another tag for other bytes, the same for the same.
 * A candidate is blamed only where the control, for the very same two requests, kept the promise: tags that stay though
 * bodies change, and tags that change, again and again, though bodies stay.
 *
 * In memory only, unlike noise: tags may name what they stand for, and whatever is saved is redacted. What a restart loses
 * is one answer per request, and how often the last ones were restless: three more comparisons of the same request.
 */
export class EtagWatch {
  readonly #pairs = new Map<string, Pair>();
  readonly #outcomes = new Map<string, Outcome>();
  #restless = 0;

  /** @param isFirst Whether the exchange is met for the first time; what it then said it says again. */
  judge(exchange: Exchange, isFirst: boolean): Finding | undefined {
    const candidate = taggedOf(exchange.candidate);
    if (candidate === undefined) return undefined;
    const known = this.#outcomes.get(exchange.id);
    if (known !== undefined || !isFirst) return known?.tag === candidate.tag ? known.finding : undefined;
    const control = taggedOf(exchange.control);
    if (control === undefined) return undefined;
    const key = keyOf(exchange);
    const before = this.#pairs.get(key);
    keep(this.#pairs, key, { control, candidate }, MAX_REQUESTS);
    const finding = before === undefined ? undefined : this.#compare(before, { control, candidate });
    keep(this.#outcomes, exchange.id, { tag: candidate.tag, finding }, MAX_EXCHANGES);
    return finding;
  }

  #compare(before: Pair, now: Pair): Finding | undefined {
    const [mine, theirs] = [changeOf(before.control, now.control), changeOf(before.candidate, now.candidate)];
    if (theirs === 'frozen' && mine === 'renewed')
      return told(
        `${now.control.tag}, another one for another body`,
        `${now.candidate.tag}, as for another body before`,
      );
    if (mine !== 'kept') return undefined;
    if (theirs !== 'restless') {
      if (theirs === 'kept') this.#restless = 0;
      return undefined;
    }
    this.#restless++;
    if (this.#restless < RESTLESS_TIMES) return undefined;
    return told(
      `${now.control.tag}, as for the same body before`,
      `${now.candidate.tag}, another one for the same body`,
    );
  }
}

function changeOf(before: Tagged, now: Tagged): 'kept' | 'renewed' | 'frozen' | 'restless' {
  if (before.body === now.body) return before.tag === now.tag ? 'kept' : 'restless';
  return before.tag === now.tag ? 'frozen' : 'renewed';
}

/** A finer path than the header's own: that the two sides have different tags is no difference, this is. */
function told(control: string, candidate: string): Finding {
  const place = { path: 'header:etag', pattern: 'header:etag', detail: 'promise', name: 'etag' };
  return { place, kind: 'value', control: textValue(control), candidate: textValue(candidate) };
}

/** Weak tags promise no bytes. */
function taggedOf(observation: Observation): Tagged | undefined {
  if (observation.kind === 'failure' || observation.isOpen === true) return undefined;
  const tag = headerValue(observation.headers, 'etag')?.trim();
  if (tag === undefined || !/^"[^"]*"$/.test(tag) || tag.length > MAX_TAG) return undefined;
  return { tag, body: bodyOf(observation) };
}

const MAX_TAG = 256;

function bodyOf({ body, bodyDigest, bodyBytes }: Answer): string {
  return `${bodyBytes} ${bodyDigest ?? createHash('sha256').update(body).digest('hex')}`;
}

/** What may be another representation, or another program, has tags of its own. */
function keyOf({ request, control, candidate, versions }: Exchange): string {
  const codings = [control, candidate].map((side) =>
    side.kind === 'failure' ? '' : `${side.status} ${headerValue(side.headers, 'content-encoding') ?? ''}`,
  );
  const parts = [request.method, request.target, ...codings, versions.control, versions.candidate];
  return createHash('sha256').update(parts.join('\n')).digest('base64');
}

function keep<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= most) return;
  const oldest = map.keys().next();
  if (!oldest.done) map.delete(oldest.value);
}

import { randomBytes } from 'node:crypto';
import type { SideSettings } from '../config/settings.ts';
import type { Side } from '../core/cell.ts';
import type { HeaderList, MirrorDirection } from '../core/observation.ts';
import { mapCredentials } from './credentials.ts';

/** How one side wants its requests. */
export interface SideHeaderPolicy extends Pick<SideSettings, 'hostHeader' | 'credentials' | 'credentialMap'> {
  readonly side: Side;
}

/** What of a side's settings its header block depends on. */
export function headerPolicy(side: Side, settings: SideSettings): SideHeaderPolicy {
  const { hostHeader, credentials, credentialMap } = settings;
  return { side, hostHeader, credentials, credentialMap };
}

/**
 * The header block for one side, from the end-to-end block every side shares.
 * Gives the same array where nothing has to change: the upstream does not write to it.
 * With `credentials: map` the candidate's names stand in it. With `hostHeader: upstream` the Host is left out: the upstream knows which target it chose and names it.
 */
export function headersForSide(
  shared: readonly string[],
  policy: SideHeaderPolicy,
  request: { readonly sharedValidators: boolean; readonly conditional: boolean; readonly credentials: boolean },
): readonly string[] {
  const dropHost = policy.hostHeader === 'upstream';
  const dropCredentials = policy.credentials === 'strip' && request.credentials;
  const dropConditions = policy.side === 'candidate' && request.conditional && !request.sharedValidators;
  const own = policy.credentials === 'map' ? mapCredentials(shared, policy.credentialMap).headers : shared;
  if (!dropHost && !dropCredentials && !dropConditions) return own;
  return without(own, (lower) => {
    if (dropHost && lower === 'host') return true;
    if (dropCredentials && CREDENTIALS.has(lower)) return true;
    return dropConditions && CONDITIONS.has(lower);
  });
}

/** Whether a request reaches a side without a credential it carries: then the answers of both sides prove nothing. */
export function losesCredentials(
  request: { readonly headers: readonly string[]; readonly credentials: boolean },
  policy: Pick<SideHeaderPolicy, 'credentials' | 'credentialMap'>,
): boolean {
  if (policy.credentials === 'map') return !mapCredentials(request.headers, policy.credentialMap).isComplete;
  return policy.credentials === 'strip' && request.credentials;
}

/** Headers that say who the client is to the service. */
const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization']);
const CONDITIONS: ReadonlySet<string> = new Set([
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
]);
/** Never in a copy: conditions and ranges cannot be compared, a key must not be used up, an expectation has no client behind it. */
const NOT_MIRRORED: ReadonlySet<string> = new Set(['expect', 'idempotency-key', 'cutover-mirror', 'traceparent']);

/** The header block of a copy: no internal header, marked `Cutover-Mirror`, a span of its own in the client's trace. */
export function headersForMirror(
  shared: readonly string[],
  direction: MirrorDirection,
  options: { readonly sharedValidators: boolean },
): string[] {
  const headers = without(shared, (lower) => {
    if (NOT_MIRRORED.has(lower) || lower.startsWith('x-cutover-')) return true;
    return !options.sharedValidators && (lower === 'range' || CONDITIONS.has(lower));
  });
  const trace = flatValue(shared, 'traceparent');
  const span = trace === undefined ? undefined : childSpan(trace);
  if (span !== undefined) headers.push('traceparent', span);
  headers.push('Cutover-Mirror', direction);
  return headers;
}

/** W3C Trace Context section 3.2: same trace and flags, new parent id; undefined where the header is malformed. */
function childSpan(traceparent: string): string | undefined {
  const match = /^([0-9a-f]{2}-[0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})/.exec(traceparent);
  return match === null ? undefined : `${match[1]}-${randomBytes(8).toString('hex')}-${match[2]}`;
}

/**
 * An answer's headers as the client gets them: hop-by-hop ones are gone (RFC 9110 section 7.6.1), the rest as it came.
 * `chunked`: the answer goes out chunked, so trailers may be announced.
 */
export function answerHeaders(
  raw: readonly string[],
  answer: { readonly status: number; readonly chunked: boolean; readonly close: boolean },
): string[] {
  const headers: string[] = [];
  let nominated: string[] | undefined;
  let lengthSeen = false;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] as string; // the bounds were checked
    const value = raw[at + 1] as string;
    switch (hopKind(name)) {
      case 'connection':
        nominated = addNominated(nominated, value);
        continue;
      case 'drop':
        continue;
      case 'trailer':
        if (answer.chunked) headers.push(name, value);
        continue;
      case 'length':
        // RFC 9110 section 8.6: none in a 204; equal repetitions count as one.
        if (!lengthSeen && answer.status !== 204) headers.push(name, value);
        lengthSeen = true;
        continue;
      default:
        headers.push(name, value);
    }
  }
  const result = nominated === undefined ? headers : without(headers, (lower) => nominated.includes(lower));
  if (answer.close) result.push('Connection', 'close');
  return result;
}

type HopKind = 'connection' | 'drop' | 'trailer' | 'length' | undefined;

const HOP_KINDS: ReadonlyMap<string, HopKind> = new Map([
  ['connection', 'connection'],
  ['keep-alive', 'drop'],
  ['proxy-connection', 'drop'],
  ['proxy-authenticate', 'drop'],
  ['transfer-encoding', 'drop'],
  ['te', 'drop'],
  ['upgrade', 'drop'],
  ['http2-settings', 'drop'],
  ['trailer', 'trailer'],
  ['content-length', 'length'],
]);

/** Lengths of the names above: most headers are told apart by their length, without making a lower-case copy. */
const HOP_LENGTHS: readonly boolean[] = Array.from({ length: 20 }, (_, length) =>
  [...HOP_KINDS.keys()].some((name) => name.length === length),
);

function hopKind(name: string): HopKind {
  return HOP_LENGTHS[name.length] === true ? HOP_KINDS.get(name.toLowerCase()) : undefined;
}

/** End-to-end answer headers stay even if a broken upstream nominates them. */
const KEPT_IN_ANSWERS: ReadonlySet<string> = new Set([
  'content-length',
  'content-type',
  'content-encoding',
  'set-cookie',
]);

function addNominated(before: string[] | undefined, value: string): string[] | undefined {
  let list = before;
  for (const part of value.split(',')) {
    const token = part.trim().toLowerCase();
    if (token === '' || token === 'close' || token === 'keep-alive' || HOP_KINDS.has(token)) continue;
    if (KEPT_IN_ANSWERS.has(token)) continue;
    list ??= [];
    list.push(token);
  }
  return list;
}

/** Never as a trailer (RFC 9110 section 6.5.1): framing, routing, authentication, and what proxies say. */
const NOT_IN_TRAILERS =
  /^(?:transfer-encoding|content-length|content-encoding|content-type|content-range|host|trailer|te|connection|keep-alive|upgrade|expect|range|authorization|cookie|set-cookie|forwarded|proxy-.*|x-forwarded-.*|x-real-ip|(?:x-)?cutover-.*)$/i;

/** Trailers that may travel, as pairs. */
export function passingTrailers(raw: readonly string[]): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] as string; // the bounds were checked
    if (!NOT_IN_TRAILERS.test(name)) pairs.push([name, raw[at + 1] as string]);
  }
  return pairs;
}

/** A flat list without the headers `drops` names by their lower-case name. */
export function without(headers: readonly string[], drops: (lowerName: string) => boolean): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] as string; // the bounds were checked
    if (!drops(name.toLowerCase())) kept.push(name, headers[at + 1] as string);
  }
  return kept;
}

/** The first value of a header in a flat list. `name` is lower case. */
export function flatValue(headers: readonly string[], name: string): string | undefined {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const key = headers[at] as string; // the bounds were checked
    if (key.length === name.length && key.toLowerCase() === name) return headers[at + 1];
  }
  return undefined;
}

export function toPairs(flat: readonly string[]): HeaderList {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.push([flat[at] as string, flat[at + 1] as string]);
  return pairs;
}

export function toFlat(pairs: HeaderList): string[] {
  return pairs.flat();
}

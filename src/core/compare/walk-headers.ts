import type { HeaderList } from '../observation.ts';
import { headerValues } from '../observation.ts';
import { type Finding, type Findings, type Place, textValue } from './finding.ts';

/**
 * Headers whose value is made anew for every answer, by name and nothing looser: it is forgiven, their presence is not.
 * Times among them are checked like times anywhere else.
 */
const VOLATILE: ReadonlySet<string> = new Set([
  'age',
  'x-request-id',
  'request-id',
  'x-correlation-id',
  'x-runtime',
  'x-response-time',
  'server-timing',
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

/** Headers that are lists of words in which order means nothing. */
const WORD_LISTS: ReadonlySet<string> = new Set([
  'cache-control',
  'vary',
  'allow',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'content-language',
]);

/** Finds the differences of the compared headers. `host` is what the client asked for, lower case. */
export function walkHeaders(
  names: readonly string[],
  a: HeaderList,
  b: HeaderList,
  host: string,
  findings: Findings,
): void {
  for (const name of names) {
    const [mine, theirs] = [headerValues(a, name), headerValues(b, name)];
    if (mine.length === theirs.length && mine.every((value, at) => value === theirs[at])) continue;
    if (name === 'set-cookie') walkCookies(mine, theirs, findings);
    else walkHeader(name, mine, theirs, host, findings);
  }
}

function walkHeader(name: string, a: readonly string[], b: readonly string[], host: string, findings: Findings): void {
  const place: Place = { path: `header:${name}`, pattern: `header:${name}`, name };
  const [mine, theirs] = [a.join(', '), b.join(', ')];
  if (a.length === 0) findings.add({ place, kind: 'added', candidate: textValue(theirs) });
  else if (b.length === 0) findings.add({ place, kind: 'removed', control: textValue(mine) });
  else if (meaning(name, mine, host) !== meaning(name, theirs, host)) {
    const accounted: Partial<Finding> =
      VOLATILE.has(name) || (name === 'etag' && isEtag(mine) && isEtag(theirs))
        ? { accounted: { noise: name === 'etag' ? 'etag' : 'volatile' } }
        : {};
    findings.add({ place, kind: 'value', control: textValue(mine), candidate: textValue(theirs), ...accounted });
  }
}

/** An entity tag (RFC 9110 section 8.8.3). */
function isEtag(value: string): boolean {
  return /^(W\/)?"[^"]+"$/.test(value);
}

/** A header's value as it means. */
function meaning(name: string, value: string, host: string): string {
  if (name === 'content-type') return contentType(value);
  if (name === 'location' || name === 'content-location') return withoutHost(value, host);
  if (name === 'link')
    return value
      .replace(/<([^>]*)>/g, (_, target: string) => `<${withoutHost(target, host)}>`)
      .replace(/\s*([;,])\s*/g, '$1');
  if (WORD_LISTS.has(name)) {
    const words = value.split(',').map((word) =>
      word
        .trim()
        .toLowerCase()
        .replace(/\s*=\s*/, '=')
        .replaceAll('"', ''),
    );
    return [...new Set(words.filter((word) => word !== ''))].sort().join(', ');
  }
  return value.replace(/\s+/g, ' ').trim();
}

/** Type and parameters: names and charset in any case, quotes and white space as one likes (RFC 9110 section 8.3). */
function contentType(value: string): string {
  const [type = '', ...all] = value.split(';');
  // A boundary is made anew for every body.
  const isMultipart = /^\s*multipart\//i.test(type);
  const parameters = isMultipart ? all.filter((parameter) => !/^\s*boundary\s*=/i.test(parameter)) : all;
  const shown = parameters.map((parameter) => {
    const [key = '', ...rest] = parameter.split('=');
    return `${key.trim().toLowerCase()}=${rest.join('=').trim().replaceAll('"', '').toLowerCase()}`;
  });
  return [type.trim().toLowerCase(), ...shown.filter((parameter) => parameter !== '=').sort()].join(';');
}

/** A reference to the host the client asked for is the same as one without a host. */
function withoutHost(reference: string, host: string): string {
  const match = /^https?:\/\/([^/?#]*)(.*)$/i.exec(reference.trim());
  if (match === null) return reference.trim();
  const [, authority = '', rest = ''] = match;
  if (authority.toLowerCase().replace(/:(80|443)$/, '') !== host.replace(/:(80|443)$/, '')) return reference.trim();
  return rest.startsWith('/') ? rest : `/${rest}`;
}

interface Cookie {
  readonly name: string;
  readonly value: string;
  /** By lower-case name; a flag such as HttpOnly has an empty value. */
  readonly attributes: ReadonlyMap<string, string>;
}

/** One `Set-Cookie` (RFC 6265 section 5.2). */
function parseCookie(text: string): Cookie {
  const [pair = '', ...rest] = text.split(';');
  const equals = pair.indexOf('=');
  const attributes = new Map<string, string>();
  for (const part of rest) {
    const at = part.indexOf('=');
    const name = (at < 0 ? part : part.slice(0, at)).trim().toLowerCase();
    if (name !== '') attributes.set(name, at < 0 ? '' : part.slice(at + 1).trim());
  }
  return { name: pair.slice(0, Math.max(0, equals)).trim(), value: pair.slice(equals + 1).trim(), attributes };
}

/** Cookies by name, each compared attribute by attribute: a lost `Secure` is a finding of its own. */
function walkCookies(a: readonly string[], b: readonly string[], findings: Findings): void {
  const [left, right] = [byName(a), byName(b)];
  const place = (detail: string, name: string): Place => ({
    path: 'header:set-cookie',
    pattern: 'header:set-cookie',
    detail,
    name,
  });
  for (const [name, cookie] of left) {
    const other = right.get(name);
    if (other === undefined) {
      findings.add({ place: place(name, name), kind: 'removed', control: textValue(`${name}=${cookie.value}`) });
      continue;
    }
    if (cookie.value !== other.value) findings.add(cookieValue(place(name, name), cookie.value, other.value));
    walkAttributes(cookie, other, (attribute) => place(`${name}/${attribute}`, attribute), findings);
  }
  for (const [name, cookie] of right) {
    if (!left.has(name))
      findings.add({ place: place(name, name), kind: 'added', candidate: textValue(`${name}=${cookie.value}`) });
  }
}

function byName(lines: readonly string[]): Map<string, Cookie> {
  return new Map(lines.map(parseCookie).map((cookie) => [cookie.name, cookie]));
}

/** Sessions get another value each: two long mixtures of about one length are both that; an empty or short one is not. */
function cookieValue(place: Place, mine: string, theirs: string): Finding {
  const finding: Finding = { place, kind: 'value', control: textValue(mine), candidate: textValue(theirs) };
  const isToken = (value: string): boolean =>
    value.length >= 16 && /^[\w%+/=.:~-]+$/.test(value) && /\d/.test(value) && /[a-z]/i.test(value);
  const similar = Math.abs(mine.length - theirs.length) <= Math.max(4, mine.length / 4);
  return isToken(mine) && isToken(theirs) && similar ? { ...finding, accounted: { noise: 'token' } } : finding;
}

/** How far apart two expiry times of one cookie may lie: the time between the two requests and a little more. */
const EXPIRY_SLACK_MS = 60_000;

function walkAttributes(a: Cookie, b: Cookie, place: (attribute: string) => Place, findings: Findings): void {
  for (const name of new Set([...a.attributes.keys(), ...b.attributes.keys()])) {
    const [mine, theirs] = [a.attributes.get(name), b.attributes.get(name)];
    if (mine === theirs || (mine !== undefined && theirs !== undefined && mine.toLowerCase() === theirs.toLowerCase()))
      continue;
    if (mine === undefined)
      findings.add({
        place: place(name),
        kind: 'added',
        candidate: textValue(theirs === '' ? name : `${name}=${theirs}`),
      });
    else if (theirs === undefined)
      findings.add({ place: place(name), kind: 'removed', control: textValue(mine === '' ? name : `${name}=${mine}`) });
    else {
      const apart = name === 'expires' ? Math.abs(httpDate(mine) - httpDate(theirs)) : Number.NaN;
      const accounted: Partial<Finding> = apart <= EXPIRY_SLACK_MS ? { accounted: { noise: 'time' } } : {};
      findings.add({
        place: place(name),
        kind: 'value',
        control: textValue(mine),
        candidate: textValue(theirs),
        ...accounted,
      });
    }
  }
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** Milliseconds of `Wed, 21 Oct 2026 07:28:00 GMT` or the same with dashes, counted in days from a fixed one; NaN for anything else. */
function httpDate(text: string): number {
  const match = /^[A-Za-z]{3,9}, (\d{1,2})[ -]([A-Za-z]{3})[ -](\d{2,4}) (\d{2}):(\d{2}):(\d{2}) GMT$/.exec(text);
  if (match === null) return Number.NaN;
  const [day, year, hour, minute, second] = [match[1], match[3], match[4], match[5], match[6]].map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ]; // the groups are digits
  const month = MONTHS.indexOf((match[2] ?? '').toLowerCase());
  // Days of the civil calendar: years counted from March, so that a leap day is the last day of one.
  const from = month < 2 ? year - 1 : year;
  const days =
    365 * from +
    Math.floor(from / 4) -
    Math.floor(from / 100) +
    Math.floor(from / 400) +
    Math.floor((153 * ((month + 10) % 12) + 2) / 5) +
    day;
  return ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000;
}

import type { HeaderList } from '../observation.ts';
import { type Finding, type Findings, type Place, textValue } from './finding.ts';
import { httpDate, meaning, policyDirectives, splitNonces } from './header-meaning.ts';

/** Finds the differences of the compared headers. `host` is what the client asked for, lower case. */
export function walkHeaders(
  names: readonly string[],
  a: HeaderList,
  b: HeaderList,
  host: string,
  findings: Findings,
): void {
  const [left, right] = [byName(a), byName(b)];
  for (const name of names) {
    const [mine, theirs] = [left.get(name) ?? NONE, right.get(name) ?? NONE];
    if (mine.length === theirs.length && mine.every((value, at) => value === theirs[at])) continue;
    if (name === 'set-cookie') walkCookies(mine, theirs, findings);
    else if (POLICIES.has(name) && mine.length > 0 && theirs.length > 0) walkPolicies(name, mine, theirs, findings);
    else walkHeader(name, mine, theirs, host, findings);
  }
}

const NONE: readonly string[] = [];

/** Every value of each header, in order; one pass, however many headers are compared. */
function byName(headers: HeaderList): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    const known = values.get(key);
    if (known === undefined) values.set(key, [value]);
    else known.push(value);
  }
  return values;
}

function walkHeader(name: string, a: readonly string[], b: readonly string[], host: string, findings: Findings): void {
  const place: Place = { path: `header:${name}`, pattern: `header:${name}`, name };
  const [mine, theirs] = [a.join(', '), b.join(', ')];
  if (a.length === 0) findings.add({ place, kind: 'added', candidate: textValue(theirs) });
  else if (b.length === 0) findings.add({ place, kind: 'removed', control: textValue(mine) });
  else if (meaning(name, mine, host) !== meaning(name, theirs, host)) {
    const noise = madeAnew(name, mine, theirs);
    const accounted: Partial<Finding> = noise === undefined ? {} : { accounted: { noise } };
    findings.add({ place, kind: 'value', control: textValue(mine), candidate: textValue(theirs), ...accounted });
  }
}

/** The class of a value that every answer has anew. */
function madeAnew(name: string, mine: string, theirs: string): string | undefined {
  if (name === 'expires') return Math.abs(httpDate(mine) - httpDate(theirs)) <= EXPIRY_SLACK_MS ? 'time' : undefined;
  return undefined;
}

const POLICIES: ReadonlySet<string> = new Set(['content-security-policy', 'content-security-policy-report-only']);

/** Content security policies directive by directive: a lost `frame-ancestors` is a finding of its own. */
function walkPolicies(name: string, a: readonly string[], b: readonly string[], findings: Findings): void {
  const split = (lines: readonly string[]): Map<string, string>[] => lines.join(',').split(',').map(policyDirectives);
  const [left, right] = [split(a), split(b)];
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const [mine, theirs] = [left[at] ?? new Map<string, string>(), right[at] ?? new Map<string, string>()];
    const suffix = at === 0 ? '' : `[${at + 1}]`;
    for (const directive of new Set([...mine.keys(), ...theirs.keys()]))
      walkDirective(name, `${directive}${suffix}`, [mine.get(directive), theirs.get(directive)], findings);
  }
}

function walkDirective(
  header: string,
  directive: string,
  [control, candidate]: readonly [control: string | undefined, candidate: string | undefined],
  findings: Findings,
): void {
  if (control === candidate) return;
  const path = `header:${header}`;
  const place: Place = { path, pattern: path, detail: directive, name: directive };
  if (control === undefined || candidate === undefined) {
    findings.add({
      place,
      kind: control === undefined ? 'added' : 'removed',
      ...(control === undefined ? {} : { control: textValue(control) }),
      ...(candidate === undefined ? {} : { candidate: textValue(candidate) }),
    });
    return;
  }
  const [mine, theirs] = [splitNonces(control), splitNonces(candidate)];
  if (mine.rest !== theirs.rest || mine.nonces.length !== theirs.nonces.length) {
    findings.add({ place, kind: 'value', control: textValue(control), candidate: textValue(candidate) });
    return;
  }
  // A nonce is a value of its own: made anew for every answer, and never used twice.
  for (const [i, nonce] of mine.nonces.entries()) {
    const other = theirs.nonces[i] as string; // one length
    const at: Place = { path, pattern: path, detail: `${directive}/nonce`, name: 'nonce' };
    if (nonce !== other)
      findings.add({ place: at, kind: 'value', control: textValue(nonce), candidate: textValue(other) });
  }
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

/** Cookies one by one, each compared attribute by attribute: a lost `Secure` is a finding of its own. */
function walkCookies(a: readonly string[], b: readonly string[], findings: Findings): void {
  const { pairs, removed, added } = pairCookies(cookiesOf(a), cookiesOf(b));
  const place = (detail: string, name: string): Place => ({
    path: 'header:set-cookie',
    pattern: 'header:set-cookie',
    detail,
    name,
  });
  for (const [cookie, other, called] of pairs) {
    if (cookie.value !== other.value) {
      const [control, candidate] = [textValue(cookie.value), textValue(other.value)];
      findings.add({ place: place(called, cookie.name), kind: 'value', control, candidate });
    }
    walkAttributes(cookie, other, (attribute) => place(`${called}/${attribute}`, attribute), findings);
  }
  const told = ({ name, value }: Cookie) => textValue(`${name}=${value}`);
  for (const [cookie, called] of removed)
    findings.add({ place: place(called, cookie.name), kind: 'removed', control: told(cookie) });
  for (const [cookie, called] of added)
    findings.add({ place: place(called, cookie.name), kind: 'added', candidate: told(cookie) });
  const [mine, theirs] = [a, b].map((lines) => lines.slice(MAX_COOKIES).join('\n')) as [string, string]; // two sides
  if (mine !== theirs) {
    const control = textValue(`${a.length} cookies`);
    findings.add({ place: place('more', 'more'), kind: 'value', control, candidate: textValue(`${b.length} cookies`) });
  }
}

interface CookiePairs {
  /** What both set, and how it is called: by its name, the second of a name `name[2]`. */
  readonly pairs: readonly (readonly [control: Cookie, candidate: Cookie, called: string])[];
  readonly removed: readonly (readonly [Cookie, called: string])[];
  readonly added: readonly (readonly [Cookie, called: string])[];
}

/** A browser keeps one cookie for each name, domain and path (RFC 6265 section 5.3); what is left over is paired by name. */
function pairCookies(a: ReadonlyMap<string, Cookie>, b: ReadonlyMap<string, Cookie>): CookiePairs {
  const counts = new Map<string, number>();
  const call = ({ name }: Cookie): string => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return count === 1 ? name : `${name}[${count}]`;
  };
  const left = [...a].map(([key, cookie]) => ({ key, cookie, called: call(cookie) }));
  const rest = new Map(b);
  const found = new Map<string, Cookie>();
  for (const { key } of left) {
    const other = rest.get(key);
    if (other !== undefined) found.set(key, other);
    rest.delete(key);
  }
  const removed: [Cookie, string][] = [];
  const pairs: [Cookie, Cookie, string][] = [];
  for (const { key, cookie, called } of left) {
    const sameName = [...rest].find(([, other]) => other.name === cookie.name);
    const other = found.get(key) ?? sameName?.[1];
    if (!found.has(key) && sameName !== undefined) rest.delete(sameName[0]);
    if (other === undefined) removed.push([cookie, called]);
    else pairs.push([cookie, other, called]);
  }
  return { pairs, removed, added: [...rest.values()].map((cookie) => [cookie, call(cookie)] as const) };
}

/** Cookies of one answer that are told apart, more than browsers keep of a site; those behind are one value. */
const MAX_COOKIES = 200;

function cookiesOf(lines: readonly string[]): Map<string, Cookie> {
  const cookies = lines.slice(0, MAX_COOKIES).map(parseCookie);
  return new Map(
    cookies.map((cookie) => {
      const domain = (cookie.attributes.get('domain') ?? '').toLowerCase().replace(/^\./, '');
      return [`${cookie.name}\n${domain}\n${cookie.attributes.get('path') ?? ''}`, cookie];
    }),
  );
}

/** How far apart two expiry times of one cookie may lie: the time between the two requests and a little more. */
const EXPIRY_SLACK_MS = 60_000;

/** A domain may begin with a dot that means nothing (RFC 6265 section 5.2.3). */
function plain(attribute: string, value: string): string {
  return (attribute === 'domain' ? value.replace(/^\./, '') : value).toLowerCase();
}

function walkAttributes(a: Cookie, b: Cookie, place: (attribute: string) => Place, findings: Findings): void {
  for (const name of new Set([...a.attributes.keys(), ...b.attributes.keys()])) {
    const [mine, theirs] = [a.attributes.get(name), b.attributes.get(name)];
    if (mine === theirs || (mine !== undefined && theirs !== undefined && plain(name, mine) === plain(name, theirs)))
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

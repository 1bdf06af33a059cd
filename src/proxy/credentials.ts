import type { CredentialMapping, CredentialName } from '../config/settings.ts';

/** At most 32 entries, each `from` and each `to` once: the configuration saw to it. */
export type CredentialMap = readonly CredentialMapping[];

export interface MappedCredentials {
  /** A new flat list. */
  readonly headers: string[];
  /** False: the request carries a credential that the map does not bring over. */
  readonly isComplete: boolean;
}

/**
 * A request's headers with its credentials under the candidate's names, and no other credential.
 *
 * - Cookies stay in their order and become one `Cookie` header (RFC 6265 section 5.4). One that is not in the map might
 *   be a credential, so it goes no further. Of a repeated one each goes.
 * - Where a cookie becomes a header, or a header a cookie, there is one place only: the first value counts, and a further
 *   one that differs makes the map incomplete.
 * - A header that a client sends under a name of the candidate's own goes no further, however it spells the dash:
 *   otherwise clients could put a credential beside the mapped one.
 */
export function mapCredentials(shared: readonly string[], map: CredentialMap): MappedCredentials {
  const names = namesOf(map);
  const out = new MappedHeaders();
  for (let at = 0; at + 1 < shared.length; at += 2) {
    const name = shared[at] as string; // the bounds were checked
    const value = shared[at + 1] as string;
    const lower = name.toLowerCase();
    if (lower === 'cookie') {
      mapCookies(value, names, out);
      continue;
    }
    const to = names.fromHeader.get(lower);
    if (to !== undefined) out.give({ kind: 'header', name: lower }, to, value, name);
    else if (lower === 'authorization' || names.toHeader.has(dashed(lower))) out.isComplete = false;
    else out.headers.push(name, value);
  }
  return { headers: out.finish(), isComplete: out.isComplete };
}

function mapCookies(value: string, names: Names, out: MappedHeaders): void {
  out.cookiesHere();
  for (const part of value.split(';')) {
    const pair = part.trim();
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = equals < 0 ? '' : pair.slice(0, equals).trim();
    const to = names.fromCookie.get(name);
    if (to === undefined) out.isComplete = false;
    else out.give({ kind: 'cookie', name }, to, pair.slice(equals + 1).trim(), to.name);
  }
}

/** A header's value must not end the cookie it becomes, or a client could add cookies of the candidate (RFC 6265 section 4.1.1; a blank, as in `Bearer x`, servers read). */
const COOKIE_VALUE = /^[\x20\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/;

/** Collects the headers of one request. */
class MappedHeaders {
  readonly headers: string[] = [];
  isComplete = true;
  readonly #cookies: string[] = [];
  /** Where the client's Cookie header stood; behind the others where it sent none. */
  #cookiesAt: number | undefined;
  /** What came over from the other kind, by its new name. */
  readonly #crossed = new Map<CredentialName, string>();

  cookiesHere(): void {
    this.#cookiesAt ??= this.headers.length;
  }

  /** `spelling`: how a header is written that keeps its name. */
  give(from: CredentialName, to: CredentialName, value: string, spelling: string): void {
    if (from.kind !== to.kind && !this.#mayCross(to, value)) return;
    if (to.kind === 'cookie') this.#cookies.push(`${to.name}=${value}`);
    else this.headers.push(from.name === to.name ? spelling : to.name, value);
  }

  #mayCross(to: CredentialName, value: string): boolean {
    const before = this.#crossed.get(to);
    const fits = to.kind === 'header' || COOKIE_VALUE.test(value);
    if (!fits || (before !== undefined && before !== value)) this.isComplete = false;
    if (!fits || before !== undefined) return false;
    this.#crossed.set(to, value);
    return true;
  }

  finish(): string[] {
    if (this.#cookies.length > 0) {
      this.headers.splice(this.#cookiesAt ?? this.headers.length, 0, 'Cookie', this.#cookies.join('; '));
    }
    return this.headers;
  }
}

/**
 * An answer's headers with the candidate's cookies under the client's names; attributes, order and repetitions stay.
 * Gives the same array where no cookie of the map is set.
 */
export function withClientCookies(rawHeaders: string[], map: CredentialMap): string[] {
  const { backToCookie } = namesOf(map);
  let renamed: string[] | undefined;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string; // the bounds were checked
    if (name.length !== 10 || name.toLowerCase() !== 'set-cookie') continue;
    const value = rawHeaders[at + 1] as string;
    const equals = value.indexOf('=');
    const own = equals < 0 ? undefined : backToCookie.get(value.slice(0, equals).trim());
    if (own === undefined) continue;
    renamed ??= [...rawHeaders];
    renamed[at + 1] = own + value.slice(equals);
  }
  return renamed ?? rawHeaders;
}

/** The map by its names. */
interface Names {
  readonly fromCookie: ReadonlyMap<string, CredentialName>;
  readonly fromHeader: ReadonlyMap<string, CredentialName>;
  readonly toHeader: ReadonlySet<string>;
  /** Cookies of the candidate that are cookies of the client. */
  readonly backToCookie: ReadonlyMap<string, string>;
}

/** One per map, for as long as the settings live: a request with thousands of cookies must not cost thousands of searches. */
const known = new WeakMap<CredentialMap, Names>();

function namesOf(map: CredentialMap): Names {
  let names = known.get(map);
  if (names === undefined) {
    names = makeNames(map);
    known.set(map, names);
  }
  return names;
}

function makeNames(map: CredentialMap): Names {
  const fromCookie = new Map<string, CredentialName>();
  const fromHeader = new Map<string, CredentialName>();
  const toHeader = new Set<string>();
  const backToCookie = new Map<string, string>();
  for (const { from, to } of map) {
    (from.kind === 'cookie' ? fromCookie : fromHeader).set(from.name, to);
    if (to.kind === 'header') toHeader.add(dashed(to.name));
    else if (from.kind === 'cookie') backToCookie.set(to.name, from.name);
  }
  return { fromCookie, fromHeader, toHeader, backToCookie };
}

/** CGI-like servers read `X_Session` and `X-Session` as one name. */
function dashed(lowerName: string): string {
  return lowerName.replaceAll('_', '-');
}

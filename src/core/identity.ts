import type { TenantId } from './cell.ts';

/** Where a name is read from. */
export type Source =
  | { readonly from: 'host' }
  | { readonly from: 'header'; readonly name: string }
  /** 1 is the first segment. */
  | { readonly from: 'pathSegment'; readonly index: number }
  | { readonly from: 'cookie'; readonly name: string }
  /** Of the JSON Web Token in a header, or in a cookie. Not verified: it says who a request claims to be. */
  | { readonly from: 'claim'; readonly claim: string; readonly header: string; readonly cookie?: never }
  | { readonly from: 'claim'; readonly claim: string; readonly cookie: string; readonly header?: never }
  | { readonly from: 'address' }
  /** One tenant for everything. */
  | { readonly from: 'constant'; readonly value: string };

/**
 * What a request offers to be known by. Header and cookie values are latin1 strings, as on the wire.
 * `null` says that there are several values and they differ; a lookup that cannot tell may join them by a comma.
 */
export interface RequestNames {
  /** The Host header, as sent. */
  readonly host: string;
  /** Path, with or without the query. */
  readonly path: string;
  /** The client's address. */
  readonly address: string;
  header(lowerName: string): string | null | undefined;
  cookie(name: string): string | null | undefined;
  /** A claim of the token in such a value; null where there are several tokens. */
  claim(value: string, claim: string): string | null | undefined;
}

/** Longest name that counts, in UTF-16 units: longer ones are no ids but payloads, and would be hashed on every request. */
const MAX_NAME = 256;
/** Longest tenant: it becomes part of keys, metrics and pages. */
const MAX_TENANT = 128;

/**
 * The name a request gives by the first source that holds one; undefined where none does.
 * A source that is there but cannot be trusted (several values, broken percent encoding, longer than 256 characters)
 * ends the search with undefined: falling through to the next source would let a client choose by which it is known.
 * A token without the claim is not there, so the next source counts. Undefined means the control serves.
 *
 * Case and Unicode: hosts and addresses are lower-cased, hosts lose port and trailing dot, everything else keeps its case.
 * Header and cookie bytes that are valid UTF-8 are read as UTF-8, else as latin1; path segments are percent-decoded.
 * Subjects are not normalised, so that hashing their UTF-8 bytes gives what any other proxy would compute.
 */
export function identify(sources: readonly Source[], names: RequestNames): string | undefined {
  for (const source of sources) {
    const value = readSource(source, names);
    if (value === null) return undefined;
    if (value === undefined || value === '') continue;
    return value.length > MAX_NAME ? undefined : value;
  }
  return undefined;
}

/**
 * A tenant's canonical name: trimmed, Unicode NFC, 1 to 128 characters, case kept.
 * Undefined where it is empty, too long, or holds white space, control, format or lone surrogate characters
 * (they forge log lines and look-alikes).
 */
export function asTenant(value: string | undefined): TenantId | undefined {
  if (value === undefined) return undefined;
  const name = value.trim().normalize('NFC');
  if (name === '' || name.length > MAX_TENANT || FORBIDDEN.test(name)) return undefined;
  return name as TenantId; // checked on the line above
}

const FORBIDDEN = /[\s\p{Cc}\p{Cf}\p{Cs}\p{Z}]/u;

/** A host as a name: lower case, without port and trailing dot; IPv6 literals keep their brackets. */
export function hostName(host: string): string {
  const bare = host
    .trim()
    .toLowerCase()
    .replace(/:\d*$/, (port, at: number) => (isInsideBrackets(host.trim(), at) ? port : ''));
  return bare.endsWith('.') ? bare.slice(0, -1) : bare;
}

function isInsideBrackets(host: string, at: number): boolean {
  return host.startsWith('[') && host.indexOf(']') > at;
}

/**
 * The value of a cookie in a `Cookie` header (RFC 6265, section 4.2): quotes removed; undefined where it is not there,
 * null where it is there more than once with different values: which one an upstream takes is anyone's guess.
 */
export function cookieValue(header: string | undefined, name: string): string | null | undefined {
  if (header === undefined) return undefined;
  let found: string | undefined;
  for (const part of header.split(';')) {
    const equals = part.indexOf('=');
    if (equals < 0 || part.slice(0, equals).trim() !== name) continue;
    const value = unquote(part.slice(equals + 1).trim());
    if (found !== undefined && found !== value) return null;
    found = value;
  }
  return found;
}

function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

/** null: the source is there but gives no single trustworthy value. */
function readSource(source: Source, names: RequestNames): string | null | undefined {
  switch (source.from) {
    case 'host':
      return hostName(names.host);
    case 'header':
      return single(names.header(source.name.toLowerCase()));
    case 'cookie':
      return wireText(names.cookie(source.name));
    case 'claim':
      return claim(source, names);
    case 'pathSegment':
      return pathSegment(names.path, source.index);
    case 'address':
      return plainAddress(names.address);
    case 'constant':
      return source.value;
  }
}

/** A token that is none, or lacks the claim, is as good as absent: other schemes and opaque tokens are no mistake. */
function claim(source: Source & { from: 'claim' }, names: RequestNames): string | null | undefined {
  const value = source.cookie === undefined ? names.header(source.header.toLowerCase()) : names.cookie(source.cookie);
  return typeof value === 'string' ? names.claim(value, source.claim) : value;
}

/** A comma is how several header lines are joined (RFC 9110, section 5.3), so a value with one is no single name. */
function single(value: string | null | undefined): string | null | undefined {
  return value?.includes(',') ? null : wireText(value);
}

/** Text of a latin1 wire string: as UTF-8 where its bytes are valid UTF-8, else unchanged. */
function wireText(value: string | null | undefined): string | null | undefined {
  if (typeof value !== 'string') return value;
  const trimmed = value.trim();
  if (!HIGH.test(trimmed)) return trimmed;
  const escaped = trimmed.replace(ESCAPE, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return decode(escaped) ?? trimmed;
}

const HIGH = /[\x80-\xff]/;
const ESCAPE = /[%\x80-\xff]/g;

function pathSegment(path: string, index: number): string | null | undefined {
  const query = path.indexOf('?');
  const segment = (query < 0 ? path : path.slice(0, query)).split('/')[index];
  if (segment === undefined) return undefined;
  const decoded = decode(segment);
  // A hidden slash means the segment is not what the upstream will see.
  return decoded === undefined || decoded.includes('/') ? null : decoded;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** IPv4 as seen through a dual-stack socket is the same client. */
function plainAddress(address: string): string {
  const lower = address.trim().toLowerCase();
  return lower.startsWith('::ffff:') && lower.includes('.') ? lower.slice(7) : lower;
}

import type { HeaderList } from './observation.ts';
import { DETECTORS, redactSpelled } from './redact/detectors.ts';
import { spelledText, spellings } from './redact/encoded-text.ts';
import { redactCookies, redactFields, redactMultipart, redactPath, redactSetCookie } from './redact/fields.ts';
import { redactJson } from './redact/json-secrets.ts';
import { Marks, type SecretHash } from './redact/marks.ts';
import { redactMarkup } from './redact/markup.ts';
import { redactNamedValues } from './redact/named-values.ts';
import { SecretNames } from './redact/secret-names.ts';
import { structureOf } from './redact/structure.ts';
import { redactTable, tableSeparator } from './redact/tables.ts';
import type { Difference, Signature } from './verdict.ts';

export interface RedactorOptions {
  /** Extra names of headers, cookies, query parameters, form fields and JSON members, in any spelling. */
  readonly names: readonly string[];
  /** Keyed hash in hex, at least 8 digits. A plain hash would let short secrets be guessed from their marks. */
  readonly hash: SecretHash;
}

/** A body is looked at up to here, 256 KiB; what lies behind is left out, not left unredacted. */
const TEXT_CHARS = 262_144;
/** Encodings within encodings that are followed: base64 of JSON with a link in it is three. */
const DEEPEST = 4;
/** Rendered values of differences are cut to 2,000 characters; one as long may end within a secret. */
const VALUE_CHARS = 2_000;
/** A cookie may itself be called `path`: an attribute stands below a name (which holds no slash). */
const COOKIE_ATTRIBUTE = /^\/[^/]+\/(?:expires|max-age|domain|path|samesite|secure|httponly|partitioned|priority)$/;

/**
 * Replaces secrets by marks, `⟦r:xxxxxxxx⟧`: equal secrets get equal marks, different ones differ.
 * By name: credentials in headers, cookies, queries, forms, JSON, markup and multipart. By shape, anywhere: web tokens,
 * private keys, issued keys, card numbers, e-mail addresses, phone numbers, user information in links, and text in
 * base64 or hex with any of these in it. The time is linear in the text.
 */
export class Redactor {
  readonly #names: SecretNames;
  readonly #hash: SecretHash;

  constructor(options: RedactorOptions) {
    this.#names = new SecretNames(options.names);
    this.#hash = options.hash;
  }

  /** Whether a difference's path goes through the name of a secret: `body/user/password`, `header:authorization`. */
  isSecretPath(path: string): boolean {
    const header = /^header:([^/ ]+)/.exec(path)?.[1];
    if (header !== undefined) return this.#names.isSecretHeader(header);
    return path.split('/').some((segment, index) => index > 0 && this.#names.isSecret(segment.replace('@', '')));
  }

  /** For one exchange: what is found in one part of it is also removed from the others, by `sweep`. */
  begin(): Redaction {
    return new Redaction(new Marks(this.#names, this.#hash));
  }
}

/** The redaction of one exchange. Redact every part first, then `sweep` every part. */
export class Redaction {
  readonly #marks: Marks;
  #spellings: readonly (readonly [text: string, mark: string])[] | undefined;

  constructor(marks: Marks) {
    this.#marks = marks;
  }

  /** Names of the secrets found so far: `header:authorization`, `cookie:session`, `query:token`, `body:/user/password`. */
  get secrets(): readonly string[] {
    // Keys of a JSON object may be data themselves: an address book names people.
    return this.#marks.found.map((name) => this.#text(name, 'name', 1));
  }

  /** Path and query of a request, or a whole URL. */
  target(target: string): string {
    return this.#url(target, 'query', 0);
  }

  /** Order, names and repetitions stay. */
  headers(headers: HeaderList): [name: string, value: string][] {
    return headers.map(([name, value]) => [name, this.header(name.toLowerCase(), value)]);
  }

  /** One header's value. `name` is lower case. */
  header(name: string, value: string): string {
    switch (name) {
      case 'cookie':
      case 'cookie2':
        return redactCookies(value, this.#marks);
      case 'set-cookie':
      case 'set-cookie2':
        return this.#text(redactSetCookie(value, this.#marks), 'header', 0);
      case 'referer':
      case 'location':
      case 'content-location':
        return this.#url(value, `header:${name}`, 0);
      default:
        return this.#marks.names.isSecretHeader(name)
          ? this.#credential(name, value)
          : this.#text(value, `header:${name}`, 0);
    }
  }

  /**
   * A decoded body.
   *
   * @param contentType As in the header; empty where there is none. JSON is also recognised by its first character.
   */
  body(text: string, contentType: string): string {
    const isCut = text.length > TEXT_CHARS;
    const redacted = this.#body(isCut ? text.slice(0, TEXT_CHARS) : text, contentType, 0);
    return isCut ? withoutRaggedEnd(redacted) : redacted;
  }

  /** Redacted text without content: names and nesting stay, every value becomes a mark. */
  structure(text: string): string {
    return structureOf(text, (value) => this.#marks.valueMark(value));
  }

  /** Any other text. */
  text(text: string): string {
    return this.#text(text, 'text', 0);
  }

  /** A difference whose rendered values, and path, hold no secret: by the names in its path, then by detectors. */
  difference(difference: Difference): Difference {
    const { control, candidate, ...rest } = difference;
    return {
      ...rest,
      path: this.#text(rest.path, 'path', 0),
      ...(control === undefined ? {} : { control: this.#value(rest.path, control) }),
      ...(candidate === undefined ? {} : { candidate: this.#value(rest.path, candidate) }),
    };
  }

  /** A signature whose path, and the name a member was given, hold no secret. */
  signature(signature: Signature): Signature {
    const { pathPattern, transition } = signature;
    return {
      ...signature,
      pathPattern: this.#text(pathPattern, 'path', 0),
      transition: this.#text(transition, 'text', 0),
    };
  }

  /** Text already redacted, without the secrets that were found elsewhere in the exchange, however they are spelled. */
  sweep(text: string): string {
    this.#spellings ??= this.#marks.values.flatMap(([value, mark]) =>
      spellings(value).map((spelling) => [spelling, mark] as const),
    );
    let swept = text;
    for (const [spelling, mark] of this.#spellings) {
      if (swept.includes(spelling)) swept = swept.replaceAll(spelling, mark);
    }
    return swept;
  }

  #value(path: string, rendered: string): string {
    const isCut = rendered.length >= VALUE_CHARS;
    const redacted = this.#rendered(path, rendered);
    return isCut ? withoutRaggedEnd(redacted) : redacted;
  }

  #rendered(path: string, rendered: string): string {
    const header = /^header:([^/]+)(.*)$/.exec(path);
    if (header) return this.#headerDifference(header[1] ?? '', header[2] ?? '', rendered);
    const name = path
      .split('/')
      .slice(1)
      .find((segment) => this.#marks.names.isSecret(segment.replace('@', '')));
    if (name !== undefined) return this.#marks.mark(name.replace('@', ''), unquoted(rendered), `body:${name}`);
    return this.#body(rendered, '', 0);
  }

  /** `rest` is what a finer path adds: `/session` is the cookie, `/session/expires` one of its attributes, which are no secrets. */
  #headerDifference(name: string, rest: string, rendered: string): string {
    const cookie = rest.split('/')[1];
    if ((name !== 'set-cookie' && name !== 'cookie') || cookie === undefined) return this.header(name, rendered);
    if (COOKIE_ATTRIBUTE.test(rest)) return this.#text(rendered, 'header', 0);
    // Where the other side has no such cookie, the name is told too.
    if (rendered.startsWith(`${cookie}=`)) return this.header(name, rendered);
    return this.#marks.mark(cookie, unquoted(rendered), `cookie:${cookie}`);
  }

  /** The scheme stays readable; Basic credentials are also looked for in their decoded form. */
  #credential(name: string, value: string): string {
    const scheme = /^([A-Za-z][\w-]{1,19}) +(?=\S)/.exec(value);
    const secret = scheme ? value.slice(scheme[0].length) : value;
    if (scheme?.[1]?.toLowerCase() === 'basic') {
      const pair = spelledText(secret);
      if (pair?.includes(':')) this.#marks.mark('password', pair.slice(pair.indexOf(':') + 1), `header:${name}`);
    }
    return (scheme?.[0] ?? '') + this.#marks.mark(name, secret, `header:${name}`);
  }

  #url(url: string, where: string, depth: number): string {
    const parts = /^((?:[A-Za-z][\w+.-]{0,30}:)?\/\/[^/?#]*)?([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(url);
    if (parts === null) return this.#text(url, where, depth);
    const [, origin = '', path = '', query = '', fragment = ''] = parts;
    const scan = { marks: this.#marks, where, inside: (text: string) => this.#body(text, '', depth + 1) };
    const inPath = { ...scan, where: where === 'query' ? 'path' : where };
    return (
      this.#text(origin, where, depth) +
      redactPath(path, inPath) +
      (query && `?${redactFields(query.slice(1), scan)}`) +
      (fragment && `#${redactFields(fragment.slice(1), scan)}`)
    );
  }

  #body(text: string, contentType: string, depth: number): string {
    const marks = this.#marks;
    const inside = (inner: string) => this.#body(inner, '', depth + 1);
    const form = depth < DEEPEST ? formKind(contentType) : undefined;
    if (form === 'fields') return redactFields(text, { marks, where: 'body', inside });
    if (form !== undefined) {
      const body = (part: string, type: string) => this.#body(part, type, depth + 1);
      return this.#text(redactMultipart(text, form.boundary, { marks, where: 'body', body }), 'body', depth);
    }
    const separator = tableSeparator(text, contentType);
    if (separator !== undefined) return this.#text(redactTable(text, separator, marks), 'body', depth);
    if (depth < DEEPEST && looksLikeJson(text, contentType)) {
      return this.#text(redactJson(text, { marks, where: 'body', inside }), 'body', depth);
    }
    return this.#text(text, 'body', depth);
  }

  #text(text: string, where: string, depth: number): string {
    if (text.length < 4) return text;
    let redacted = text.includes('<') ? redactMarkup(text, this.#marks, where) : text;
    redacted = redactNamedValues(redacted, this.#marks, where);
    for (const detect of DETECTORS) redacted = detect(redacted, this.#marks, where);
    if (depth >= DEEPEST) return redacted;
    const hasSecret = (inner: string) => this.#body(inner, '', depth + 1) !== inner;
    return redactSpelled(redacted, this.#marks, { where, hasSecret });
  }
}

function formKind(contentType: string): 'fields' | { readonly boundary: string } | undefined {
  if (/^\s*application\/x-www-form-urlencoded/i.test(contentType)) return 'fields';
  const boundary = /^\s*multipart\/[^;]{1,64};.{0,256}?boundary="?([^";\s]{1,70})/i.exec(contentType)?.[1];
  return boundary === undefined ? undefined : { boundary };
}

function looksLikeJson(text: string, contentType: string): boolean {
  return /[/+](?:json|x-ndjson)/i.test(contentType) || /^\s{0,64}[{["]/.test(text);
}

/** A value rendered as a JSON string hashes like the string itself. */
function unquoted(rendered: string): string {
  if (!rendered.startsWith('"') || !rendered.endsWith('"')) return rendered;
  try {
    const value: unknown = JSON.parse(rendered);
    return typeof value === 'string' ? value : rendered;
  } catch {
    return rendered;
  }
}

/** How far back a cut text gives up what may be the beginning of a secret. */
const RAGGED_CHARS = 4_096;

/** Text that was cut, without its last word or number: half a card number passes no detector, but is half a secret. */
function withoutRaggedEnd(text: string): string {
  const stop = Math.max(0, text.length - RAGGED_CHARS);
  let end = text.length;
  while (end > stop && /[A-Za-z0-9+/_=.~@%-]/.test(text.charAt(end - 1))) end -= 1;
  while (end > stop && /[\d ().+-]/.test(text.charAt(end - 1))) end -= 1;
  return `${text.slice(0, end)}…`;
}

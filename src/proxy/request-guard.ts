import type { Side } from '../core/cell.ts';
import type { Problem } from './problem.ts';

/** A request's head after the guard: what may be forwarded, and what the decision needs, from the same list. */
export interface RequestHead {
  readonly kind: 'head';
  readonly method: string;
  /** Origin-form, or `*` for OPTIONS. Otherwise exactly as the client sent it. */
  readonly target: string;
  /** The target up to `?`. */
  readonly path: string;
  /** Empty only for HTTP/1.0 without a Host header. */
  readonly host: string;
  /** End-to-end headers: name, value, name, value …, order, case and repetitions kept. */
  readonly headers: string[];
  readonly body: 'none' | 'chunked' | number;
  /** A WebSocket handshake (RFC 6455 section 4.2.1); every other `Upgrade` is dropped. */
  readonly webSocket: boolean;
  /** `TE: trailers` was said. */
  readonly trailers: boolean;
  readonly expectsContinue: boolean;
  /** Carries Authorization or Cookie. */
  readonly credentials: boolean;
  /** Carries one of the `If-*` headers. */
  readonly conditional: boolean;
  readonly range: boolean;
  readonly idempotencyKey: string | undefined;
  /** Forwarding headers as the peer sent them; they count only from a trusted peer. */
  readonly said: ForwardingHeaders | undefined;
  /** Raw values of `x-cutover-side` and `x-cutover-token`; never forwarded. */
  readonly forceSide: Side | undefined;
  readonly forceToken: string | undefined;
}

/** Repetitions joined with a comma, as RFC 9110 section 5.3 allows. */
export interface ForwardingHeaders {
  for?: string;
  proto?: string;
  host?: string;
  port?: string;
  forwarded?: string;
}

export interface Refusal extends Problem {
  readonly kind: 'refusal';
}

export interface GuardRules {
  /** Above it: 431. */
  readonly headerCount: number;
  /** Above it: 414. */
  readonly targetBytes: number;
  /** Lower-case names that `Connection` must not nominate, besides the built-in ones: those that name tenant and subject. */
  readonly identityHeaders: ReadonlySet<string>;
}

export interface RawRequest {
  readonly method: string;
  readonly target: string;
  /** `1.0` or `1.1`. */
  readonly httpVersion: string;
  readonly rawHeaders: readonly string[];
  /** The peer is in a configured network: its `x-cutover-*` headers other than force headers pass. */
  readonly trusted: boolean;
}

/** Names `Connection` must not nominate: a proxy that obeyed would strip them (hop-by-hop abuse). */
const PROTECTED: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'cookie',
  'authorization',
  'idempotency-key',
  'expect',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-real-ip',
]);

const CONDITIONAL: ReadonlySet<string> = new Set([
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
]);

/** Host names, IPv4 and bracketed IPv6, with an optional port. Narrower than RFC 3986: no user info, no sub-delimiters. */
const AUTHORITY = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._~%-]{1,255})(?::[0-9]{0,5})?$/;
/** Fifteen digits stay below 2^53. */
const LENGTH = /^[0-9]{1,15}$/;

/** Checks one request head and takes it apart. Pure; the attack or rule behind each refusal stands beside it. */
export function guardRequest(request: RawRequest, rules: GuardRules): RequestHead | Refusal {
  if (request.method === 'CONNECT' || request.method === 'TRACE') return METHOD_REFUSED;
  if (request.target.length > rules.targetBytes) return refuse(414, 'The request target is too long.');
  if (request.rawHeaders.length > rules.headerCount * 2) return refuse(431, 'The request has too many headers.');
  const scan = new HeaderScan(request, rules);
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
    scan.take(request.rawHeaders[at] as string, request.rawHeaders[at + 1] as string); // the bounds were checked
    if (scan.refusal !== undefined) return scan.refusal;
  }
  return scan.finish();
}

/** Collects what one pass over the headers finds. Lives for one call of `guardRequest`. */
class HeaderScan {
  refusal: Refusal | undefined;
  readonly #request: RawRequest;
  readonly #rules: GuardRules;
  #headers: string[] = [];
  #host: string | undefined;
  #hostAt = -1;
  #length: number | undefined;
  #chunked = false;
  #connection = '';
  #upgrade = '';
  #trailers = false;
  #expectsContinue = false;
  #credentials = false;
  #conditional = false;
  #range = false;
  #idempotencyKey: string | undefined;
  #said: ForwardingHeaders | undefined;
  #forceSide: Side | undefined;
  #forceToken: string | undefined;

  constructor(request: RawRequest, rules: GuardRules) {
    this.#request = request;
    this.#rules = rules;
  }

  take(name: string, value: string): void {
    const lower = name.toLowerCase();
    switch (lower) {
      case 'host':
        this.#takeHost(name, value);
        return;
      case 'content-length':
        this.#takeLength(value);
        return;
      case 'transfer-encoding':
        this.#takeCoding(value);
        return;
      case 'connection':
        this.#connection = this.#connection === '' ? value : `${this.#connection},${value}`;
        return;
      case 'upgrade':
        this.#upgrade = this.#upgrade === '' ? value : `${this.#upgrade},${value}`;
        return;
      case 'te':
        // RFC 9110 section 10.1.4: hop-by-hop; only `trailers` means anything to the next hop.
        if (/(?:^|,)\s*trailers\s*(?:,|$)/i.test(value)) this.#trailers = true;
        return;
      case 'keep-alive':
      case 'proxy-connection':
      case 'proxy-authenticate':
      case 'proxy-authorization':
      case 'trailer':
      case 'http2-settings':
        return;
      case 'expect':
        this.#takeExpect(value);
        return;
      case 'x-forwarded-for':
        this.#say('for', value);
        return;
      case 'x-forwarded-proto':
        this.#say('proto', value);
        return;
      case 'x-forwarded-host':
        this.#say('host', value);
        return;
      case 'x-forwarded-port':
        this.#say('port', value);
        return;
      case 'forwarded':
        this.#say('forwarded', value);
        return;
      case 'x-real-ip':
        return;
      case 'x-cutover-side':
        if (value === 'control' || value === 'candidate') this.#forceSide = value;
        return;
      case 'x-cutover-token':
        this.#forceToken = value;
        return;
      default:
        this.#takeOther(name, lower, value);
    }
  }

  #takeOther(name: string, lower: string, value: string): void {
    if ((lower.startsWith('x-cutover-') || lower.startsWith('cutover-')) && !this.#request.trusted) return;
    // CGI-like servers read `X_Forwarded_For` and `X-Forwarded-For` as one name: the spelling with an underscore is a forgery.
    if (lower.includes('_') && this.#isDisguise(lower)) return;
    if (lower === 'authorization' || lower === 'cookie') this.#credentials = true;
    else if (lower === 'range') this.#range = true;
    else if (lower === 'idempotency-key') this.#idempotencyKey ??= value;
    else if (lower.startsWith('if-') && CONDITIONAL.has(lower)) this.#conditional = true;
    this.#headers.push(name, value);
  }

  #isDisguise(lower: string): boolean {
    const plain = lower.replaceAll('_', '-');
    return (
      PROTECTED.has(plain) ||
      plain.startsWith('x-cutover-') ||
      plain.startsWith('cutover-') ||
      (this.#rules.identityHeaders.has(plain) && !this.#rules.identityHeaders.has(lower))
    );
  }

  #takeHost(name: string, value: string): void {
    // F4: Node keeps the first of two; an origin may take the second.
    if (this.#host !== undefined) this.refusal = refuse(400, 'The request has more than one Host header.');
    this.#host = value;
    this.#hostAt = this.#headers.length;
    this.#headers.push(name, value);
  }

  #takeLength(value: string): void {
    // RFC 9112 section 6.3: a list of equal lengths might be accepted; nobody honest sends one.
    if (this.#length !== undefined || !LENGTH.test(value)) {
      this.refusal = refuse(400, 'The Content-Length header is not one decimal number.');
      return;
    }
    this.#length = Number(value);
  }

  #takeCoding(value: string): void {
    if (this.#request.httpVersion === '1.0') {
      this.refusal = refuse(400, 'HTTP/1.0 has no Transfer-Encoding.'); // RFC 9112 section 6.1
    } else if (this.#chunked || value.toLowerCase() !== 'chunked') {
      // F5: Node drops codings before `chunked`, which would corrupt the body.
      this.refusal = refuse(501, 'The only transfer coding understood is chunked.');
    }
    this.#chunked = true;
  }

  #takeExpect(value: string): void {
    if (value.toLowerCase() !== '100-continue') {
      this.refusal = refuse(417, 'The only expectation understood is 100-continue.');
      return;
    }
    // RFC 9110 section 10.1.1: ignored in an HTTP/1.0 request.
    if (this.#request.httpVersion !== '1.0') this.#expectsContinue = true;
  }

  #say(field: keyof ForwardingHeaders, value: string): void {
    this.#said ??= {};
    const before = this.#said[field];
    this.#said[field] = before === undefined ? value : `${before}, ${value}`;
  }

  finish(): RequestHead | Refusal {
    if (this.#chunked && this.#length !== undefined) {
      return refuse(400, 'The request has both Content-Length and Transfer-Encoding.'); // RFC 9112 section 6.1
    }
    const target = originForm(this.#request.method, this.#request.target);
    if (target === undefined) return refuse(400, 'The request target is not one that is served here.');
    const host = this.#settleHost(target.authority);
    if (typeof host !== 'string') return host;
    const tokens = this.#connection === '' ? NO_TOKENS : listOf(this.#connection);
    const nominated = this.#dropNominated(tokens);
    if (nominated !== undefined) return nominated;
    return this.#head(target.target, host, tokens);
  }

  #head(target: string, host: string, tokens: readonly string[]): RequestHead {
    const body = this.#chunked ? 'chunked' : (this.#length ?? 'none');
    if (this.#trailers) this.#headers.push('TE', 'trailers');
    if (this.#expectsContinue && body !== 'none') this.#headers.push('Expect', '100-continue');
    const query = target.indexOf('?');
    return {
      kind: 'head',
      method: this.#request.method,
      target,
      path: query < 0 ? target : target.slice(0, query),
      host,
      headers: this.#headers,
      body,
      webSocket: this.#isWebSocket(tokens, body),
      trailers: this.#trailers,
      expectsContinue: this.#expectsContinue,
      credentials: this.#credentials,
      conditional: this.#conditional,
      range: this.#range,
      idempotencyKey: this.#idempotencyKey,
      said: this.#said,
      forceSide: this.#forceSide,
      forceToken: this.#forceToken,
    };
  }

  #isWebSocket(tokens: readonly string[], body: RequestHead['body']): boolean {
    return (
      this.#upgrade.toLowerCase() === 'websocket' &&
      tokens.includes('upgrade') &&
      this.#request.method === 'GET' &&
      this.#request.httpVersion !== '1.0' &&
      (body === 'none' || body === 0)
    );
  }

  /** RFC 9112 section 3.2: exactly one Host; an absolute-form target's authority replaces it. */
  #settleHost(authority: string | undefined): string | Refusal {
    if (this.#host === undefined && this.#request.httpVersion !== '1.0') {
      return refuse(400, 'The request has no Host header.');
    }
    const host = authority ?? this.#host ?? '';
    if (host === '' ? this.#host !== undefined : !AUTHORITY.test(host)) {
      return refuse(400, 'The Host header is not a host name with an optional port.');
    }
    if (authority !== undefined) {
      if (this.#hostAt < 0) this.#headers.unshift('Host', authority);
      else this.#headers[this.#hostAt + 1] = authority;
    }
    return host;
  }

  /** RFC 9110 section 7.6.1: nominated headers go no further, but some must not be strippable by a client. */
  #dropNominated(tokens: readonly string[]): Refusal | undefined {
    const drop = tokens.filter((token) => !ORDINARY_TOKENS.has(token));
    if (drop.length === 0) return undefined;
    for (const token of drop) {
      if (PROTECTED.has(token) || this.#rules.identityHeaders.has(token)) {
        return refuse(400, 'The Connection header nominates a header that is not hop-by-hop.');
      }
    }
    const kept: string[] = [];
    for (let at = 0; at + 1 < this.#headers.length; at += 2) {
      const name = this.#headers[at] as string; // the bounds were checked
      if (!drop.includes(name.toLowerCase())) kept.push(name, this.#headers[at + 1] as string);
    }
    this.#headers = kept;
    return undefined;
  }
}

const NO_TOKENS: readonly string[] = [];
const ORDINARY_TOKENS: ReadonlySet<string> = new Set(['close', 'keep-alive', 'te', 'upgrade', 'http2-settings']);

function listOf(value: string): string[] {
  return value
    .split(',')
    .map((token) => token.trim().toLowerCase())
    .filter((token) => token !== '');
}

/** RFC 9112 section 3.2: origin-form and `*` as they are, absolute-form rewritten; anything else is undefined. */
function originForm(method: string, target: string): { target: string; authority?: string } | undefined {
  if (target.includes('#')) return undefined; // F6: a fragment never travels
  if (target.charCodeAt(0) === 0x2f) return { target };
  if (target === '*') return method === 'OPTIONS' ? { target } : undefined;
  const match = /^https?:\/\/([^/?#]*)(.*)$/is.exec(target);
  if (match === null) return undefined;
  const authority = match[1] ?? '';
  const rest = match[2] ?? '';
  if (!AUTHORITY.test(authority)) return undefined; // also refuses user info
  if (rest === '' && method === 'OPTIONS') return { target: '*', authority };
  return { target: rest.startsWith('/') ? rest : `/${rest}`, authority };
}

function refuse(status: number, detail: string): Refusal {
  return { kind: 'refusal', status, code: 'REQUEST_REFUSED', detail };
}

/** RFC 9110 section 15.5.6 demands `Allow`. */
export const METHOD_REFUSED: Refusal = {
  ...refuse(405, 'CONNECT and TRACE are not served.'),
  headers: ['Allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'],
};

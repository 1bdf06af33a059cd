import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../core/ports.ts';
import type { Events } from '../telemetry/events.ts';
import { ApiError } from './problems.ts';

/** Reads one request header by its lower-case name. */
export type HeaderOf = (name: string) => string | undefined;

/** Names of this machine for itself: a page of another name that resolves here (DNS rebinding) is not among them. */
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'] as const;
/** Addresses that mean "all of them" and so are no name. */
const WILDCARDS = ['0.0.0.0', '::', ''];

export interface HostGuardOptions {
  /** The address the API listens on; a particular one is a name of its own. */
  readonly listenHost: string;
  /** More names, without port. */
  readonly hosts: readonly string[];
}

/** Refuses requests for names that the API does not have, and of pages of other origins. */
export class HostGuard {
  readonly #names: ReadonlySet<string>;

  constructor(options: HostGuardOptions) {
    const own = WILDCARDS.includes(options.listenHost) ? [] : [asName(options.listenHost)];
    this.#names = new Set([...LOOPBACK_NAMES, ...own, ...options.hosts.map(asName)]);
  }

  /** @throws ApiError FORBIDDEN */
  checkHost(header: HeaderOf): void {
    const name = nameOf(header('host') ?? '');
    if (name !== undefined && this.#names.has(name)) return;
    throw new ApiError('FORBIDDEN', 'The control API is not served under this Host.', {
      hint: 'Call it as localhost, or list the name in api.hosts.',
    });
  }

  /**
   * A browser tells where a page comes from: only the API's own page may call it. Programs send neither header.
   * @throws ApiError FORBIDDEN
   */
  checkOrigin(header: HeaderOf): void {
    const site = header('sec-fetch-site');
    const origin = header('origin');
    const isOwnSite = site === undefined || site === 'same-origin' || site === 'none';
    if (isOwnSite && (origin === undefined || isOwnOrigin(origin, header('host') ?? ''))) return;
    throw new ApiError('FORBIDDEN', 'The control API does not answer pages of other origins.', {
      hint: 'Open the page that Cutover itself serves, or call the API from a program.',
    });
  }
}

function asName(host: string): string {
  const name = host.toLowerCase().replace(/\.$/, '');
  return name.includes(':') && !name.startsWith('[') ? `[${name}]` : name;
}

function nameOf(host: string): string | undefined {
  return /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253}?)\.?(?::\d{1,5})?$/.exec(host.toLowerCase())?.[1];
}

function isOwnOrigin(origin: string, host: string): boolean {
  const lower = host.toLowerCase();
  return origin === `http://${lower}` || origin === `https://${lower}`;
}

/** Wrong tokens that an address may try at once, and after how long it gets one back. */
const MAX_FAILURES = 10;
const REFILL_MS = 6_000;
/** Addresses remembered; the one that failed longest ago is forgotten first. */
const MAX_ADDRESSES = 1_000;

/** Somebody with a token of their own. */
export interface SignedIn {
  readonly name: string;
  readonly token: string;
}

/**
 * Knows the tokens by their hashes, and counts wrong ones per address. The right token always passes, whatever an address
 * has tried before: nobody can lock the on-call engineer out.
 */
export class TokenGuard {
  readonly #hash: Buffer;
  readonly #people: readonly { readonly name: string; readonly hash: Buffer }[];
  readonly #clock: Clock;
  readonly #events: Events;
  readonly #failures = new Map<string, { count: number; at: number }>();

  constructor(options: {
    readonly token: string;
    readonly people?: readonly SignedIn[];
    readonly clock: Clock;
    readonly events: Events;
  }) {
    this.#hash = sha256(options.token);
    this.#people = (options.people ?? []).map(({ name, token }) => ({ name, hash: sha256(token) }));
    this.#clock = options.clock;
    this.#events = options.events;
  }

  /**
   * Who signed in; undefined: somebody with the token of the process.
   * @throws ApiError UNAUTHORIZED, or RATE_LIMITED with `Retry-After`
   */
  check(header: HeaderOf, address: string): string | undefined {
    const authorization = header('authorization');
    if (authorization === undefined) {
      throw new ApiError('UNAUTHORIZED', 'A token is needed.', { hint: HOW_TO_SIGN_IN, headers: CHALLENGE });
    }
    const [, given = ''] = /^bearer +([\x21-\x7e]{1,512})$/i.exec(authorization) ?? [];
    // Hashes of equal length are compared in constant time; their bytes tell nothing of the token's.
    const hash = sha256(given);
    if (timingSafeEqual(hash, this.#hash)) return undefined;
    const person = this.#people.find((one) => timingSafeEqual(hash, one.hash));
    return person === undefined ? this.#fail(address) : person.name;
  }

  #fail(address: string): never {
    const now = this.#clock.monotonic();
    const before = this.#failures.get(address) ?? { count: 0, at: now };
    const left = Math.max(0, before.count - (now - before.at) / REFILL_MS);
    this.#failures.delete(address);
    if (this.#failures.size >= MAX_ADDRESSES) {
      const [oldest] = this.#failures.keys();
      if (oldest !== undefined) this.#failures.delete(oldest);
    }
    const isOver = left + 1 > MAX_FAILURES;
    this.#failures.set(address, { count: isOver ? left : left + 1, at: now });
    if (isOver) {
      throw new ApiError('RATE_LIMITED', 'Too many wrong tokens from this address.', {
        hint: 'Wait, or use the right token: it works at once.',
        headers: { 'retry-after': String(Math.ceil(REFILL_MS / 1000)) },
      });
    }
    this.#events.signInFailed(address);
    throw new ApiError('UNAUTHORIZED', 'The token is wrong.', { hint: HOW_TO_SIGN_IN, headers: CHALLENGE });
  }
}

const HOW_TO_SIGN_IN = 'Send `Authorization: Bearer TOKEN`; the token lies in the state folder.';
/** RFC 9110, section 11.6.1: a 401 says how to sign in. */
const CHALLENGE = { 'www-authenticate': 'Bearer realm="cutover"' };

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

const ACTOR = /^(?:cli|api)(?::[\w.@+-]{1,64})?$/;

/**
 * Who orders, as the journal names it. A person who signed in is named whatever the caller says; with the token of the process,
 * which any caller may have, it is what the caller says, but for the names of those who sign in.
 */
export function actorOf(header: HeaderOf, signedIn?: string, people: readonly SignedIn[] = []): string {
  const named = header('cutover-actor') ?? '';
  const isNamed = ACTOR.test(named);
  const [door = ''] = isNamed ? named.split(':') : [header('sec-fetch-site') === 'same-origin' ? 'dashboard' : 'api'];
  if (signedIn !== undefined) return `${door}:${signedIn}`;
  const isTheirs = people.some(({ name }) => named === `${door}:${name}`);
  return isNamed && !isTheirs ? named : door;
}

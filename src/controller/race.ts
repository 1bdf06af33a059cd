import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import type { RaceInput, RaceResult, RaceRunner } from '../api/types.ts';
import { SIDES, type Side } from '../core/cell.ts';
import { type Answer, headerValue, type Observation } from '../core/observation.ts';
import type { Clock, Timer } from '../core/ports.ts';
import { requestActs } from '../core/safe-request.ts';
import { ApiError } from './problems.ts';

/** Sends the requests of a race, outside all traffic. */
export interface RaceAsk {
  /**
   * Whether what is configured says that this GET acts; the built-in list was asked before.
   * @throws CutoverError INPUT_INVALID where the proxy would refuse the request.
   */
  acts(request: RaceInput): boolean;
  /**
   * One GET to a configured target of the side, no redirect followed. Ends within `RACE_LIMIT_MS` and keeps at most
   * `RACE_MAX_BYTES` of the body; undefined where there was no room for it. Never rejects.
   */
  ask(side: Side, request: RaceInput): Promise<Observation | undefined>;
}

/** What a frame of the page shows. */
export interface RacePage {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
}

export const RACE_LIMIT_MS = 10_000;
export const RACE_MAX_BYTES = 2 * 1024 * 1024;
export const RACE_MAX_AT_ONCE = 2;
/** Races that can be looked at, and for how long. Together they hold at most 20 × 2 × 2 MiB. */
const MAX_TICKETS = 20;
const TICKET_LIFE_MS = 60_000;
/** So many at once, then one in a second: a page that is held down must not become a load test. */
const BURST = 5;
const REFILL_MS = 1_000;

/** Where the answers of a race lie. */
export const RACE_PAGES = '/race/';
/**
 * An answer of an application is shown without any right: in an origin of its own, without script, form, plugin or
 * connection; inline styles and images that are part of the document are all there is.
 */
export const RACE_HEADERS = {
  'content-security-policy':
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
  'x-frame-options': 'SAMEORIGIN',
  'x-dns-prefetch-control': 'off',
} as const;

/** An authority as RFC 9110, section 7.2, has it in `Host`: a name or an address, and perhaps a port. */
const HOST = /^(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::\d{1,5})?$/i;
/** Origin form (RFC 9112, section 3.2.1), without fragment. */
const TARGET = /^\/[!"$-~]*$/;

interface Finish {
  readonly pages: Readonly<Record<Side, RacePage>>;
  readonly timer: Timer;
}

/** Races between both sides for one page; answers are kept for a minute under a ticket nobody can guess. */
export class Races {
  readonly #ask: RaceAsk;
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #finishes = new Map<string, Finish>();
  #running = 0;
  #tokens = BURST;
  #filledAt: number;

  constructor(options: { readonly ask: RaceAsk; readonly clock: Clock }) {
    this.#ask = options.ask;
    this.#clock = options.clock;
    this.#filledAt = options.clock.monotonic();
  }

  /** @throws ApiError INPUT_INVALID for what is no harmless GET, RATE_LIMITED */
  async run(input: RaceInput): Promise<RaceResult> {
    this.#check(input);
    this.#start();
    try {
      // Both go out in the same turn of the event loop: neither has a head start.
      const [control, candidate] = await Promise.all([
        this.#ask.ask('control', input),
        this.#ask.ask('candidate', input),
      ]);
      if (control === undefined || candidate === undefined) throw tooMany('There is no memory for another race.');
      return await this.#finish({ control, candidate });
    } finally {
      this.#running -= 1;
    }
  }

  /** One side's answer; undefined for a ticket that is not, or no longer, known. */
  page(ticket: string, side: Side): RacePage | undefined {
    return this.#finishes.get(ticket)?.pages[side];
  }

  /** Forgets every answer. */
  close(): void {
    for (const ticket of [...this.#finishes.keys()]) this.#forget(ticket);
  }

  #check(input: RaceInput): void {
    if (!HOST.test(input.host))
      throw invalid('body.host: not a name or address, with or without a port', 'shop.example');
    if (!TARGET.test(input.target))
      throw invalid('body.target: not a path with or without a query', '/products/7?size=2');
    if (!requestActs('GET', input.target) && !this.#ask.acts(input)) return;
    throw new ApiError('INPUT_INVALID', `GET ${input.target} acts: it would do something twice.`, {
      hint: 'Only requests without effects can be raced; the list is in the reference of the configuration, and mirror.acts adds to it.',
    });
  }

  #start(): void {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(BURST, this.#tokens + Math.max(0, now - this.#filledAt) / REFILL_MS);
    this.#filledAt = now;
    if (this.#running >= RACE_MAX_AT_ONCE) throw tooMany(`${RACE_MAX_AT_ONCE} races are under way.`);
    if (this.#tokens < 1) throw tooMany('Too many races in a short time.');
    this.#tokens -= 1;
    this.#running += 1;
  }

  async #finish(seen: Readonly<Record<Side, Observation>>): Promise<RaceResult> {
    const [control, candidate] = await Promise.all(SIDES.map((side) => shownOf(seen[side])));
    // One for each side.
    const shown = { control: control as Shown, candidate: candidate as Shown };
    const ticket = randomBytes(24).toString('base64url');
    const [oldest] = this.#finishes.keys();
    if (oldest !== undefined && this.#finishes.size >= MAX_TICKETS) this.#forget(oldest);
    this.#finishes.set(ticket, {
      pages: { control: shown.control.page, candidate: shown.candidate.page },
      timer: this.#clock.after(TICKET_LIFE_MS, () => this.#forget(ticket)),
    });
    return {
      control: runnerOf(seen.control, shown.control.kind),
      candidate: runnerOf(seen.candidate, shown.candidate.kind),
      identical: isIdentical(seen.control, seen.candidate),
      ticket,
      expiresAt: this.#clock.now() + TICKET_LIFE_MS,
    };
  }

  #forget(ticket: string): void {
    this.#finishes.get(ticket)?.timer.cancel();
    this.#finishes.delete(ticket);
  }
}

function invalid(message: string, example: string): ApiError {
  return new ApiError('INPUT_INVALID', message, { hint: `For example ${example}.` });
}

function tooMany(message: string): ApiError {
  return new ApiError('RATE_LIMITED', message, { hint: 'Try again in a moment.', headers: { 'retry-after': '1' } });
}

function runnerOf(seen: Observation, shown: RaceRunner['shown']): RaceRunner {
  return seen.kind === 'failure'
    ? { status: null, failure: seen.failure, ms: seen.durationMs, firstByteMs: null, bytes: 0, shown }
    : {
        status: seen.status,
        failure: null,
        ms: seen.durationMs,
        firstByteMs: seen.firstByteMs,
        bytes: seen.bodyBytes,
        shown,
      };
}

function isIdentical(control: Observation, candidate: Observation): boolean {
  if (control.kind === 'failure' || candidate.kind === 'failure') return false;
  return (
    control.status === candidate.status &&
    control.bodyBytes === candidate.bodyBytes &&
    control.bodyDigest === candidate.bodyDigest &&
    Buffer.compare(control.body, candidate.body) === 0
  );
}

interface Shown {
  readonly kind: RaceRunner['shown'];
  readonly page: RacePage;
}

/** Of an answer's headers only two words are used, and each is written anew: whether it is HTML, and its character set. */
async function shownOf(seen: Observation): Promise<Shown> {
  if (seen.kind === 'failure') return sentence(`No answer: ${seen.failure}.`);
  const type = (headerValue(seen.headers, 'content-type') ?? '').toLowerCase();
  const media = /^\s*([\w.+-]{1,60}\/[\w.+-]{1,60})\s*(?:;|$)/.exec(type)?.[1] ?? '';
  const charset = /;\s*charset="?([\w-]{1,40})"?/.exec(type)?.[1] ?? 'utf-8';
  if (seen.body.length === 0) return sentence(`Status ${seen.status}, without a body.`);
  const isText =
    media === '' || /^text\/|[/+](?:json|xml|javascript)$|^application\/x-www-form-urlencoded$/.test(media);
  if (!isText) return sentence(`Status ${seen.status}, ${seen.bodyBytes} bytes of ${media}: nothing to read.`);
  const bytes = await decoded(seen);
  if (bytes === undefined) return sentence(`Status ${seen.status}, with a content coding that could not be undone.`);
  const text = textOf(bytes, charset);
  return media === 'text/html'
    ? { kind: 'html', page: { bytes: utf8(withoutWays(text)), type: 'text/html; charset=utf-8' } }
    : { kind: 'text', page: { bytes: utf8(text), type: TEXT } };
}

const TEXT = 'text/plain; charset=utf-8';

/** In UTF-8 whatever it was: in some character sets a tag could hide from `withoutWays`. */
function textOf(bytes: Uint8Array, charset: string): string {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    // A name that no browser knows either.
    return new TextDecoder().decode(bytes);
  }
}

/**
 * What leads elsewhere is taken from a page before it is shown. The policy alone would stop every load, but measured in
 * Chromium a frame or a pressed link that the policy forbids has opened a connection by then, and no policy governs
 * `preconnect` and `dns-prefetch` at all: somebody elsewhere would learn who looks. So these elements become ones that
 * mean nothing, and links get `inert` and an empty address before their own: of attributes of one name the first counts.
 * An HTML tokenizer begins a tag with `<` and its name, ended by white space, `/` or `>` (WHATWG HTML, 13.2.5.8).
 */
function withoutWays(html: string): string {
  return html
    .replace(/<(?=(?:link|meta|base|i?frame|frameset|object|embed|fencedframe|portal)[\t\n\f\r />])/gi, '<not-')
    .replace(/<(?:a|area)(?=[\t\n\f\r />])/gi, '$& inert href="#"');
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function sentence(text: string): Shown {
  return { kind: 'sentence', page: { bytes: utf8(text), type: TEXT } };
}

const DECODERS = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
};

/** The body in clear; no coding was asked for, so that there is one is rare. Bounded like the body itself. */
async function decoded(seen: Answer): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const coding = (headerValue(seen.headers, 'content-encoding') ?? 'identity').trim().toLowerCase();
  if (coding === 'identity' || coding === '') return Uint8Array.from(seen.body);
  if (!Object.hasOwn(DECODERS, coding)) return undefined;
  try {
    const decode = DECODERS[coding as keyof typeof DECODERS]; // it was looked up above
    return Uint8Array.from(await decode(seen.body, { maxOutputLength: RACE_MAX_BYTES }));
  } catch {
    return undefined;
  }
}

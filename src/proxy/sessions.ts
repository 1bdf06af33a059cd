import type { AliasPair, OwnCredential } from '../core/alias/pair.ts';
import { type Rewritten, rewriteRequest } from '../core/alias/rewrite.ts';
import { type AliasSession, SessionBook } from '../core/alias/session-book.ts';
import type { EndpointId, Side } from '../core/cell.ts';
import { otherSide } from '../core/cell.ts';
import { cookieValue } from '../core/identity.ts';
import type { CapturedRequest, SessionAliases } from '../core/observation.ts';
import type { AliasKeeper, Clock, Timer, UnverifiedReason } from '../core/ports.ts';
import { flatValue, toPairs } from './headers.ts';
import type { RequestHead } from './request-guard.ts';

/** A copy waits so long for those before it in its session; longer, and it is not verified. */
export const LONGEST_WAIT_MS = 5_000;
/** Requests of one session whose comparison is not over, and of all sessions together. */
export const MOST_OF_SESSION = 16;
export const MOST_TURNS = 1_000;
/** An exchange that nobody settles lets its followers go after so long. */
const LOST_MS = 30_000;
/** Places of requests at which one side's names were seen. */
const MOST_PLACES = 2_000;

/** What is known of a session beside its names. */
interface State {
  /** Begun and not over, in the order of arrival. */
  readonly turns: Set<SessionTurn>;
  /** A request with effects reached one side only: what both know of the session has parted. */
  isApart: boolean;
}

/** A request as sessions see it. */
export interface SessionRequest {
  readonly head: RequestHead;
  readonly endpoint: EndpointId;
  readonly subject: string | undefined;
  /** True: sending it once more has no effect. */
  readonly isRepeatable: boolean;
}

/** Whose a request is: a session, one that is not known, or nobody's yet. */
export type Found = AliasSession | 'unknown' | undefined;

/**
 * Sessions that each side keeps for itself (`sessions.own`): copies carry the other side's names for what the client sends,
 * and go in the order in which the requests came. Nothing here holds a served answer up; in memory only.
 */
export class Sessions implements AliasKeeper {
  readonly clock: Clock;
  readonly #own: readonly OwnCredential[];
  readonly #book = new SessionBook();
  readonly #states = new WeakMap<AliasSession, State>();
  /** Begun without a session, by subject: what they bring may be what a later request carries. */
  readonly #births = new Set<SessionTurn>();
  /** Handed to the verifier, by the exchange's id. */
  readonly #compared = new Map<string, SessionTurn>();
  readonly #places = new Set<string>();
  #turns = 0;

  constructor(own: readonly OwnCredential[], clock: Clock) {
    this.#own = own;
    this.clock = clock;
  }

  /** Turns begun and not over. */
  get turns(): number {
    return this.#turns;
  }

  find(head: RequestHead, side: Side): Found {
    let found: Found;
    for (const credential of this.#own) {
      const value = sentValue(head.headers, credential);
      if (value === undefined) continue;
      const session = this.#book.find(side, kindOf(credential), value);
      if (session !== undefined) return session;
      found = 'unknown';
    }
    return found;
  }

  /** Why a request cannot be verified, before anything is spent on it. */
  obstacle(found: Found, request: SessionRequest): UnverifiedReason | undefined {
    if (this.#turns >= MOST_TURNS) return 'session-late';
    // Its first answer may still be on its way through the comparison.
    if (found === 'unknown') return this.#birthsOf(request.subject).length > 0 ? undefined : 'session-unknown';
    if (found === undefined) return undefined;
    const state = this.#stateOf(found);
    if (state.isApart) return 'session-apart';
    return state.turns.size >= MOST_OF_SESSION ? 'session-late' : undefined;
  }

  /** A request reaches one side only. With effects, it parts what both sides know of the session. */
  leftOut(found: Found, request: Pick<SessionRequest, 'isRepeatable'>): void {
    if (typeof found === 'object' && !request.isRepeatable) this.#stateOf(found).isApart = true;
  }

  begin(found: Found, request: SessionRequest, servedBy: Side): SessionTurn {
    const session = typeof found === 'object' ? found : undefined;
    const before =
      session === undefined ? this.#birthsBefore(found, request, servedBy) : [...this.#stateOf(session).turns];
    const turn = new SessionTurn(this, { request, servedBy, session, isUnknown: found === 'unknown' }, before);
    this.#turns += 1;
    if (session === undefined) this.#births.add(turn);
    else this.#stateOf(session).turns.add(turn);
    return turn;
  }

  /** Of requests without a session only those wait that carry something which one before them may have brought. */
  #birthsBefore(found: Found, request: SessionRequest, servedBy: Side): SessionTurn[] {
    const births = this.#birthsOf(request.subject);
    if (births.length === 0 || found === 'unknown') return births;
    const { head, endpoint } = request;
    const bare = { target: head.target, headers: head.headers, contentType: '' };
    const rewritten = rewriteRequest(bare, templateOf(endpoint), this.#translation(undefined, otherSide(servedBy)));
    return this.#isUntranslated(endpoint, rewritten) ? births : [];
  }

  #birthsOf(subject: string | undefined): SessionTurn[] {
    return [...this.#births].filter((turn) => turn.request.subject === subject);
  }

  // --- what turns ask for ---

  /** A served answer gave credentials to the client: its next request is known by them. */
  bindCookies(turn: SessionTurn, side: Side, rawHeaders: readonly string[]): void {
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
      const name = rawHeaders[at] as string; // the bounds were checked
      if (name.length !== 10 || name.toLowerCase() !== 'set-cookie') continue;
      const [, cookie = '', value = ''] =
        /^\s*([^=;\s]+)\s*=\s*([^;]*?)\s*(?:;|$)/.exec(rawHeaders[at + 1] as string) ?? [];
      if (value === '' || !this.#own.some((own) => own.kind === 'cookie' && own.name === cookie)) continue;
      this.#book.bind(this.#sessionFor(turn), side, `cookie:${cookie}`, value);
    }
  }

  /** The session of a turn, opened where it has none. */
  #sessionFor(turn: SessionTurn): AliasSession {
    if (turn.session !== undefined) return turn.session;
    const session = this.#book.open();
    turn.session = session;
    this.#births.delete(turn);
    this.#stateOf(session).turns.add(turn);
    return session;
  }

  /** The request for the side that does not serve, or why there can be none. */
  copyOf(turn: SessionTurn, body: Uint8Array | undefined): CapturedRequest | UnverifiedReason {
    const { request, servedBy } = turn;
    const { head, endpoint } = request;
    if (turn.isUnknown) {
      const found = this.find(head, servedBy);
      if (typeof found !== 'object') return 'session-unknown';
      turn.session = found;
    }
    // A write before it may have been left out while it waited.
    if (turn.session !== undefined && this.#stateOf(turn.session).isApart) return 'session-apart';
    const isCoded = flatValue(head.headers, 'content-encoding') !== undefined;
    const contentType = (flatValue(head.headers, 'content-type') ?? '').trim().toLowerCase();
    const text = body === undefined || isCoded ? undefined : Buffer.from(body).toString('latin1');
    const whole = {
      target: head.target,
      headers: head.headers,
      contentType,
      ...(text === undefined ? {} : { body: text }),
    };
    const to = otherSide(servedBy);
    const rewritten = rewriteRequest(whole, templateOf(endpoint), this.#translation(turn.session, to));
    if (!this.#knowsCredentials(turn, to) || this.#isUntranslated(endpoint, rewritten)) return 'session-unknown';
    for (const place of rewritten.translated) {
      if (this.#places.size < MOST_PLACES) this.#places.add(`${endpoint} ${place}`);
    }
    const { target, headers, body: written } = rewritten.request;
    const sent = written === text || written === undefined ? body : Buffer.from(written, 'latin1');
    return { method: head.method, target, headers: toPairs(headers), ...(sent === undefined ? {} : { body: sent }) };
  }

  /** One side's credentials are never sent to the other. */
  #knowsCredentials({ session, request }: SessionTurn, to: Side): boolean {
    return this.#own.every((credential) => {
      const value = sentValue(request.head.headers, credential);
      return value === undefined || session?.book.translate(to, kindOf(credential), value) !== undefined;
    });
  }

  aliasesOf(turn: SessionTurn): SessionAliases {
    return { pairs: turn.session?.book.pairs() ?? [], broken: [] };
  }

  /** The exchange goes to the verifier: its turn is over when that says so. */
  comparing(turn: SessionTurn, exchange: string): void {
    this.#compared.set(exchange, turn);
  }

  over(turn: SessionTurn): void {
    this.#turns -= 1;
    this.#births.delete(turn);
    if (turn.session !== undefined) this.#stateOf(turn.session).turns.delete(turn);
  }

  // --- what the verifier tells ---

  learn(exchange: string, pairs: readonly AliasPair[]): readonly AliasPair[] {
    const turn = this.#compared.get(exchange);
    if (turn === undefined || pairs.length === 0) return [];
    return this.#book.learn(this.#sessionFor(turn), pairs);
  }

  settled(exchange: string): void {
    const turn = this.#compared.get(exchange);
    this.#compared.delete(exchange);
    turn?.end();
  }

  /** A session's own name first; then what names one thing for everybody. */
  #translation(session: AliasSession | undefined, to: Side): (kind: string, value: string) => string | undefined {
    return (kind, value) => {
      const known = session?.book.translate(to, kind, value);
      return known ?? (kind === '' ? this.#book.partner(to, value) : undefined);
    };
  }

  /** A place where one side's names stand holds one whose other name is not known. */
  #isUntranslated(endpoint: EndpointId, { untranslated }: Rewritten): boolean {
    return untranslated.some(({ place }) => this.#places.has(`${endpoint} ${place}`));
  }

  #stateOf(session: AliasSession): State {
    let state = this.#states.get(session);
    if (state === undefined) {
      state = { turns: new Set(), isApart: false };
      this.#states.set(session, state);
    }
    return state;
  }
}

interface TurnStart {
  readonly request: SessionRequest;
  readonly servedBy: Side;
  readonly session: AliasSession | undefined;
  readonly isUnknown: boolean;
}

/** One request's place in the order of its session: ends once its comparison, or the reason why there is none, is known. */
export class SessionTurn {
  readonly request: SessionRequest;
  readonly servedBy: Side;
  readonly isUnknown: boolean;
  session: AliasSession | undefined;
  readonly #sessions: Sessions;
  readonly #before: Set<SessionTurn>;
  readonly #after = new Set<SessionTurn>();
  #go: (() => void) | undefined;
  #timer: Timer | undefined;
  #isOver = false;

  constructor(
    sessions: Sessions,
    { request, servedBy, session, isUnknown }: TurnStart,
    before: readonly SessionTurn[],
  ) {
    this.#sessions = sessions;
    this.request = request;
    this.servedBy = servedBy;
    this.session = session;
    this.isUnknown = isUnknown;
    this.#before = new Set(before);
    for (const turn of before) turn.#after.add(this);
  }

  /** Calls `go` once nobody is before it, or `late` after five seconds; neither once it has ended. */
  whenFree(go: () => void, late: () => void): void {
    if (this.#isOver) return;
    if (this.#before.size === 0) {
      go();
      return;
    }
    this.#go = go;
    this.#timer = this.#sessions.clock.after(LONGEST_WAIT_MS, () => {
      this.#go = undefined;
      late();
    });
  }

  answered(side: Side, rawHeaders: readonly string[]): void {
    if (!this.#isOver) this.#sessions.bindCookies(this, side, rawHeaders);
  }

  /** The copy for the other side, or why there can be none. */
  copy(body: Uint8Array | undefined): CapturedRequest | UnverifiedReason {
    return this.#sessions.copyOf(this, body);
  }

  /** What the comparison is told; from now on the verifier ends the turn, or nobody does and time does. */
  comparing(exchange: string): SessionAliases {
    this.#sessions.comparing(this, exchange);
    this.#timer = this.#sessions.clock.after(LOST_MS, () => this.#sessions.settled(exchange));
    return this.#sessions.aliasesOf(this);
  }

  /** Ends without a comparison. */
  drop(): void {
    if (this.#isOver) return;
    this.#sessions.leftOut(this.session, this.request);
    this.end();
  }

  /** Idempotent. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.cancel();
    this.#go = undefined;
    this.#sessions.over(this);
    for (const turn of this.#before) turn.#after.delete(this);
    this.#before.clear();
    for (const turn of this.#after) turn.#isNext(this);
    this.#after.clear();
  }

  #isNext(ended: SessionTurn): void {
    this.#before.delete(ended);
    const go = this.#go;
    if (this.#before.size > 0 || go === undefined) return;
    this.#go = undefined;
    this.#timer?.cancel();
    go();
  }
}

function kindOf({ kind, name }: OwnCredential): string {
  return kind === 'cookie' ? `cookie:${name}` : '';
}

/** The credential's value in a request; of `Bearer x` what follows the scheme. */
function sentValue(headers: readonly string[], { kind, name }: OwnCredential): string | undefined {
  if (kind === 'cookie') return cookieValue(flatValue(headers, 'cookie'), name) ?? undefined;
  const value = flatValue(headers, name)?.trim();
  return value === undefined || value === '' ? undefined : value.slice(value.lastIndexOf(' ') + 1);
}

function templateOf(endpoint: EndpointId): string {
  return endpoint.slice(endpoint.indexOf(' ') + 1);
}

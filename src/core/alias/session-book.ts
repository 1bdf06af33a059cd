import { otherSide, SIDES, type Side } from '../cell.ts';
import { AliasBook } from './alias-book.ts';
import { type AliasPair, aliasKey } from './pair.ts';

/** Sessions remembered; beyond it the one that was idle longest is forgotten. */
export const MAX_SESSIONS = 10_000;
/** Characters of all sessions' values: 32 MiB of memory at two bytes each. */
export const MAX_TEXT = 16_777_216;
/** Kinds of short ids whose uniqueness is watched. */
const MAX_KINDS = 1_000;
/** Short ids of one kind seen in all; later ones are not watched. */
const MAX_SHORT_IDS = 50_000;
/** Pairs of a kind after which short ids are believed to be unique across sessions, and the share that may contradict. */
const TRUSTED_AFTER = 20;
const TRUSTED_SHARE = 0.05;

/** Somebody's visit: what one side handed out to it, under the names of both. */
export interface AliasSession {
  readonly id: number;
  readonly book: AliasBook;
}

/** Whose a value is, and what it is called on the other side where that is known. */
interface Owner {
  readonly session: number;
  /** The pair that told; undefined where only one side's answer was seen. */
  pair: AliasPair | undefined;
}

/**
 * All sessions with their aliases, and what must hold across them: no value of one side stands for two of the other.
 * In memory only, and bounded: after a restart everything is learned anew.
 */
export class SessionBook {
  /** By id; insertion order is that of the last use. */
  readonly #sessions = new Map<number, AliasSession>();
  /** Values that name one thing wherever they stand, by side: who met them first. */
  readonly #owners = new Map<string, Owner>();
  readonly #ownersOf = new Map<number, Set<string>>();
  readonly #shortIds = new Map<string, ShortIds>();
  #shortIdCount = 0;
  #last = 0;
  #size = 0;

  get count(): number {
    return this.#sessions.size;
  }

  /** Characters kept. */
  get size(): number {
    return this.#size;
  }

  open(): AliasSession {
    this.#last += 1;
    const session = { id: this.#last, book: new AliasBook() };
    this.#sessions.set(session.id, session);
    this.#shrink();
    return session;
  }

  /** A session by its id; undefined once it is forgotten. */
  get(id: number): AliasSession | undefined {
    const session = this.#sessions.get(id);
    if (session !== undefined) this.#touch(session);
    return session;
  }

  /** The session a side gave a value to. */
  find(side: Side, kind: string, value: string): AliasSession | undefined {
    const owner = this.#owners.get(aliasKey(side, kind, value));
    return owner === undefined ? undefined : this.get(owner.session);
  }

  /** What `to` calls something that the other side gave to anybody; undefined where it is not known. */
  partner(to: Side, value: string): string | undefined {
    return this.#owners.get(aliasKey(otherSide(to), '', value))?.pair?.[to];
  }

  /** One side gave a value to a session; what the other side calls it comes later. */
  bind(session: AliasSession, side: Side, kind: string, value: string): void {
    if (value !== '') this.#own(session.id, aliasKey(side, kind, value), undefined);
  }

  /** Takes pairs found in the answers to one request of a session; gives those that break a bijection. */
  learn(session: AliasSession, pairs: readonly AliasPair[]): AliasPair[] {
    if (!this.#sessions.has(session.id)) return [];
    return pairs.filter((pair) => this.#learn(session, pair) === 'broken');
  }

  #learn(session: AliasSession, pair: AliasPair): 'known' | 'new' | 'broken' | 'refused' {
    const seen = session.book.check(pair);
    if (seen === 'known' || seen === 'broken') return seen;
    if (this.#breaksAcross(session, pair)) return 'broken';
    const before = session.book.size;
    const learned = session.book.learn(pair, (gone) => this.#disown(session.id, gone));
    this.#size += session.book.size - before;
    if (learned === 'new' && isUnique(pair)) {
      for (const side of SIDES) this.#own(session.id, aliasKey(side, pair.kind, pair[side]), pair);
    }
    this.#shrink();
    return learned;
  }

  /** Whether another session tells otherwise. */
  #breaksAcross(session: AliasSession, pair: AliasPair): boolean {
    if (pair.check === 'never') return false;
    if (!isUnique(pair)) return this.#kindOf(pair.kind)?.breaks(pair, () => this.#roomForShortId()) ?? false;
    const isOther = (side: Side): boolean => {
      const owner = this.#owners.get(aliasKey(side, pair.kind, pair[side]));
      if (owner === undefined || owner.session === session.id) return false;
      // A cookie belongs to one session, whatever the other side calls it.
      if (pair.kind.startsWith('cookie:')) return side === 'candidate';
      return owner.pair !== undefined && owner.pair.check !== 'never' && !isSame(owner.pair, pair);
    };
    return pair.check === 'always' ? SIDES.some(isOther) : isOther('candidate');
  }

  #kindOf(kind: string): ShortIds | undefined {
    const known = this.#shortIds.get(kind);
    if (known !== undefined || this.#shortIds.size >= MAX_KINDS) return known;
    const made = new ShortIds();
    this.#shortIds.set(kind, made);
    return made;
  }

  #roomForShortId(): boolean {
    if (this.#shortIdCount >= MAX_SHORT_IDS) return false;
    this.#shortIdCount += 1;
    return true;
  }

  #own(session: number, key: string, pair: AliasPair | undefined): void {
    const owner = this.#owners.get(key);
    if (owner !== undefined) {
      if (owner.session === session && pair !== undefined) owner.pair = pair;
      return;
    }
    this.#owners.set(key, { session, pair });
    this.#size += key.length;
    const own = this.#ownersOf.get(session);
    if (own === undefined) this.#ownersOf.set(session, new Set([key]));
    else own.add(key);
  }

  #disown(session: number, pair: AliasPair): void {
    for (const side of SIDES) this.#release(session, aliasKey(side, pair.kind, pair[side]));
  }

  #release(session: number, key: string): void {
    if (this.#ownersOf.get(session)?.delete(key) !== true) return;
    this.#owners.delete(key);
    this.#size -= key.length;
  }

  #touch(session: AliasSession): void {
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, session);
  }

  #shrink(): void {
    for (const session of this.#sessions.values()) {
      if ((this.#sessions.size <= MAX_SESSIONS && this.#size <= MAX_TEXT) || this.#sessions.size <= 1) return;
      this.#forget(session);
    }
  }

  #forget(session: AliasSession): void {
    this.#sessions.delete(session.id);
    this.#size -= session.book.size;
    for (const key of [...(this.#ownersOf.get(session.id) ?? [])]) this.#release(session.id, key);
    this.#ownersOf.delete(session.id);
  }
}

/** Values without a noun name one thing wherever they stand, and so do cookies. */
function isUnique({ kind }: AliasPair): boolean {
  return kind === '' || kind.startsWith('cookie:');
}

function isSame(a: AliasPair, b: AliasPair): boolean {
  return a.control === b.control && a.candidate === b.candidate;
}

/**
 * Short ids of one kind, over all sessions. `order 17` is one order on most services, and one of each customer on some:
 * a contradiction counts once twenty pairs have shown that there are hardly any.
 */
class ShortIds {
  readonly #byControl = new Map<string, string>();
  readonly #byCandidate = new Map<string, string>();
  #pairs = 0;
  #contradictions = 0;

  breaks(pair: AliasPair, hasRoom: () => boolean): boolean {
    const mine = this.#byControl.get(pair.control);
    const theirs = this.#byCandidate.get(pair.candidate);
    if (mine === pair.candidate && theirs === pair.control) return false;
    if (mine === undefined && theirs === undefined) {
      if (!hasRoom()) return false;
      this.#pairs += 1;
      this.#byControl.set(pair.control, pair.candidate);
      this.#byCandidate.set(pair.candidate, pair.control);
      return false;
    }
    this.#contradictions += 1;
    return this.#pairs >= TRUSTED_AFTER && this.#contradictions <= Math.max(1, TRUSTED_SHARE * this.#pairs);
  }
}

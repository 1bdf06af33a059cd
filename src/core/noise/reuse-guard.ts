import { hash48 } from '../compare/hash.ts';
import { type ClockPair, record } from './learner.ts';

/** Patterns watched, and values kept of each. */
const MAX_PATTERNS = 500;
const MAX_VALUES = 128;
/** Values of all patterns together that a snapshot holds. */
const MAX_SAVED = 4_000;

/** Exchanges within which a rare thing does not happen twice. */
const RARE_APART = 8;

interface Seen {
  readonly control: string;
  readonly candidate: string;
  readonly exchange: string;
}

interface Watched {
  readonly byControl: Map<string, Seen>;
  readonly byCandidate: Map<string, Seen>;
  /** Moments the candidate has shown, with the control's at that time. */
  readonly moments: Map<number, { readonly exchange: string; readonly clock: ClockPair }>;
  /** Whether the control itself gave a value again: it is kept for a while and no draw. */
  repeats: boolean;
  /** Exchanges checked, the last of them, and the number of the last in which something was rare. */
  checked: number;
  lastExchange: string;
  rareAt: number;
  run: { exchange: string; control: string; candidate: string; length: number };
}

/** A value that should be drawn anew, on both sides. */
export interface Drawn {
  readonly pattern: string;
  /** Path and time of the request: the same pair may be checked more than once. */
  readonly exchange: string;
  readonly control: string;
  readonly candidate: string;
}

/** Remembers drawn values as hashes, and moments, so that one that comes again is noticed; of all tenants together. */
export class ReuseGuard {
  readonly #patterns = new Map<string, Watched>();

  /** Two values the control drew for one request: the candidate must not give them to another. */
  learn(drawn: Drawn): void {
    const known = this.#watched(drawn.pattern);
    if (known === undefined) return;
    for (const text of [drawn.control, drawn.candidate]) {
      const hash = hash48(text);
      const seen = { control: hash, candidate: '', exchange: hash48(drawn.exchange) };
      const before = known.byControl.get(hash);
      if (before === undefined) keep(known.byControl, hash, seen);
      else if (before.exchange !== seen.exchange) known.repeats = true;
    }
  }

  /**
   * `frozen`: the candidate gives a value that was given before, by it or by the control, where the control gives another one now.
   * `stable`: the control gave this value before, for another one of the candidate: it is not drawn anew at all.
   */
  note(drawn: Drawn): 'frozen' | 'stable' | 'fresh' {
    const known = this.#watched(drawn.pattern);
    if (known === undefined) return 'fresh';
    const exchange = hash48(drawn.exchange);
    const seen = { control: hash48(drawn.control), candidate: hash48(drawn.candidate), exchange };
    const sameCandidate = known.byCandidate.get(seen.candidate);
    const sameControl = known.byControl.get(seen.control);
    const ofControl = known.byControl.get(seen.candidate);
    if (sameCandidate === undefined) keep(known.byCandidate, seen.candidate, seen);
    if (sameControl === undefined) keep(known.byControl, seen.control, seen);
    else if (isOther(sameControl, seen)) known.repeats = true;
    if (sameCandidate !== undefined && isOther(sameCandidate, seen)) return 'frozen';
    if (ofControl !== undefined && ofControl.exchange !== exchange && !known.repeats) return 'frozen';
    return sameControl !== undefined && isOther(sameControl, seen) ? 'stable' : 'fresh';
  }

  /**
   * Whether the candidate showed this moment to another exchange, while the control's clock has moved on by more than the two
   * allow. Requests that waited together, as on a busy machine, get one moment as well; but that is after both of them arrived.
   */
  hasStopped(pattern: string, exchange: string, clock: ClockPair): boolean {
    const known = this.#watched(pattern);
    if (known === undefined) return false;
    const before = known.moments.get(clock.candidateMs);
    if (before === undefined) {
      keep(known.moments, clock.candidateMs, { exchange, clock });
      return false;
    }
    const movedMs = Math.abs(before.clock.controlMs - clock.controlMs);
    const isPast = clock.candidateMs < Math.max(before.clock.at, clock.at) - clock.reachMs;
    return before.exchange !== exchange && isPast && movedMs > before.clock.reachMs + clock.reachMs;
  }

  /** In how many exchanges in a row the candidate has given this value while the control gave another each time. */
  runLength(drawn: Drawn): number {
    const known = this.#watched(drawn.pattern);
    if (known === undefined) return 0;
    const [control, candidate] = [hash48(drawn.control), hash48(drawn.candidate)];
    const { run } = known;
    if (run.exchange === drawn.exchange) return run.length;
    const goesOn = run.candidate === candidate && run.control !== control;
    known.run = { exchange: drawn.exchange, control, candidate, length: goesOn ? run.length + 1 : 1 };
    return known.run.length;
  }

  /** Whether something rare happened in two exchanges one after the other: with a chance of 1 in 1,000 that is 1 in a million. */
  comesAgain(pattern: string, exchange: string, isRare: boolean): boolean {
    const known = this.#watched(pattern);
    if (known === undefined) return false;
    if (known.lastExchange !== exchange) known.checked++;
    known.lastExchange = exchange;
    if (!isRare) {
      known.rareAt = -RARE_APART;
      return false;
    }
    // Values of one answer are of one moment, and rare together.
    const apart = known.checked - known.rareAt;
    known.rareAt = known.checked;
    return apart > 0 && apart < RARE_APART;
  }

  #watched(pattern: string): Watched | undefined {
    let known = this.#patterns.get(pattern);
    if (known === undefined && this.#patterns.size < MAX_PATTERNS) {
      known = {
        byControl: new Map(),
        byCandidate: new Map(),
        moments: new Map(),
        repeats: false,
        checked: 0,
        lastExchange: '',
        rareAt: -RARE_APART,
        run: { exchange: '', control: '', candidate: '', length: 0 },
      };
      this.#patterns.set(pattern, known);
    }
    return known;
  }

  /** The values drawn, newest last; moments are not part of it, since they age by themselves. */
  save(): unknown {
    let left = MAX_SAVED;
    return [...this.#patterns].flatMap(([pattern, { byControl, byCandidate, repeats }]) => {
      const each = Math.min(MAX_VALUES / 2, Math.floor(left / 2));
      const rows = (map: Map<string, Seen>): string[][] =>
        [...map]
          .slice(map.size - Math.min(each, map.size))
          .map(([, seen]) => [seen.control, seen.candidate, seen.exchange]);
      const saved = { pattern, repeats, control: rows(byControl), candidate: rows(byCandidate) };
      left -= saved.control.length + saved.candidate.length;
      return left < 0 || saved.control.length + saved.candidate.length === 0 ? [] : [saved];
    });
  }

  /** Takes saved values; parts that cannot be read are left out. */
  load(saved: unknown): void {
    this.#patterns.clear();
    if (!Array.isArray(saved)) return;
    for (const item of saved.slice(0, MAX_PATTERNS)) {
      const from = record(item);
      const pattern = from?.['pattern'];
      const known = typeof pattern === 'string' && pattern.length <= 2_000 ? this.#watched(pattern) : undefined;
      if (known === undefined) continue;
      known.repeats = from?.['repeats'] === true;
      for (const seen of readRows(from?.['control'])) keep(known.byControl, seen.control, seen);
      for (const seen of readRows(from?.['candidate'])) keep(known.byCandidate, seen.candidate, seen);
    }
  }
}

function readRows(saved: unknown): Seen[] {
  if (!Array.isArray(saved)) return [];
  return saved.slice(0, MAX_VALUES).flatMap((row) => {
    if (!Array.isArray(row) || row.length !== 3 || !row.every((text) => /^[\da-f]{0,12}$/.test(String(text))))
      return [];
    const [control, candidate, exchange] = row.map(String) as [string, string, string]; // three in a row
    return [{ control, candidate, exchange }];
  });
}

/** Another pair with other values; the same exchange looked at again is none. */
function isOther(a: Seen, b: Seen): boolean {
  return a.exchange !== b.exchange && (a.control !== b.control || a.candidate !== b.candidate);
}

/** The oldest makes room. */
function keep<K, V>(map: Map<K, V>, key: K, seen: V): void {
  if (map.size >= MAX_VALUES) {
    const oldest = map.keys().next();
    if (!oldest.done) map.delete(oldest.value);
  }
  map.set(key, seen);
}

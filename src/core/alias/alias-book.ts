import type { Side } from '../cell.ts';
import { type AliasPair, aliasKey, MAX_ALIAS_TEXT } from './pair.ts';

/** Pairs of one session; beyond it the one that was met longest ago is forgotten. A long visit meets some dozens. */
export const MAX_PAIRS = 512;
/** Characters of one session's values, both sides together. */
export const MAX_BOOK_TEXT = 262_144;

/** What learning a pair comes to: `broken` pairs are not kept. */
export type Learned = 'known' | 'new' | 'broken' | 'refused';

/** The names that the two sides gave to the same things, within one session. */
export class AliasBook {
  /** By either side's value. Insertion order is that of the last meeting. */
  readonly #byControl = new Map<string, AliasPair>();
  readonly #byCandidate = new Map<string, AliasPair>();
  #size = 0;

  /** Characters kept. */
  get size(): number {
    return this.#size;
  }

  get count(): number {
    return this.#byControl.size;
  }

  /** The pairs, the one met longest ago first. */
  pairs(): AliasPair[] {
    return [...this.#byControl.values()];
  }

  /** How a pair agrees with what is known, without keeping it. */
  check(pair: AliasPair): Learned {
    const mine = this.#byControl.get(aliasKey('control', pair.kind, pair.control));
    if (mine?.candidate === pair.candidate) return 'known';
    if (pair.check !== 'always') return 'new';
    const theirs = this.#byCandidate.get(aliasKey('candidate', pair.kind, pair.candidate));
    const isTaken = (other: AliasPair | undefined): boolean => other?.check === 'always';
    return isTaken(mine) || isTaken(theirs) ? 'broken' : 'new';
  }

  /** Keeps a pair that breaks nothing; `forget` is told what had to go for it. */
  learn(pair: AliasPair, forget: (pair: AliasPair) => void = () => undefined): Learned {
    if (pair.control === '' || pair.candidate === '') return 'refused';
    if (Math.max(pair.control.length, pair.candidate.length, pair.kind.length) > MAX_ALIAS_TEXT) return 'refused';
    const learned = this.check(pair);
    if (learned === 'broken') return learned;
    const old = this.#byControl.get(aliasKey('control', pair.kind, pair.control));
    if (old !== undefined) this.#drop(old);
    this.#byControl.set(aliasKey('control', pair.kind, pair.control), pair);
    this.#byCandidate.set(aliasKey('candidate', pair.kind, pair.candidate), pair);
    this.#size += sizeOf(pair);
    for (const oldest of this.#byControl.values()) {
      if (this.#byControl.size <= MAX_PAIRS && this.#size <= MAX_BOOK_TEXT) break;
      this.#drop(oldest);
      forget(oldest);
    }
    return learned;
  }

  /** The name that `to` has for what the other side calls `value`; undefined where it is not known. */
  translate(to: Side, kind: string, value: string): string | undefined {
    return to === 'candidate'
      ? this.#byControl.get(aliasKey('control', kind, value))?.candidate
      : this.#byCandidate.get(aliasKey('candidate', kind, value))?.control;
  }

  #drop(pair: AliasPair): void {
    if (this.#byControl.delete(aliasKey('control', pair.kind, pair.control))) this.#size -= sizeOf(pair);
    const key = aliasKey('candidate', pair.kind, pair.candidate);
    // Two values of the control may have had one of the candidate; then the later one stands there.
    if (this.#byCandidate.get(key) === pair) this.#byCandidate.delete(key);
  }
}

function sizeOf({ kind, control, candidate }: AliasPair): number {
  return kind.length + control.length + candidate.length;
}

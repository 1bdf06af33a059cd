import type { JournalEntry } from '../ports.ts';
import { canonicalJson } from './canonical-json.ts';

/** SHA-256 of a text in UTF-8, as 64 characters of lower-case hex. The core has none of its own. */
export type Sha256 = (text: string) => string;

/** What the first entry has in place of the hash of the one before it. */
export const BEFORE_FIRST = 'cutover journal';

/**
 * The hash of an entry: SHA-256 of its members other than `hash`, and of `previous`, the hash of the entry before it
 * (`cutover journal` for the first), as one object in canonical JSON (RFC 8785).
 */
export function entryHash(entry: Omit<JournalEntry, 'hash'>, previous: string, sha256: Sha256): string {
  const { sequence, at, actor, action, scope, reason, evidence, revision } = entry;
  return sha256(canonicalJson({ previous, sequence, at, actor, action, scope, reason, evidence, revision }));
}

/** The action of the entry that a migration writes after those it chained. */
export const CHAINED_LATER = 'journal.chained';

/** What was read where an entry should be; `sequence` as far as it is known, `why` what is wrong with it. */
export type ReadEntry =
  | { readonly ok: true; readonly entry: JournalEntry }
  | { readonly ok: false; readonly sequence?: number; readonly why: string };

/** The first entry that does not fit. */
export interface ChainBreak {
  readonly sequence: number;
  /** A sentence that names the entry. */
  readonly why: string;
}

/** What walking a journal from its beginning came to. */
export interface ChainReport {
  /** All is in its place, and the expected hash, where one was given, was found. */
  readonly intact: boolean;
  /** How many fit; all that were seen where the chain is whole. */
  readonly entries: number;
  readonly first?: ChainPlace;
  /** The last entry that fits. */
  readonly last?: ChainPlace;
  readonly broken?: ChainBreak;
  /** Entries up to this one are older than the chain: they were chained as they stood at a migration. */
  readonly chainedLater?: number;
  /** The hash that had to be there; without `sequence` it was not. */
  readonly expected?: { readonly hash: string; readonly sequence?: number };
}

export interface ChainPlace {
  readonly sequence: number;
  readonly at: number;
  readonly hash: string;
}

/** Walks a journal from its first entry on; keeps two entries, however many there are. What comes after a break is not looked at. */
export class ChainCheck {
  readonly #sha256: Sha256;
  readonly #expected: string | undefined;
  #entries = 0;
  #first: ChainPlace | undefined;
  #last: ChainPlace | undefined;
  #broken: ChainBreak | undefined;
  #expectedAt: number | undefined;
  #chainedLater: number | undefined;

  /** `expected`: a hash that an entry must have, known from an earlier look. */
  constructor(sha256: Sha256, expected?: string) {
    this.#sha256 = sha256;
    this.#expected = expected;
  }

  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  /** What comes next. */
  add(read: ReadEntry): void {
    if (this.#broken !== undefined) return;
    const sequence = read.ok ? read.entry.sequence : (read.sequence ?? this.#next);
    this.#broken = this.#outOfPlace(sequence) ?? this.#changed(read);
    if (!read.ok || this.#broken !== undefined) return;
    const { at, hash, action } = read.entry;
    this.#entries += 1;
    this.#last = { sequence, at, hash };
    this.#first ??= this.#last;
    if (hash === this.#expected) this.#expectedAt = sequence;
    if (action === CHAINED_LATER) this.#chainedLater = sequence - 1;
  }

  report(): ChainReport {
    const isMissing = this.#expected !== undefined && this.#expectedAt === undefined;
    return {
      intact: this.#broken === undefined && !isMissing,
      entries: this.#entries,
      ...(this.#first === undefined ? {} : { first: this.#first }),
      ...(this.#last === undefined ? {} : { last: this.#last }),
      ...(this.#broken === undefined ? {} : { broken: this.#broken }),
      ...(this.#chainedLater === undefined ? {} : { chainedLater: this.#chainedLater }),
      ...(this.#expected === undefined
        ? {}
        : {
            expected: {
              hash: this.#expected,
              ...(this.#expectedAt === undefined ? {} : { sequence: this.#expectedAt }),
            },
          }),
    };
  }

  get #next(): number {
    return (this.#last?.sequence ?? 0) + 1;
  }

  #outOfPlace(sequence: number): ChainBreak | undefined {
    const next = this.#next;
    if (sequence === next) return undefined;
    if (sequence > next) {
      const missing =
        sequence === next + 1 ? `Entry ${next} is missing` : `Entries ${next} to ${sequence - 1} are missing`;
      return { sequence: next, why: `${missing}: entry ${sequence} stands in its place.` };
    }
    return { sequence, why: `Entry ${sequence} stands where entry ${next} should be.` };
  }

  #changed(read: ReadEntry): ChainBreak | undefined {
    if (!read.ok) return { sequence: this.#next, why: `Entry ${this.#next} cannot be read: ${read.why}.` };
    const { sequence, hash } = read.entry;
    const right = entryHash(read.entry, this.#last?.hash ?? BEFORE_FIRST, this.#sha256);
    if (hash === right) return undefined;
    const after = sequence === 1 ? 'as the first' : `after entry ${sequence - 1}`;
    return {
      sequence,
      why: `Entry ${sequence} does not fit: its words ${after} give the hash ${right}, but it has ${hash === '' ? 'none' : hash}.`,
    };
  }
}

import { plainName, type SecretNames } from './secret-names.ts';

/** A keyed hash in hex, at least 8 digits; the key never leaves the caller. */
export type SecretHash = (name: string, value: string) => string;

const MARK = /^⟦r:[0-9a-f]{8}⟧$/;
export const MARK_LENGTH = '⟦r:00000000⟧'.length;
/** Matches every mark in a text. */
export const MARKS = /⟦r:[0-9a-f]{8}⟧/g;

/** Names reported per exchange, and values remembered for the sweep. */
const MOST_NAMES = 200;
const MOST_VALUES = 64;
/** Values shorter than this are not looked for elsewhere: they would be found inside ordinary words. */
const SHORTEST_VALUE = 6;
const LONGEST_VALUE = 4_096;

/** The secrets met in one exchange: makes their marks, remembers their names, and their values for the sweep. */
export class Marks {
  readonly names: SecretNames;
  readonly #hash: SecretHash;
  readonly #found = new Set<string>();
  readonly #values = new Map<string, string>();

  constructor(names: SecretNames, hash: SecretHash) {
    this.names = names;
    this.#hash = hash;
  }

  /**
   * `⟦r:xxxxxxxx⟧` for a value: the first 8 hex digits of the keyed hash over the class of its name and the value.
   * What is a mark already, or empty, stays.
   */
  mark(name: string, value: string, where: string): string {
    if (value === '' || MARK.test(value)) return value;
    const mark = `⟦r:${this.#hash(plainName(name), value).slice(0, 8)}⟧`;
    if (this.#found.size < MOST_NAMES) this.#found.add(where);
    if (this.#isWorthSweeping(name, value) && this.#values.size < MOST_VALUES && !this.#values.has(value)) {
      this.#values.set(value, mark);
    }
    return mark;
  }

  /** The mark of an ordinary value, which is reported nowhere and looked for nowhere. */
  valueMark(value: string): string {
    return `⟦r:${this.#hash('', value).slice(0, 8)}⟧`;
  }

  /** Names of what was replaced, sorted: `header:authorization`, `body:/user/password`. */
  get found(): string[] {
    return [...this.#found].sort();
  }

  /** Values that must not be left anywhere else in the exchange, longest first, with their marks. */
  get values(): readonly (readonly [value: string, mark: string])[] {
    return [...this.#values].sort((a, b) => b[0].length - a[0].length);
  }

  /** Ordinary words (`dark`, `disabled`) are values of cookies too; sweeping them would only blur the picture. */
  #isWorthSweeping(name: string, value: string): boolean {
    if (value.length < SHORTEST_VALUE || value.length > LONGEST_VALUE) return false;
    if (value.length >= 20 || /^\d{8,}$/.test(value)) return true;
    if (/\d/.test(value) && /[A-Za-z]/.test(value)) return true;
    return this.names.isSecret(name) && !/^(?:[a-z]+|[\d.,:-]+)$/.test(value);
  }
}

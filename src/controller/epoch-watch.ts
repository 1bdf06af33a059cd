import type { Side } from '../core/cell.ts';

const UNKNOWN = 'unknown';
/** Comparisons in a row of an earlier version after which it is the present one again: somebody went back to it. */
const RETURNED_AFTER = 20;
/** Earlier versions remembered; an older one that comes back begins an epoch at once. */
const MAX_PAST = 100;

/** Which version of either side is the present one, while answers of several may be on their way. */
export class EpochWatch {
  candidate: string = UNKNOWN;
  control: string = UNKNOWN;
  /** What the evidence that was saved is valid for. */
  readonly savedCandidate: string;
  savedRules: string | undefined;
  #past: string[] = [];
  #since = 0;
  #other = '';
  #row = 0;

  /** @param saved What `toJSON` gave, or anything else. */
  constructor(saved: unknown) {
    if (saved !== null && typeof saved === 'object') {
      const fields = saved as Readonly<Record<string, unknown>>; // looked at one by one
      const text = (name: string): string | undefined => (typeof fields[name] === 'string' ? fields[name] : undefined);
      this.candidate = text('candidate') ?? UNKNOWN;
      this.control = text('control') ?? UNKNOWN;
      this.savedRules = text('rules');
      if (typeof fields['since'] === 'number') this.#since = fields['since'];
      if (Array.isArray(fields['past'])) {
        this.#past = fields['past'].filter((one): one is string => typeof one === 'string').slice(-MAX_PAST);
      }
    }
    this.savedCandidate = this.candidate;
  }

  /**
   * Takes the versions of a comparison in. `began`: a new candidate version, from this comparison on;
   * `named`: the first that is told at all, which is the one that ran all the time;
   * `other`: an earlier one, still on its way out; `same`: the present one, or none is told.
   */
  seen(versions: Readonly<Record<Side, string>>, now: number): 'same' | 'named' | 'began' | 'other' {
    if (versions.control !== UNKNOWN) this.control = versions.control;
    const { candidate } = versions;
    if (candidate === UNKNOWN || candidate === this.candidate) {
      this.#row = 0;
      return 'same';
    }
    if (!this.#past.includes(candidate)) {
      const isFirst = this.candidate === UNKNOWN && this.#since === 0;
      this.#become(candidate, now);
      return isFirst ? 'named' : 'began';
    }
    this.#row = candidate === this.#other ? this.#row + 1 : 1;
    this.#other = candidate;
    if (this.#row < RETURNED_AFTER) return 'other';
    this.#become(candidate, now);
    return 'began';
  }

  /** Somebody says which version runs. Gives whether that is another than before. */
  announced(side: Side, version: string, at: number): boolean {
    const before = side === 'candidate' ? this.candidate : this.control;
    // What was told since, by answers or a later announcement, is newer.
    if (version === before || (side === 'candidate' && at < this.#since)) return false;
    if (side === 'control') this.control = version;
    else this.#become(version, at);
    return true;
  }

  #become(version: string, now: number): void {
    if (this.candidate !== UNKNOWN) this.#past = [...this.#past, this.candidate].slice(-MAX_PAST);
    this.#past = this.#past.filter((one) => one !== version);
    this.candidate = version;
    this.#since = now;
    this.#row = 0;
  }

  toJSON(): object {
    return { candidate: this.candidate, control: this.control, since: this.#since, past: this.#past };
  }
}

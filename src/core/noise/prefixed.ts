import { FlatLearner, type Learner, MAX_KEPT_TEXT, type Recognised, type ValuePair } from './learner.ts';
import { alphabetOf, commonAlphabet } from './token.ts';

type PrefixedState = {
  readonly prefix: string;
  readonly suffix: string;
  readonly alphabet: string;
  readonly shortest: number;
  readonly longest: number;
};

/** A fixed text around one run that varies: `section-8f3a12bc`, `order_000123.pdf`. */
export class PrefixedLearner extends FlatLearner<PrefixedState> implements Learner {
  readonly name = 'prefixed';

  constructor() {
    super({ prefix: '', suffix: '', alphabet: '', shortest: 0, longest: 0 });
  }

  absorb({ control, candidate }: ValuePair): boolean {
    const known = this.state.alphabet !== '';
    const parts = known ? this.state : fixedParts(control.text, candidate.text);
    // The padding of base64 is no fixed text.
    if (`${parts.prefix}${parts.suffix}`.replaceAll('=', '') === '') return false;
    if (parts.prefix.length > MAX_KEPT_TEXT || parts.suffix.length > MAX_KEPT_TEXT) return false;
    const runs = [control.text, candidate.text].map((text) => runOf(text, parts));
    const [a, b] = runs;
    if (a === undefined || b === undefined) return false;
    const drawn = commonAlphabet(a, b)?.name;
    // A number after a word is a number: `clock: 1778433973438`, but not `order_000123`.
    if (!known && drawn === 'digits' && !/[_-]$/.test(parts.prefix)) return false;
    const alphabet = drawn === undefined || !known ? drawn : widest(drawn, this.state.alphabet);
    if (alphabet === undefined || (!known && !isRun(a, b))) return false;
    this.state = {
      prefix: parts.prefix,
      suffix: parts.suffix,
      alphabet,
      shortest: Math.min(known ? this.state.shortest : a.length, a.length, b.length),
      longest: Math.max(this.state.longest, a.length, b.length),
    };
    return true;
  }

  recognise({ control, candidate }: ValuePair): Recognised | undefined {
    const run = runOf(candidate.text, this.state);
    if (run === undefined || run.length < this.state.shortest || run.length > this.state.longest) return undefined;
    const alphabet = alphabetOf(run)?.name;
    if (alphabet === undefined || !fits(alphabet, this.state.alphabet)) return undefined;
    return this.isDrawn()
      ? { class: this.name, drawn: { control: control.text, candidate: candidate.text } }
      : { class: this.name };
  }

  isCertain(): boolean {
    return this.isDrawn();
  }

  /** Eight digits in base 16 are 4 billion; fewer, or decimal ones, may come again. */
  private isDrawn(): boolean {
    return this.state.alphabet !== 'digits' && this.state.shortest >= 8;
  }

  envelope(): string {
    const { prefix, suffix, alphabet, shortest, longest } = this.state;
    const length = shortest === longest ? `${shortest}` : `${shortest} to ${longest}`;
    return `"${prefix}", ${length} characters of ${alphabet}, "${suffix}"`;
  }
}

/** What both texts begin and end with, up to a separator. */
function fixedParts(a: string, b: string): { prefix: string; suffix: string } {
  const shorter = Math.min(a.length, b.length);
  let start = 0;
  while (start < shorter && a[start] === b[start]) start++;
  while (start > 0 && isAlphanumeric(a.charCodeAt(start - 1))) start--;
  let end = 0;
  while (end < shorter - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  while (end > 0 && isAlphanumeric(a.charCodeAt(a.length - end))) end--;
  return { prefix: a.slice(0, start), suffix: end === 0 ? '' : a.slice(-end) };
}

function runOf(text: string, { prefix, suffix }: { prefix: string; suffix: string }): string | undefined {
  if (text.length <= prefix.length + suffix.length) return undefined;
  if (!text.startsWith(prefix) || !text.endsWith(suffix)) return undefined;
  const run = text.slice(prefix.length, text.length - suffix.length);
  return /^[\dA-Za-z]+$/.test(run) ? run : undefined;
}

/** Two words are no ids: one of the runs has a digit. */
function isRun(a: string, b: string): boolean {
  return /\d/.test(a) || /\d/.test(b);
}

/** The one of two alphabets that holds the other; undefined where neither does. */
function widest(a: string, b: string): string | undefined {
  if (fits(a, b)) return b;
  return fits(b, a) ? a : undefined;
}

/** A run of hex digits may hold no letter, one of letters and digits no upper case. */
function fits(own: string, learned: string): boolean {
  if (own === learned || learned === 'alphanumeric') return true;
  if (learned === 'digits') return false;
  if (own === 'digits') return true;
  return learned === own.replace('hex', 'alphanumeric');
}

function isAlphanumeric(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}

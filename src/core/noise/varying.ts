import { hash48 } from '../compare/hash.ts';
import {
  FlatLearner,
  type Learner,
  MAX_KEPT,
  MAX_KEPT_TEXT,
  type Recognised,
  type ValuePair,
  withItem,
} from './learner.ts';
import { linkShape } from './link.ts';

/** More distinct values than this are no choice of some but a text that varies. */
const MAX_CHOICES = 16;
/** Inside repeated elements a few values show that the elements themselves are picked anew. */
const MAX_CHOICES_REPEATED = 4;
/**
 * Values seen for each distinct one before the set counts as closed, if each was seen twice. With n draws from d alike values the
 * chance that the next is new is (1 − 1/d)^n, about e^−8 for n = 8 d: 3 in 10,000.
 */
const CLOSED_AFTER = 8;

type VaryingState = {
  readonly values: number;
  readonly hashes: readonly string[];
  /** Those seen more than once. */
  readonly again: readonly string[];
  readonly shapes: readonly string[];
  readonly shortest: number;
  readonly longest: number;
  readonly repeated: boolean;
  /** Values that a second reading had replaced by another. */
  readonly gone: readonly string[];
  /** Whether one that was gone came back: data that changes does not. */
  readonly returns: boolean;
  readonly full: boolean;
};

/** Any other text, number or flag: one of the values the control has shown; of their shape when it has shown many. */
export class VaryingLearner extends FlatLearner<VaryingState> implements Learner {
  constructor() {
    super({
      values: 0,
      hashes: [],
      again: [],
      shapes: [],
      shortest: 0,
      longest: 0,
      repeated: false,
      gone: [],
      returns: false,
      full: false,
    });
  }

  get name(): string {
    return this.isVarying() ? 'varying' : 'one-of';
  }

  private isVarying(): boolean {
    if (this.isClosed()) return false;
    return this.state.hashes.length > (this.state.repeated ? MAX_CHOICES_REPEATED : MAX_CHOICES);
  }

  /** Whether all values there are have been seen: enough draws of each, and none only once. */
  isClosed(): boolean {
    const { values, hashes, again, full } = this.state;
    return !full && again.length === hashes.length && values >= CLOSED_AFTER * hashes.length;
  }

  isCertain(): boolean {
    return this.state.returns && this.state.hashes.length <= MAX_CHOICES;
  }

  absorb({ control, candidate, repeated }: ValuePair): boolean {
    const [first, second] = [hash48(control.text), hash48(candidate.text)];
    const { gone, returns } = this.state;
    this.see(control.text, repeated);
    this.see(candidate.text, repeated);
    this.state = {
      ...this.state,
      returns: returns || gone.includes(first) || gone.includes(second),
      gone: withItem(gone, first),
    };
    return true;
  }

  /** Takes one value. */
  see(text: string, repeated: boolean): void {
    const hash = hash48(text);
    const { values, hashes, again, shapes, shortest, longest, full } = this.state;
    const known = hashes.includes(hash);
    this.state = {
      ...this.state,
      values: values + 1,
      hashes: withItem(hashes, hash),
      again: known ? withItem(again, hash) : again,
      shapes: withItem(shapes, textShape(text)),
      shortest: values === 0 ? text.length : Math.min(shortest, text.length),
      longest: Math.max(longest, text.length),
      repeated,
      full: full || (!known && hashes.length >= MAX_KEPT),
    };
  }

  recognise({ candidate }: ValuePair): Recognised | undefined {
    return this.fits(candidate.text) ? { class: this.name } : undefined;
  }

  private fits(text: string): boolean {
    if (this.state.hashes.includes(hash48(text))) return true;
    return this.isVarying() && this.looksLike(text);
  }

  /** Whether a text is made as those seen were. */
  looksLike(text: string): boolean {
    const { shapes } = this.state;
    const [least, most] = this.lengths();
    if (text.length < least || text.length > most) return false;
    const shape = textShape(text);
    return shape !== 'broken' && shapes.includes(shape);
  }

  private lengths(): readonly [least: number, most: number] {
    return [Math.floor(this.state.shortest / 2), Math.ceil(this.state.longest * 1.5)];
  }

  envelope(): string {
    const { hashes, shapes } = this.state;
    if (!this.isVarying()) return `one of ${hashes.length} values the control has shown`;
    const shown = shapes.slice(0, 3).join(', ') + (shapes.length > 3 ? ' and others' : '');
    const full = shapes.length >= MAX_KEPT ? ' (no more are learned)' : '';
    const [least, most] = this.lengths();
    return `varies: ${shown}${full}, ${least} to ${most} characters`;
  }
}

const BROKEN = /^(undefined|null|nan|none|nil|n\/a)$|\[object |\{\{|\$\{|<\/?[a-z]|\uFFFD|\bundefined\b/i;
/** UTF-8 read as Latin-1: `Ã©` for `é`, `â€™` for `’`. */
const MOJIBAKE = /[\u00c2\u00c3][\u0080-\u00bf]|\u00e2[\u0080\u20ac]/;
const ENTITY = /&(?:[a-z]{2,8}|#x?[\da-f]{2,6});/i;

/** What a text is made of: a link without its last segment, words, or its characters with digits and letters folded. */
export function textShape(text: string): string {
  if (text.trim() === '') return 'blank';
  if (BROKEN.test(text)) return 'broken';
  const link = linkShape(text);
  if (link !== undefined) return `link ${link}`;
  if (/\p{L}{2}/u.test(text)) return wordsShape(text);
  const mask = text.replaceAll(/\p{L}+/gu, 'a').replaceAll(/\d+/g, '9');
  return mask.length > MAX_KEPT_TEXT ? 'long text' : mask;
}

/** Words with what is told of them: letter case of the first, and what a wrong encoding, escaping or trimming leaves. */
function wordsShape(text: string): string {
  const marks = [
    /^\s|\s$/.test(text) ? 'with space around' : '',
    MOJIBAKE.test(text) ? 'with broken letters' : '',
    ENTITY.test(text) ? 'with entities' : '',
    /\\[nrtu"\\]/.test(text) ? 'with escapes' : '',
    /(\.\.\.|…)$/.test(text) ? 'cut' : '',
    /^\p{Lu}[^\p{Ll}]+$/u.test(text) && text.length > 3 ? 'in capitals' : '',
    /^\p{Ll}/u.test(text) ? 'in small letters' : '',
  ].filter((mark) => mark !== '');
  return ['words', ...marks].join(' ');
}

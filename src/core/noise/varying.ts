import { hash48 } from '../compare/hash.ts';
import { FlatLearner, type Learner, MAX_KEPT, MAX_KEPT_TEXT, type ValuePair, withItem } from './learner.ts';
import { linkShape } from './link.ts';

/** More distinct values than this are no choice of some but a text that varies. */
const MAX_CHOICES = 16;
/** Inside repeated elements a few values show that the elements themselves are picked anew. */
const MAX_CHOICES_REPEATED = 4;

type VaryingState = {
  readonly hashes: readonly string[];
  readonly shapes: readonly string[];
  readonly longest: number;
  readonly repeated: boolean;
};

/** Any other text or number: one of the values the control has shown; of their shape when it has shown many. */
export class VaryingLearner extends FlatLearner<VaryingState> implements Learner {
  constructor() {
    super({ hashes: [], shapes: [], longest: 0, repeated: false });
  }

  get name(): string {
    return this.isVarying() ? 'varying' : 'one-of';
  }

  private isVarying(): boolean {
    return this.state.hashes.length > (this.state.repeated ? MAX_CHOICES_REPEATED : MAX_CHOICES);
  }

  absorb({ control, candidate, repeated }: ValuePair): boolean {
    for (const { text } of [control, candidate]) {
      const { hashes, shapes, longest } = this.state;
      this.state = {
        hashes: withItem(hashes, hash48(text)),
        shapes: withItem(shapes, textShape(text)),
        longest: Math.max(longest, text.length),
        repeated,
      };
    }
    return true;
  }

  accepts({ candidate }: ValuePair): boolean {
    const { hashes, shapes, longest } = this.state;
    if (hashes.includes(hash48(candidate.text))) return true;
    if (!this.isVarying() || candidate.text.length > longest * 2) return false;
    const shape = textShape(candidate.text);
    return shape !== 'broken' && shapes.includes(shape);
  }

  envelope(): string {
    const { hashes, shapes, longest } = this.state;
    if (!this.isVarying()) return `one of ${hashes.length} values the control has shown`;
    const shown = shapes.slice(0, 3).join(', ') + (shapes.length > 3 ? ' and others' : '');
    const full = shapes.length >= MAX_KEPT ? ' (no more are learned)' : '';
    return `varies: ${shown}${full}, at most ${longest * 2} characters`;
  }
}

const BROKEN = /^(undefined|null|nan|none|nil|n\/a)$|\[object |\{\{|\$\{|<\/?[a-z]|\uFFFD|\bundefined\b/i;

/** What a text is made of: a link without its last segment, words, or its characters with digits and letters folded. */
export function textShape(text: string): string {
  if (text.trim() === '') return 'blank';
  if (BROKEN.test(text)) return 'broken';
  const link = linkShape(text);
  if (link !== undefined) return `link ${link}`;
  if (/\p{L}{2}/u.test(text)) return 'words';
  const mask = text.replaceAll(/\p{L}+/gu, 'a').replaceAll(/\d+/g, '9');
  return mask.length > MAX_KEPT_TEXT ? 'long text' : mask;
}

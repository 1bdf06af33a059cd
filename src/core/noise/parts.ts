import { type Learner, type NoiseContext, type Recognised, readCount, record, type ValuePair } from './learner.ts';
import { type Split, type SplitName, splitText } from './split.ts';
import { recogniseStep } from './time.ts';
import type { ValueNoise } from './value-noise.ts';

/** Parts of one text that vary; a text with more is another text. */
const MAX_VARYING = 32;
/** Longest name of a part. */
const MAX_KEY = 200;
const NAMES: Readonly<Record<SplitName, string>> = {
  json: 'json',
  encoded: 'encoded',
  'inside-fine': 'inside',
  inside: 'inside',
  'inside-wide': 'inside',
};

/**
 * Texts that are the same but for some parts, each of which is noise of its own kind: links with a query, asset hashes,
 * sentences with a time, documents in a text, cursors. What the control has never varied must be as the control has it.
 */
export class PartsLearner implements Learner {
  readonly name: string;
  readonly #how: SplitName;
  readonly #begin: () => ValueNoise;
  readonly #parts = new Map<string, ValueNoise>();
  #samples = 0;

  constructor(how: SplitName, begin: () => ValueNoise) {
    this.name = NAMES[how];
    this.#how = how;
    this.#begin = begin;
  }

  absorb({ control, candidate, repeated }: ValuePair, context: NoiseContext): boolean {
    const differing = control.type === 'text' ? this.#differing(control.text, candidate.text) : undefined;
    if (differing === undefined) return false;
    this.#samples++;
    for (const { key, a, b, type } of differing) {
      let part = this.#parts.get(key);
      if (part === undefined) {
        if (this.#parts.size >= MAX_VARYING || key.length > MAX_KEY) return false;
        part = this.#begin();
        this.#parts.set(key, part);
      }
      part.absorb({ control: { type, text: a }, candidate: { type, text: b }, repeated }, context, this.#samples);
    }
    return true;
  }

  /** Parts that differ; undefined where the texts differ otherwise, or are a single part and so no composition. */
  #differing(
    control: string,
    candidate: string,
  ): { key: string; a: string; b: string; type: 'text' | 'number' }[] | undefined {
    const left = splitText(control, this.#how);
    if (left === undefined || !isComposed(left, control)) return undefined;
    const right = splitText(candidate, this.#how);
    if (right === undefined || left.frame !== right.frame || left.parts.length !== right.parts.length) return undefined;
    // Members of a document may stand in another order; runs of a text may not.
    const isDocument = this.#how === 'json' || this.#how === 'encoded';
    const others = isDocument ? new Map(right.parts.map(({ key, text }) => [key, text])) : undefined;
    const differing: { key: string; a: string; b: string; type: 'text' | 'number' }[] = [];
    for (const [i, { key, text, type }] of left.parts.entries()) {
      const other = others === undefined ? right.parts[i]?.text : others.get(key);
      if (other === undefined) return undefined;
      if (other !== text) differing.push({ key, a: text, b: other, type });
      if (differing.length > MAX_VARYING) return undefined;
    }
    return differing;
  }

  recognise({ control, candidate, repeated }: ValuePair, context: NoiseContext): Recognised | undefined {
    const differing = this.#differing(control.text, candidate.text);
    if (differing === undefined) return undefined;
    const drawn = { control: '', candidate: '' };
    const classes: string[] = [];
    let clock: Recognised['clock'];
    for (const { key, a, b, type } of differing) {
      const part = this.#parts.get(key);
      const pair = { control: { type, text: a }, candidate: { type, text: b }, repeated };
      // A second that ends between the two readings may not have done so in any pair before.
      const found = part?.isTrustedPart() === true ? part.recognise(pair, context) : recogniseStep(a, b, context);
      if (found === undefined) return undefined;
      classes.push(found.class);
      clock ??= found.clock;
      if (found.drawn === undefined) continue;
      drawn.control += `${found.drawn.control} `;
      drawn.candidate += `${found.drawn.candidate} `;
    }
    return {
      class: classes.find((name) => name !== 'time') ?? classes[0] ?? this.name,
      ...(clock === undefined ? {} : { clock }),
      ...(drawn.candidate === '' ? {} : { drawn }),
    };
  }

  envelope(): string {
    const what = { json: 'a document', encoded: 'encoded', inside: 'the same text' }[this.name] ?? 'the same text';
    const parts = [...this.#parts].slice(0, 4).map(([key, part]) => {
      const learner = part.learner()?.learner;
      return `${key.replace(/^\//, '')}: ${learner?.envelope() ?? 'anything'}`;
    });
    const more = this.#parts.size > 4 ? ` and ${this.#parts.size - 4} more` : '';
    return `${what} but for ${parts.join('; ')}${more}`;
  }

  save(): unknown {
    return { samples: this.#samples, parts: [...this.#parts].map(([key, part]) => ({ key, part: part.save() })) };
  }

  load(saved: unknown): boolean {
    const from = record(saved);
    const samples = readCount(from?.['samples']);
    const parts = from?.['parts'];
    if (samples === undefined || !Array.isArray(parts) || parts.length > MAX_VARYING) return false;
    this.#samples = samples;
    for (const item of parts) {
      const entry = record(item);
      const key = entry?.['key'];
      const part = this.#begin();
      if (typeof key !== 'string' || key.length > MAX_KEY || !part.load(entry?.['part'])) return false;
      this.#parts.set(key, part);
    }
    return true;
  }
}

/** A text that is one run is no composition: its class is that of the whole. */
function isComposed({ parts }: Split, text: string): boolean {
  return parts.length > 1 || parts[0]?.text !== text;
}

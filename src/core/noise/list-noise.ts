import type { Finding, Value } from '../compare/finding.ts';
import { hash48 } from '../compare/hash.ts';
import type { JsonNode } from '../compare/json.ts';
import type { ListMode } from '../compare/walk.ts';
import { MAX_KEPT, record } from './learner.ts';
import { Members } from './members.ts';

/** From so many lists on, one length is the length. */
const ENOUGH_LENGTHS = 8;
/** From so many drifts without another length on, both answers to a request have one length. */
const ENOUGH_SAMPLES = 4;
/** Lists that were all different before the same one again says something. */
const VARIED_LISTS = 12;
/** A longer shape is not kept; its elements are compared as they are. */
const MAX_SHAPE = 2_000;

/** The list an element's pattern is of: `body/items` of `body/items/*`, `…/ul` of `…/ul/li[*]`; undefined for a named member. */
export function listOf(pattern: string): string | undefined {
  const cut = pattern.lastIndexOf('/');
  const last = pattern.slice(cut + 1);
  return cut > 0 && (last === '*' || last.endsWith('[*]')) ? pattern.slice(0, cut) : undefined;
}

/** What control–control pairs have shown of one list. */
export class ListNoise {
  samples = 0;
  private moved = false;
  private picked = false;
  private readonly shapes = new Set<string>();
  private readonly members = new Members();
  private shortest = 0;
  private longest = 0;
  /** Whether the lengths are known or only what the places of changed elements tell. */
  private exact = false;
  /** Lists whose length is known. */
  private lengths = 0;
  /** Hashes of whole lists, and whether one came again. */
  private readonly wholes = new Set<string>();
  private wholeAgain = false;
  /** Whether two answers to one request had different lengths. */
  private unequal = false;

  /** Takes the findings of one pair about this list: its own (order, value) and those of its elements (added, removed). */
  absorb(findings: readonly Finding[]): void {
    this.samples++;
    const counts = { added: 0, removed: 0, reach: 0 };
    for (const finding of findings) {
      if (finding.kind === 'order') {
        this.moved = true;
        continue;
      }
      this.picked = true;
      this.absorbWhole(finding);
      if (isListFinding(finding)) this.absorbLengths(finding);
      else this.absorbElement(finding, counts);
    }
    const whole = findings.find(isListFinding);
    if (whole === undefined ? counts.added !== counts.removed : new Set(lengthsOf(whole)).size > 1) this.unequal = true;
    const longer = counts.reach;
    if (longer > 0 && !this.exact) this.widen(Math.max(1, longer - Math.abs(counts.added - counts.removed)), longer);
  }

  /** Its elements are others each time, though none was found to be more or less. */
  beginPick(): void {
    this.picked = true;
  }

  /** Whether there are so many ways to pick that none comes again: a million, by members and places. */
  isRich(): boolean {
    return this.picked && this.members.count ** this.longest >= 1e6;
  }

  /** Whether all lists seen were different ones, and many: the same one thrice in a row is no chance. */
  isVaried(): boolean {
    return this.wholes.size >= VARIED_LISTS && !this.wholeAgain;
  }

  private absorbWhole({ accounted, control, candidate, kind }: Finding): void {
    if (kind !== 'value' || accounted?.noise !== 'pick') return;
    for (const value of [control, candidate]) {
      const hash = hash48(value?.text ?? '');
      if (this.wholes.has(hash)) this.wholeAgain = true;
      else if (this.wholes.size < MAX_KEPT) this.wholes.add(hash);
    }
  }

  private absorbElement(finding: Finding, counts: { added: number; removed: number; reach: number }): void {
    for (const value of [finding.control, finding.candidate]) {
      const shape = value === undefined ? undefined : shapeOf(value);
      if (shape !== undefined && shape.length <= MAX_SHAPE && this.shapes.size < MAX_KEPT) this.shapes.add(shape);
    }
    const value = finding.candidate ?? finding.control;
    if (value !== undefined && value.type !== 'element') this.members.see(jsonOf(value), false);
    if (finding.kind === 'added') counts.added++;
    if (finding.kind === 'removed') counts.removed++;
    counts.reach = Math.max(counts.reach, positionOf(finding.place.path));
  }

  private absorbLengths({ control, candidate }: Finding): void {
    for (const value of [control, candidate]) {
      const length = value?.type === 'array' ? lengthOf(value.text) : undefined;
      if (length === undefined || value === undefined) continue;
      this.members.see(value.text, true);
      this.lengths++;
      if (!this.exact) this.longest = 0;
      this.exact = true;
      this.widen(length, length);
    }
  }

  private widen(shortest: number, longest: number): void {
    this.shortest = this.longest === 0 ? shortest : Math.min(this.shortest, shortest);
    this.longest = Math.max(this.longest, longest);
  }

  /** How the list is to be compared; undefined where nothing was learned. */
  mode(): ListMode | undefined {
    if (this.picked) {
      const { min, max } = this.range();
      const accepts = (member: JsonNode): boolean => this.members.accepts(member);
      return {
        mode: 'pick',
        shapes: this.shapes,
        min,
        max,
        accepts,
        repeats: this.members.repeats,
        accounted: { noise: 'pick' },
      };
    }
    return this.moved ? { mode: 'bag', accounted: { noise: 'unordered' } } : undefined;
  }

  /** As seen where enough lists had one length, otherwise one less and one more; empty only where the control was. */
  private range(): { min: number; max: number } {
    // No length will do but the control's own.
    if (!this.unequal && this.samples >= ENOUGH_SAMPLES) return { min: Number.MAX_SAFE_INTEGER, max: 0 };
    if (this.exact && this.lengths >= ENOUGH_LENGTHS && this.shortest === this.longest)
      return { min: this.shortest, max: this.longest };
    return { min: Math.max(this.shortest === 0 ? 0 : 1, this.shortest - 1), max: this.longest + 1 };
  }

  get name(): string {
    return this.picked ? 'pick' : 'unordered';
  }

  envelope(): string {
    if (!this.picked) return 'the same elements in any order';
    const { min, max } = this.range();
    const count = this.shapes.size;
    const length =
      min > max ? 'as many elements as the control' : `${min} to ${max} elements or as many as the control`;
    return `${length}, each of ${count} ${count === 1 ? 'shape' : 'shapes'} the control has shown, ${this.members.envelope()}${this.members.repeats ? '' : ', none twice'}`;
  }

  save(): unknown {
    const { samples, moved, picked, shortest, longest, lengths, exact, unequal } = this;
    const members = this.members.save();
    const { wholes, wholeAgain } = this;
    return {
      samples,
      moved,
      picked,
      shortest,
      longest,
      lengths,
      exact,
      unequal,
      shapes: [...this.shapes],
      members,
      wholes: [...wholes],
      wholeAgain,
    };
  }

  load(saved: unknown): boolean {
    const from = record(saved);
    if (from === undefined || !Array.isArray(from['shapes'])) return false;
    const counts = [from['samples'], from['shortest'], from['longest'], from['lengths']];
    const flags = [from['moved'], from['picked'], from['exact'], from['unequal']];
    if (!counts.every((count) => Number.isSafeInteger(count) && Number(count) >= 0)) return false;
    if (!flags.every((flag) => typeof flag === 'boolean')) return false;
    const shapes = from['shapes'].filter((shape) => typeof shape === 'string' && shape.length <= MAX_SHAPE);
    for (const shape of shapes.slice(0, MAX_KEPT)) this.shapes.add(shape);
    this.members.load(from['members']);
    const wholes: unknown = from['wholes'];
    for (const hash of Array.isArray(wholes) ? wholes.slice(0, MAX_KEPT) : []) {
      if (typeof hash === 'string' && hash.length === 12) this.wholes.add(hash);
    }
    this.wholeAgain = from['wholeAgain'] === true;
    // Four in, four out.
    [this.samples, this.shortest, this.longest, this.lengths] = counts.map(Number) as [number, number, number, number];
    [this.moved, this.picked, this.exact, this.unequal] = flags as [boolean, boolean, boolean, boolean]; // checked above
    return true;
  }
}

function isListFinding({ control, candidate }: Finding): boolean {
  return control?.type === 'array' && candidate?.type === 'array';
}

function lengthsOf({ control, candidate }: Finding): (number | undefined)[] {
  return [control, candidate].map((value) => (value === undefined ? undefined : lengthOf(value.text)));
}

/** As the walks name the shapes of leaves. */
export function shapeOf({ type, text, shape }: Value): string | undefined {
  if (shape !== undefined) return shape;
  if (type === 'text') return text === '' ? 'e' : 's';
  return {
    null: '0',
    boolean: 'b',
    number: 'n',
    array: undefined,
    object: undefined,
    element: undefined,
    bytes: undefined,
  }[type];
}

/** How many elements there are up to this one: 3 for `body/items/2`, 2 for `…/li[2]`. */
function positionOf(path: string): number {
  const [, index, place] = /(?:\/(\d{1,7})|\[(\d{1,7})\])$/.exec(path) ?? [];
  return index !== undefined ? Number(index) + 1 : Number(place ?? 0);
}

/** Elements of a list as JSON; undefined where it was cut. */
function lengthOf(text: string): number | undefined {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? list.length : undefined;
  } catch {
    return undefined;
  }
}

/** A value as JSON. */
function jsonOf({ type, text }: Value): string {
  return type === 'text' ? JSON.stringify(text) : text;
}

import { Budget } from '../compare/budget.ts';
import { type JsonNode, parseJson } from '../compare/json.ts';
import { jsonHash } from '../compare/json-value.ts';
import { readCount, record } from './learner.ts';
import { textShape, VaryingLearner } from './varying.ts';

/** Distinct members kept; of more the list is open. */
const MAX_MEMBERS = 256;
/** As for one value: the set is closed with 8 draws for each member, none of which came only once. */
const CLOSED_AFTER = 8;
/** Leaves of one member that are looked at. */
const MAX_LEAVES = 48;
/** Values of a leaf before its range says something. */
const MIN_VALUES = 10;
const MAX_KEY = 200;

/** What the numbers of one leaf were. */
interface Range {
  values: number;
  least: number;
  greatest: number;
}

/**
 * The members a list is picked from: all of them, once they have come often enough, and until then
 * the range of each number in them and what their texts look like.
 */
export class Members {
  /** Whether one list held a member twice. */
  repeats = false;
  #values = 0;
  #full = false;
  /** How often each came, at most 2. */
  readonly #seen = new Map<number, number>();
  readonly #numbers = new Map<string, Range>();
  readonly #texts = new Map<string, VaryingLearner>();

  /** Takes the members of a list, or one member, from their JSON; cut texts teach nothing. */
  see(text: string, isList: boolean): void {
    const parsed = parseJson(text, new Budget(Number.MAX_SAFE_INTEGER, () => false));
    if (!parsed.ok || (isList && parsed.node.kind !== 'array')) return;
    const hashes = isList ? parsed.node.items.map(jsonHash) : [];
    if (new Set(hashes).size < hashes.length) this.repeats = true;
    for (const member of isList ? parsed.node.items : [parsed.node]) this.#seeOne(member);
  }

  #seeOne(member: JsonNode): void {
    const hash = jsonHash(member);
    const count = this.#seen.get(hash) ?? 0;
    this.#values++;
    if (count > 0 || this.#seen.size < MAX_MEMBERS) this.#seen.set(hash, Math.min(2, count + 1));
    else this.#full = true;
    for (const [key, leaf] of leavesOf(member)) {
      if (key.length > MAX_KEY) continue;
      if (leaf.kind === 'number') this.#seeNumber(key, Number(leaf.text));
      else if (this.#texts.has(key) || this.#texts.size < MAX_LEAVES) {
        const known = this.#texts.get(key) ?? new VaryingLearner();
        known.see(leaf.text, true);
        this.#texts.set(key, known);
      }
    }
  }

  #seeNumber(key: string, value: number): void {
    const known = this.#numbers.get(key);
    if (known === undefined) {
      if (this.#numbers.size < MAX_LEAVES) this.#numbers.set(key, { values: 1, least: value, greatest: value });
      return;
    }
    known.values++;
    known.least = Math.min(known.least, value);
    known.greatest = Math.max(known.greatest, value);
  }

  /** Distinct members seen. */
  get count(): number {
    return this.#seen.size;
  }

  isClosed(): boolean {
    if (this.#full || this.#values < CLOSED_AFTER * this.#seen.size || this.#seen.size === 0) return false;
    return [...this.#seen.values()].every((count) => count > 1);
  }

  /** Whether the candidate's member may be one of the list. */
  accepts(member: JsonNode): boolean {
    if (this.#seen.has(jsonHash(member))) return true;
    if (this.isClosed()) return false;
    for (const [key, leaf] of leavesOf(member)) {
      const range = leaf.kind === 'number' ? this.#numbers.get(key) : undefined;
      if (range !== undefined && !isWithin(range, Number(leaf.text))) return false;
      if (leaf.kind === 'string' && !this.#fits(key, leaf.text)) return false;
    }
    return true;
  }

  #fits(key: string, text: string): boolean {
    const known = this.#texts.get(key);
    if (known === undefined || known.state.values < MIN_VALUES) return textShape(text) !== 'broken';
    return known.looksLike(text);
  }

  envelope(): string {
    if (this.isClosed()) return `one of the ${this.#seen.size} members the control picks from`;
    return `numbers and texts like those of ${this.#values} members seen`;
  }

  save(): unknown {
    return {
      repeats: this.repeats,
      values: this.#values,
      full: this.#full,
      seen: [...this.#seen].map(([hash, count]) => [hash, count]),
      numbers: [...this.#numbers].map(([key, { values, least, greatest }]) => [key, values, least, greatest]),
      texts: [...this.#texts].map(([key, texts]) => [key, texts.save()]),
    };
  }

  /** Takes a saved state; parts that cannot be read are left out. */
  load(saved: unknown): void {
    const from = record(saved);
    this.repeats = from?.['repeats'] === true;
    this.#values = readCount(from?.['values']) ?? 0;
    this.#full = from?.['full'] === true;
    for (const [hash, count] of rowsOf(from?.['seen'], MAX_MEMBERS)) {
      if (Number.isSafeInteger(hash) && (count === 1 || count === 2)) this.#seen.set(Number(hash), count);
    }
    for (const [key, values, least, greatest] of rowsOf(from?.['numbers'], MAX_LEAVES)) {
      if (typeof key !== 'string' || key.length > MAX_KEY) continue;
      if (readCount(values) === undefined || !Number.isFinite(least) || !Number.isFinite(greatest)) continue;
      this.#numbers.set(key, { values: Number(values), least: Number(least), greatest: Number(greatest) });
    }
    for (const [key, state] of rowsOf(from?.['texts'], MAX_LEAVES)) {
      const texts = new VaryingLearner();
      if (typeof key === 'string' && key.length <= MAX_KEY && texts.load(state)) this.#texts.set(key, texts);
    }
  }
}

function rowsOf(saved: unknown, most: number): unknown[][] {
  return Array.isArray(saved) ? saved.slice(0, most).filter((row) => Array.isArray(row)) : [];
}

/** Half of what was seen once more on either side, but no other sign. */
function isWithin({ values, least, greatest }: Range, value: number): boolean {
  if (values < MIN_VALUES || Number.isNaN(value)) return true;
  const slack = (greatest - least) / 2;
  const low = least >= 0 ? Math.max(0, least - slack) : least - slack;
  return value >= low && value <= greatest + slack;
}

/** Numbers and texts inside a member by their paths, those of lists in it together. */
function leavesOf(member: JsonNode): [string, JsonNode][] {
  const leaves: [string, JsonNode][] = [];
  const visit = (node: JsonNode, path: string): void => {
    if (leaves.length >= MAX_LEAVES) return;
    if (node.kind === 'number' || node.kind === 'string') leaves.push([path, node]);
    node.items.forEach((item, i) => {
      visit(item, `${path}/${node.keys[i] ?? '*'}`);
    });
  };
  visit(member, '');
  return leaves;
}

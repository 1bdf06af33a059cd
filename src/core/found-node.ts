import type { EndpointId } from './cell.ts';
import { extensionOf, isForm, isLiteral, looksOdd } from './path-shape.ts';

/** Names that do not look like names of an API (`red-cotton-shirt`, `bob42`): with one more they are values. */
const ODD_NAMES = 8;
/** The same where other values have been seen. */
const ODD_NAMES_AMONG_VALUES = 2;
/** An odd name is a value at once where ids came so much more often than all names. */
const IDS_PER_NAME = 20;
/** Plain names beside values: with one more they are values too, but for those that stand out. */
const NAMES_AMONG_VALUES = 8;
/** Plain names that were nearly all seen once: they are values. A fixed set of 60 would have shown a third of its names again. */
const NAMES_SEEN_ONCE = 30;
const SEEN_ONCE = 0.9;
/** Plain names of which new ones still come after so many requests: they are values. */
const MANY_REQUESTS = 150;
const SOME_NAMES = 20;
/** Plain names in any case; more are values. */
const MOST_NAMES = 100;
/** Names that a full trie looks for: a place with so many is merged to make room. */
export const NAMES_WORTH_MERGING = 20;

/** A name stands out when it was seen as often as this, and five times as often as the next that does not. */
const STANDS_OUT = 8;
const STANDS_OUT_AT_MERGE = 4;
const GAP = 5;
/** Names that may stand out at one place. */
const MOST_STANDING = 12;

/** Requests after which the names that were taken for values are looked at, and forgotten if seen once. */
const ROUND = 256;
const ROUNDS = 8;

export type ValueLabel = '{id}' | '{name}';

export interface End {
  readonly id: EndpointId;
  /** While a merge goes on: the endpoints that are now this one. */
  olds: EndpointId[] | undefined;
}

/** One place in a path: what may follow, and what is known of it. */
export class FoundNode {
  readonly children = new Map<string, FoundNode>();
  end: End | undefined;
  /** What it is called looks like a name, like an odd one, or stands for values. */
  readonly look: 'plain' | 'odd' | 'values';
  /** Requests that came through here. */
  hits = 0;
  /** Requests that went on with a name of its own. */
  named = 0;
  /** Children that are names, by look. */
  plain = 0;
  odd = 0;
  /** What values are called here, once names turned out to be such; odd names are then, plain ones where `all`. */
  value: ValueLabel | undefined;
  all = false;
  /** Plain names that were taken for values, with how often they came; undefined where none were. */
  private taken: Map<string, number> | undefined;
  private takenSeen = 0;
  /** Names that stood out but are followed by what follows values: they stay values. At most `MOST_STANDING`. */
  private settled: Set<string> | undefined;

  constructor(label: string) {
    this.look = !isLiteral(label) ? 'values' : looksOdd(label) ? 'odd' : 'plain';
  }

  /** The label under which a path goes on here. */
  labelFor(label: string, isLast: boolean): string {
    if (this.value === undefined || this.children.has(label)) return label;
    if (!isLiteral(label)) return this.valueLabel(label.slice(label.indexOf('}') + 1));
    return this.all || this.settled?.has(label) === true || looksOdd(label)
      ? this.valueLabel(isLast ? extensionOf(label) : '')
      : label;
  }

  /** Files are kept apart by their extension, but where values are folders, in which `next.js` is one as well. */
  private valueLabel(extension: string): string {
    const value = this.value ?? '{name}';
    return extension === '' || (this.hasFolders && !isForm(extension)) ? value : value + extension;
  }

  /** Whether something comes after the values of this place. */
  private get hasFolders(): boolean {
    return this.value !== undefined && (this.children.get(this.value)?.children.size ?? 0) > 0;
  }

  /** Files among the values that are none, now that something comes after these values. */
  misplacedFiles(): string[] {
    const { value } = this;
    if (value === undefined || !this.hasFolders) return [];
    return [...this.children.keys()].filter((label) => {
      return label.startsWith(`${value}.`) && !isForm(label.slice(value.length));
    });
  }

  /**
   * Whether a plain name is followed by what follows the values beside it, and by nothing else: then it is a value,
   * however often it comes.
   */
  isLikeValues(name: string, next?: string): boolean {
    const child = this.children.get(name);
    const values = this.value === undefined ? undefined : this.children.get(this.value);
    if (child?.look !== 'plain' || values === undefined) return false;
    // A value after it says nothing: `/tags/7` and `/archive/7` are two things.
    const after = [...child.children.keys(), ...(next === undefined ? [] : [next])].filter(isLiteral);
    return after.length > 0 && after.every((label) => values.children.has(values.labelFor(label, false)));
  }

  /** The plain names beside values that are like them. */
  likeValues(): string[] {
    return [...this.children.keys()].filter((name) => this.isLikeValues(name));
  }

  child(label: string): FoundNode {
    const present = this.children.get(label);
    if (present !== undefined) return present;
    const made = new FoundNode(label);
    this.children.set(label, made);
    this.count(made, 1);
    return made;
  }

  remove(label: string): void {
    const child = this.children.get(label);
    if (child === undefined) return;
    this.children.delete(label);
    this.count(child, -1);
  }

  private count({ look }: FoundNode, by: number): void {
    if (look === 'odd') this.odd += by;
    else if (look === 'plain') this.plain += by;
  }

  /** Names are values here from now on: odd ones, or all. An id that was seen gives the name, so that fewer names change. */
  open(all: boolean): void {
    const hasIds = [...this.children.keys()].some((label) => label.startsWith('{id}'));
    this.value ??= hasIds ? '{id}' : '{name}';
    this.all ||= all;
  }

  /** Which names are too many with `newcomer` among them. */
  crowd(newcomer: string): 'odd' | 'all' | undefined {
    const isOdd = looksOdd(newcomer);
    const takesValues = this.value !== undefined;
    if (!isOdd && this.isCrowded(this.plain + 1)) return 'all';
    if (!isOdd || takesValues) return undefined;
    const ids = this.children.get('{id}')?.hits ?? 0;
    const isRare = ids >= IDS_PER_NAME * (this.named + 1);
    return isRare || this.odd >= (ids > 0 ? ODD_NAMES_AMONG_VALUES : ODD_NAMES) ? 'odd' : undefined;
  }

  private isCrowded(plain: number): boolean {
    if (this.value !== undefined) return !this.all && plain > NAMES_AMONG_VALUES;
    if (plain > MOST_NAMES) return true;
    if (plain <= SOME_NAMES) return false;
    let once = 1;
    for (const { hits, look } of this.children.values()) if (hits <= 1 && look === 'plain') once += 1;
    if (plain >= NAMES_SEEN_ONCE && once >= SEEN_ONCE * plain) return true;
    return this.named >= MANY_REQUESTS && once > plain / 2;
  }

  /** The names that are to be merged; those that stand out stay. */
  mergeable(): string[] {
    const names = [...this.children].filter(([, { look }]) => look !== 'values');
    const hits = new Map(names.filter(([, { look }]) => look === 'plain').map(([label, child]) => [label, child.hits]));
    const stay = this.all ? standingOut(hits, STANDS_OUT_AT_MERGE) : new Set(hits.keys());
    return names.map(([label]) => label).filter((label) => !stay.has(label));
  }

  /** Notes a plain name that went to the values; gives those that turned out to stand out. */
  noteTaken(label: string, mayRemember: boolean): ReadonlySet<string> {
    this.taken ??= new Map();
    const { taken } = this;
    const known = taken.get(label);
    if (known !== undefined || mayRemember) taken.set(label, (known ?? 0) + 1);
    this.takenSeen += 1;
    const isDue = this.takenSeen % ROUND === 0 || this.takenSeen === ROUND / 4 || this.takenSeen === ROUND / 2;
    if (!isDue) return NONE;
    const standing = standingOut(taken, STANDS_OUT);
    const free = MOST_STANDING - this.plain;
    const names = [...standing].filter((name) => this.settled?.has(name) !== true).slice(0, Math.max(0, free));
    const isOver = this.takenSeen >= ROUND * ROUNDS;
    for (const [name, count] of taken) if (isOver || count < 2 || names.includes(name)) taken.delete(name);
    if (isOver) this.takenSeen = 0;
    return new Set(names);
  }

  /** A name is a value for good, however often it comes: also where only odd names are, it goes to the values. */
  settle(name: string): void {
    this.settled ??= new Set();
    if (this.settled.size < MOST_STANDING) this.settled.add(name);
  }

  /** Names of this place that are remembered though they are values. */
  get takenNames(): number {
    return this.taken?.size ?? 0;
  }
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Names seen much more often than the rest: fixed words among values, which come once or twice each.
 * Where popularity falls off smoothly, as among values it does, nothing stands out.
 */
function standingOut(counts: ReadonlyMap<string, number>, least: number): Set<string> {
  const ranked = [...counts].sort(([, a], [, b]) => b - a).slice(0, MOST_STANDING + 1);
  let standing = 0;
  for (let i = 0; i < Math.min(ranked.length, MOST_STANDING); i++) {
    const [here, next] = [ranked[i]?.[1] ?? 0, ranked[i + 1]?.[1] ?? 1];
    if (here >= least && here >= Math.min(GAP, least) * next) standing = i + 1;
  }
  return new Set(ranked.slice(0, standing).map(([name]) => name));
}

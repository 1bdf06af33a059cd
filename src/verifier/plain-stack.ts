import { foreignContent } from 'parse5';
import type { HtmlNode } from '../core/compare/html-node.ts';
import { Unplain } from './plain-attributes.ts';
import { type Inside, list, type TagRule } from './plain-rules.ts';
import { MAX_DEPTH, shownChildren } from './shown-html.ts';

/** An element that knows where in its page it stands, so that another page can be read in step with it. */
export interface Placed extends HtmlNode {
  readonly start: number;
  /** Behind its end tag, or, where that is left out, where what ends it begins. */
  readonly end: number;
  /** The text up to here makes the element what it is: its own, and the name of the tag that ends it. */
  readonly seen: number;
}

/** An element whose end has not come yet. */
export interface Open {
  /** In lower case, as written. */
  readonly name: string;
  readonly rule: TagRule;
  readonly inside: Inside;
  readonly isSvg: boolean;
  readonly keepsSpace: boolean;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: (string | HtmlNode)[];
  readonly start: number;
  /** Elements in the same place of the first page: those of an element with the same names above it. */
  readonly mates: readonly Placed[];
  /** The mate that is expected next. */
  next: number;
}

export type Begun = Pick<Open, 'name' | 'rule' | 'isSvg' | 'attributes' | 'start'>;

/** The open elements, innermost last; each one that closes becomes a child of the one around it. */
export class OpenElements {
  readonly #open: Open[] = [];
  /** Open elements of each name that is counted. */
  readonly #counts = new Map<string, number>();

  get length(): number {
    return this.#open.length;
  }

  /** The innermost; one must be open. */
  get top(): Open {
    return this.#open[this.#open.length - 1] as Open; // asked for only while one is open
  }

  at(index: number): Open {
    return this.#open[index] as Open; // from 0 to below the length
  }

  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  push({ name, rule, isSvg, attributes, start }: Begun, mate: HtmlNode | undefined): Open {
    const around = this.#open.at(-1);
    if (this.#open.length >= MAX_DEPTH) throw new Unplain();
    const open: Open = {
      name,
      rule,
      inside: rule.inside ?? around?.inside ?? 'body',
      isSvg,
      keepsSpace: around?.keepsSpace === true || KEEPS_SPACE.has(name),
      attributes,
      children: [],
      start,
      mates: mate === undefined ? NO_MATES : elementsOf(mate),
      next: 0,
    };
    this.#open.push(open);
    if (rule.isCounted === true) this.#counts.set(name, this.count(name) + 1);
    return open;
  }

  /** Closes the innermost element, which ends at `end`; see `Placed.seen`. */
  pop(end: number, seen: number): Placed {
    const open = this.#open.pop() as Open; // as `top`
    if (open.rule.isCounted === true) this.#counts.set(open.name, this.count(open.name) - 1);
    const node = placed(open, end, seen);
    this.#open.at(-1)?.children.push(node);
    return node;
  }

  /**
   * The nearest open element that `is` wanted, below anything that bounds; -1 where there is none.
   * The outermost, `html`, bounds everything.
   */
  find(is: (open: Open) => boolean, bounds: (open: Open) => boolean): number {
    for (let index = this.#open.length - 1; index >= 0; index--) {
      const open = this.at(index);
      if (is(open)) return index;
      if (bounds(open)) return -1;
    }
    return -1;
  }
}

const KEEPS_SPACE: ReadonlySet<string> = list('pre textarea script style');
const NO_MATES: readonly Placed[] = [];

function elementsOf(node: HtmlNode): Placed[] {
  // All elements of a plain page are placed.
  return node.children.filter((child) => child.kind === 'element') as unknown as Placed[];
}

function placed({ name, isSvg, attributes, children, keepsSpace, start }: Open, end: number, seen: number): Placed {
  const shown = isSvg ? (foreignContent.SVG_TAG_NAMES_ADJUSTMENT_MAP.get(name) ?? name) : name;
  return {
    kind: 'element',
    name: shown,
    attributes,
    children: shownChildren(shown, children, keepsSpace),
    text: '',
    hash: 0,
    start,
    end,
    seen,
  };
}

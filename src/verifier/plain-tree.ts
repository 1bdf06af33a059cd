import type { HtmlNode } from '../core/compare/html-node.ts';
import { Unplain } from './plain-attributes.ts';
import { IMPLIED, OPEN_TO_ITEMS, ruleOf, type TagRule } from './plain-rules.ts';
import { type Open, OpenElements } from './plain-stack.ts';

/** Where a tag stands in the text. */
export interface TagPlace {
  readonly start: number;
  /** Behind its name and the character that ends it: what must be there for the tag to be this one. */
  readonly seen: number;
}

/** Gives the element of the first page in whose place one of this name begins. */
type MateOf = (parent: Open, name: string) => HtmlNode | undefined;

/**
 * What tags do to the elements that are open (HTML Living Standard, 13.2.6, tree construction), as far as they only close
 * and imply. Throws `Unplain` where the standard would move something, open formatting anew, or drop what it was given.
 */
export class PlainTree extends OpenElements {
  readonly #mateOf: MateOf;

  constructor(mateOf: MateOf) {
    super();
    this.#mateOf = mateOf;
  }

  /** Closes what a start tag of this name closes, and opens what it implies: then its element belongs into `top`. */
  makeRoom(name: string, rule: TagRule, place: TagPlace): void {
    if (rule.isOdd === true) throw new Unplain();
    if (rule.isPart === true) {
      // Elsewhere such a tag is dropped.
      if (this.top.inside === 'body' || this.top.inside === 'select') throw new Unplain();
      this.#endCell(place);
    }
    switch (this.top.inside) {
      case 'table':
      case 'rows':
      case 'row':
      case 'columns':
        this.#tablePart(name, rule, place);
        return;
      case 'select':
        if (name !== 'option' && name !== 'optgroup' && name !== 'hr') throw new Unplain();
        if (this.top.name === 'option') this.#imply(place);
        if (this.top.name === 'optgroup' && name !== 'option') this.#imply(place);
        return;
      default:
        this.#flow(name, rule, place);
    }
  }

  /** A part of a table ends the cell or the caption that it stands in. */
  #endCell(place: TagPlace): void {
    const { inside } = this.top;
    if (inside !== 'cell' && inside !== 'caption') return;
    this.#closeTo(this.#holder(inside), place);
  }

  /** The place of the cell or caption that is open, which there is. */
  #holder(inside: 'cell' | 'caption'): number {
    return this.find(({ rule }) => rule.inside === inside, never);
  }

  #tablePart(name: string, rule: TagRule, place: TagPlace): void {
    for (;;) {
      const { inside } = this.top;
      // A script stands where it is written.
      if ((name === 'script' || name === 'style') && inside !== 'columns') return;
      if (inside !== 'columns' && rule.isPart !== true) throw new Unplain();
      const isCell = name === 'td' || name === 'th';
      if (inside === 'columns' ? name === 'col' : inside === 'row' ? isCell : inside === 'rows' && name === 'tr')
        return;
      if (inside === 'table') {
        const implied = name === 'col' ? 'colgroup' : isCell || name === 'tr' ? 'tbody' : undefined;
        if (implied === undefined) return;
        this.#pushImplied(implied, place);
      } else if (inside === 'rows' && isCell) this.#pushImplied('tr', place);
      else this.#imply(place);
    }
  }

  #pushImplied(name: string, { start }: TagPlace): void {
    const mate = this.#mateOf(this.top, name);
    this.push({ name, rule: ruleOf(name), isSvg: false, attributes: NONE, start }, mate);
  }

  /** In a body, a cell or a caption. */
  #flow(name: string, rule: TagRule, place: TagPlace): void {
    if (rule.isAlone === true && this.count(name) > 0) throw new Unplain();
    if (rule.isItem === true) this.#endItem(name, place);
    if (rule.endsParagraph === true && this.count('p') > 0) {
      const paragraph = this.find(isParagraph, boundsButtons);
      if (paragraph >= 0) this.#closeTo(paragraph, place);
    }
    if (rule.end === 'heading' && isHeading(this.top)) this.#imply(place);
    if ((name === 'option' || name === 'optgroup') && this.top.name === 'option') this.#imply(place);
  }

  #endItem(name: string, place: TagPlace): void {
    const isItem = (open: Open): boolean =>
      name === 'li' ? open.name === 'li' : open.name === 'dd' || open.name === 'dt';
    const item = this.find(isItem, (open) => open.rule.isSpecial === true && !OPEN_TO_ITEMS.has(open.name));
    if (item >= 0) this.#closeTo(item, place);
  }

  /** Closes all from the innermost to the one at `index`, because of a tag that is not its end tag. */
  #closeTo(index: number, place: TagPlace): void {
    // A cell forgets the formatting in it; anywhere else it would be opened anew behind.
    const forgets = this.at(index).rule.inside !== undefined;
    while (this.length > index) this.#imply(place, forgets);
  }

  #imply({ start, seen }: TagPlace, forgets = false): void {
    const { name, rule } = this.top;
    // A form whose end tag is missing goes on being the form of what follows.
    if ((rule.isFormatting === true && !forgets) || name === 'form') throw new Unplain();
    this.pop(start, seen);
  }

  /** What an end tag does; `end` is behind it. False: it is that of the body or the page. */
  endTag(name: string, place: TagPlace, end: number): boolean {
    if (this.top.name === name && name !== 'body') {
      this.pop(end, end);
      return true;
    }
    if (this.top.isSvg) throw new Unplain();
    switch (this.top.inside) {
      case 'body':
        if (name === 'body' || name === 'html') return false;
        this.#endFlow(name, place, end);
        return true;
      case 'select':
        this.#endInSelect(name, place, end);
        return true;
      case 'cell':
      case 'caption':
        if (name === 'table' || ruleOf(name).isPart === true) this.#endInCell(name, place, end);
        else if (name === 'body' || name === 'html') throw new Unplain();
        else this.#endFlow(name, place, end);
        return true;
      default:
        this.#endInTable(name, place, end);
        return true;
    }
  }

  #endInSelect(name: string, place: TagPlace, end: number): void {
    if (name === 'select')
      this.#closeWith(
        this.find((open) => open.name === 'select', never),
        place,
        end,
      );
    else if (name === 'option' || name === 'optgroup') {
      const isOfGroup = this.top.name === 'option' && this.at(this.length - 2).name === 'optgroup';
      if (name === 'optgroup' && isOfGroup) this.#imply(place);
      if (this.top.name === name) this.pop(end, end);
    } else throw new Unplain();
  }

  #endInCell(name: string, place: TagPlace, end: number): void {
    const { inside } = this.top;
    const holder = this.#holder(inside === 'caption' ? 'caption' : 'cell');
    if (name === this.at(holder).name) this.#closeWith(holder, place, end);
    else if (name === 'table' || (inside === 'cell' && this.#isAround(name, holder))) {
      this.#endCell(place);
      this.#endInTable(name, place, end);
    } else if (name !== 'td' && name !== 'th') throw new Unplain();
  }

  /** Whether a row or group of rows of this name holds the cell at `index`. */
  #isAround(name: string, index: number): boolean {
    return this.at(index - 1).name === name || this.at(index - 2).name === name;
  }

  #endInTable(name: string, place: TagPlace, end: number): void {
    for (;;) {
      const { inside, name: open } = this.top;
      if (name === open) {
        this.pop(end, end);
        return;
      }
      const isGroup = name === 'tbody' || name === 'thead' || name === 'tfoot';
      if (inside === 'columns' && name !== 'col') this.#imply(place);
      else if (inside === 'row' && (name === 'table' || (isGroup && this.at(this.length - 2).name === name)))
        this.#imply(place);
      else if (inside === 'rows' && name === 'table') this.#imply(place);
      // The end of what is not open is ignored.
      else if (name === 'td' || name === 'th' || (name === 'tr' && inside !== 'row')) return;
      else throw new Unplain();
    }
  }

  /** In a body, a cell or a caption. */
  #endFlow(name: string, place: TagPlace, end: number): void {
    const rule = ruleOf(name);
    if (rule.isOdd === true || name === 'br') throw new Unplain();
    const isIt = (open: Open): boolean => open.name === name && !open.isSvg;
    switch (rule.end) {
      case 'scoped':
        this.#closeWith(this.find(isIt, boundsAll), place, end);
        return;
      case 'item':
        this.#closeWith(this.find(isIt, boundsItems), place, end);
        return;
      case 'heading':
        this.#closeWith(this.find(isHeading, boundsAll), place, end);
        return;
      case 'paragraph':
        this.#endParagraph(place, end);
        return;
      case 'form':
        this.#endForm(place, end);
        return;
      default: {
        const found = this.find(isIt, ({ rule: { isSpecial } }) => isSpecial === true);
        // Formatting that overlaps something else: the adoption agency.
        if (found < 0 && rule.isFormatting === true && this.count(name) > 0) throw new Unplain();
        this.#closeWith(found, place, end);
      }
    }
  }

  #endParagraph(place: TagPlace, end: number): void {
    let found = this.find(isParagraph, boundsButtons);
    if (found < 0) {
      this.#pushImplied('p', place);
      found = this.length - 1;
    }
    this.#closeWith(found, place, end);
  }

  #endForm(place: TagPlace, end: number): void {
    if (this.count('form') === 0) return;
    while (IMPLIED.has(this.top.name)) this.#imply(place);
    if (this.top.name !== 'form') throw new Unplain();
    this.pop(end, end);
  }

  /** Closes the element at `index` by its end tag, and what is open in it; below 0 the tag is ignored. */
  #closeWith(index: number, place: TagPlace, end: number): void {
    if (index < 0) return;
    const forgets = this.at(index).rule.inside === 'cell' || this.at(index).rule.inside === 'caption';
    while (this.length > index + 1) this.#imply(place, forgets);
    this.pop(end, end);
  }
}

const NONE: ReadonlyMap<string, string> = new Map();

function never(): boolean {
  return false;
}

function isParagraph({ name, isSvg }: Open): boolean {
  return name === 'p' && !isSvg;
}

function isHeading({ rule: { end } }: Open): boolean {
  return end === 'heading';
}

function boundsAll({ rule: { bounds } }: Open): boolean {
  return bounds === 'every';
}

function boundsItems({ rule: { bounds } }: Open): boolean {
  return bounds === 'every' || bounds === 'items';
}

function boundsButtons({ rule: { bounds } }: Open): boolean {
  return bounds === 'every' || bounds === 'buttons';
}

import { foreignContent, Token } from 'parse5';
import type { Budget } from '../core/compare/budget.ts';
import type { HtmlNode } from '../core/compare/html-node.ts';
import { InStep, PROBES } from '../core/compare/in-step.ts';
import { attributesOf, decodeReferences, Unplain } from './plain-attributes.ts';
import { MAX_DEPTH, shownChildren } from './shown-html.ts';

/**
 * The same tree as the whole parser makes, an order of magnitude sooner, for a page that is written out in full:
 * doctype, html, head and body are there, every element is closed where it ends, and nothing is where a browser would move,
 * close or add something. Undefined for any other page: this reader never guesses what the standard would make of it.
 *
 * @param first A page that is read in step with: where the texts agree its nodes are taken over, and are then the same objects.
 */
export function plainHtml(text: string, budget: Budget, first?: PlainPage): PlainPage | undefined {
  // The standard replaces NUL, and a byte order mark is no white space.
  if (text.includes('\0') || text.charCodeAt(0) === 0xfeff) return undefined;
  const plain = text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
  try {
    return { text: plain, root: new Reader(plain, budget, first).document() };
  } catch (error) {
    if (error instanceof Unplain) return undefined;
    throw error;
  }
}

export interface PlainPage {
  /** As it was read: with line ends of one kind. */
  readonly text: string;
  readonly root: HtmlNode;
}

/** An element that knows where in its page it stands, so that another page can be read in step with it. */
interface Placed extends HtmlNode {
  readonly start: number;
  /** Behind its end tag. */
  readonly end: number;
}

/** What the standard's tree construction does about a start tag in a body, where it does more than to open an element. */
interface TagRule {
  /** No end tag. */
  readonly isVoid?: true;
  /** Ends an open paragraph, so there must be none. */
  readonly endsParagraph?: true;
  /** Its content is text as it stands, or text with references. */
  readonly text?: 'raw' | 'references';
  /** Within another of its name the standard ends one of them, or ignores one. */
  readonly isAlone?: true;
  /** The only elements it may stand in directly: elsewhere something is implied, or it is dropped. */
  readonly parents?: ReadonlySet<string>;
  /** The only elements that may stand in it directly; with them, its only text is white space, unless `holdsText`. */
  readonly children?: ReadonlySet<string>;
  readonly holdsText?: true;
  /** Never plain. */
  readonly isOdd?: true;
}

const list = (names: string): Set<string> => new Set(names.split(' '));
const NONE: ReadonlySet<string> = new Set();
const RULES = new Map<string, TagRule>();
const rule = (names: string, more: TagRule): void => {
  for (const name of names.split(' ')) RULES.set(name, { ...RULES.get(name), ...more });
};

rule('area br embed img wbr input param source track hr meta link base col', { isVoid: true });
rule(
  'address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer header hgroup main menu nav ol p search section summary ul h1 h2 h3 h4 h5 h6 pre form table hr li dd dt',
  { endsParagraph: true },
);
rule('script style iframe noscript', { text: 'raw' });
rule('title textarea', { text: 'references' });
rule('a button form', { isAlone: true });
rule('li', { parents: list('ul ol menu') });
rule('dd dt', { parents: list('dl') });
rule('table', { children: list('caption colgroup thead tbody tfoot') });
rule('caption colgroup thead tbody tfoot', { parents: list('table') });
rule('colgroup', { children: list('col') });
rule('col', { parents: list('colgroup') });
rule('thead tbody tfoot', { children: list('tr') });
rule('tr', { parents: list('thead tbody tfoot'), children: list('td th') });
rule('td th', { parents: list('tr') });
rule('select', { children: list('option optgroup') });
rule('optgroup', { parents: list('select'), children: list('option') });
rule('option', { parents: list('select optgroup datalist'), children: NONE, holdsText: true });
rule(
  'html head body frameset frame noframes noembed plaintext xmp listing template math image applet marquee object nobr rb rtc rp rt bgsound basefont keygen isindex',
  { isOdd: true },
);
const PLAIN: TagRule = {};
const HEADINGS: ReadonlySet<string> = list('h1 h2 h3 h4 h5 h6');
const IN_HEAD: ReadonlySet<string> = list('meta link base title script style noscript');
/** Drawings: elements without rules of their own; `title` and `desc` hold text only. */
const IN_SVG: ReadonlySet<string> = list(
  'g path circle rect line polyline polygon ellipse defs use symbol stop mask pattern marker text tspan lineargradient radialgradient clippath title desc',
);

interface Open {
  /** In lower case, as written. */
  readonly name: string;
  readonly rule: TagRule;
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

class Reader {
  readonly #text: string;
  readonly #budget: Budget;
  readonly #first: PlainPage | undefined;
  readonly #inStep: InStep;
  readonly #open: Open[] = [];
  /** How many of the open elements are `p`, and of each name that may not stand in itself. */
  #paragraphs = 0;
  readonly #alone = new Map<string, number>();
  #at = 0;

  constructor(text: string, budget: Budget, first: PlainPage | undefined) {
    this.#text = text;
    this.#budget = budget;
    this.#first = first;
    this.#inStep = new InStep(first?.text ?? '', text);
  }

  document(): HtmlNode {
    this.#space();
    const doctype = /<!doctype html>/iy;
    doctype.lastIndex = this.#at;
    if (!doctype.test(this.#text)) throw new Unplain();
    this.#at = doctype.lastIndex;
    const html = this.#outer('html');
    for (const name of ['head', 'body']) {
      const part = this.#outer(name);
      this.#content(part);
      this.#pop(part);
    }
    this.#space();
    if (this.#endTag() !== 'html') throw new Unplain();
    this.#space();
    if (this.#at < this.#text.length) throw new Unplain();
    const node = placed(html, this.#at);
    return { ...node, attributes: new Map([...node.attributes, ['!doctype', 'html']]) };
  }

  /** One of the three outer elements, which must be written. */
  #outer(name: string): Open {
    this.#space();
    const start = this.#at;
    const tag = this.#startTag();
    if (tag.name !== name || tag.isClosed) throw new Unplain();
    return this.#push({ ...tag, start, rule: PLAIN, isSvg: false }, this.#mateOf(this.#open.at(-1), name));
  }

  /** The element of the first page that stands where one of this name begins here. */
  #mateOf(parent: Open | undefined, name: string): HtmlNode | undefined {
    const mate = parent === undefined ? this.#first?.root : parent.mates[parent.next++];
    return mate?.name === name ? mate : undefined;
  }

  /** Takes over the element of the first page whose text stands here. What is above it is the same, so it means the same. */
  #take(parent: Open): boolean {
    const expected = parent.mates[parent.next];
    if (expected === undefined) return false;
    let taken = this.#inStep.isSame(expected.start, expected.end, this.#at) ? parent.next : -1;
    for (let i = 0; taken < 0 && i < PROBES.length; i++) {
      const other = parent.mates[parent.next + (PROBES[i] as number)]; // below the length
      if (other === undefined) continue;
      const common = this.#inStep.probe(other.start, other.end, this.#at);
      this.#budget.spend(1 + (common >> 6));
      if (common === other.end - other.start) taken = parent.next + (PROBES[i] as number); // as above
    }
    const mate = parent.mates[taken];
    if (mate === undefined) return false;
    parent.next = taken + 1;
    parent.children.push(mate);
    this.#at += mate.end - mate.start;
    return true;
  }

  /** White space and comments, where the tree keeps neither. */
  #space(): void {
    for (;;) {
      while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++;
      if (!this.#text.startsWith('<!--', this.#at)) return;
      this.#comment();
    }
  }

  /** Behind `<!--`: what the standard ends at another place than the first `-->` is not plain. */
  #comment(): void {
    const from = this.#at + 4;
    const end = this.#text.indexOf('-->', from);
    if (end < 0 || /^-?>|--!>/.test(this.#text.slice(from, end + 3))) throw new Unplain();
    this.#at = end + 3;
  }

  /** Everything up to the end tag of `outer`, which stays on the stack. */
  #content(outer: Open): void {
    const text = this.#text;
    for (;;) {
      const tag = text.indexOf('<', this.#at);
      if (tag < 0) throw new Unplain();
      const top = this.#open.at(-1) as Open; // `outer` at least
      if (tag > this.#at) this.#characters(top, text.slice(this.#at, tag));
      this.#at = tag;
      const code = text.charCodeAt(tag + 1);
      if (code === 33) {
        if (!text.startsWith('<!--', tag)) throw new Unplain();
        this.#comment();
      } else if (code === 47) {
        if (this.#endTag() !== top.name) throw new Unplain();
        if (top === outer) return;
        this.#pop(top);
      } else {
        this.#element(top);
      }
    }
  }

  #characters(parent: Open, text: string): void {
    const holdsAny = parent.rule.children === undefined || parent.rule.holdsText === true;
    if ((!holdsAny || parent.name === 'head') && !isBlank(text)) throw new Unplain();
    const last = parent.children.length - 1;
    const before = parent.children[last];
    const decoded = decodeReferences(text, false);
    // Texts that a comment keeps apart are one, for that is how they show.
    if (typeof before === 'string') parent.children[last] = before + decoded;
    else parent.children.push(decoded);
  }

  #element(parent: Open): void {
    this.#budget.spend(1);
    if (this.#take(parent)) return;
    const start = this.#at;
    const { name, attributes, isClosed } = this.#startTag();
    const mate = this.#mateOf(parent, name);
    if (parent.isSvg || name === 'svg') {
      if (!this.#mayBeDrawn(parent, name)) throw new Unplain();
      const open = this.#push({ name, rule: PLAIN, isSvg: true, attributes: foreign(attributes), start }, mate);
      if (isClosed) this.#pop(open);
      return;
    }
    const found = RULES.get(name) ?? PLAIN;
    if (!this.#mayStandIn(parent, name, found)) throw new Unplain();
    // On other elements, a slash that browsers ignore.
    if (isClosed && found.isVoid !== true) throw new Unplain();
    const open = this.#push({ name, rule: found, isSvg: false, attributes, start }, mate);
    if (found.isVoid === true) this.#pop(open);
    else if (found.text !== undefined) this.#textElement(open, found.text);
    else if (name === 'pre' && this.#text.charCodeAt(this.#at) === 10) this.#at++;
  }

  #mayStandIn(parent: Open, name: string, found: TagRule): boolean {
    if (found.isOdd === true) return false;
    if (parent.name === 'head') return IN_HEAD.has(name);
    if (parent.rule.children?.has(name) === false) return false;
    if (found.parents?.has(parent.name) === false) return false;
    if (found.endsParagraph === true && this.#paragraphs > 0) return false;
    if (found.isAlone === true && (this.#alone.get(name) ?? 0) > 0) return false;
    return !(HEADINGS.has(name) && HEADINGS.has(parent.name));
  }

  #mayBeDrawn(parent: Open, name: string): boolean {
    if (!parent.isSvg) return parent.name !== 'head' && parent.rule.children === undefined;
    return IN_SVG.has(name) && parent.name !== 'title' && parent.name !== 'desc';
  }

  /** An element that holds text only, up to its end tag. */
  #textElement(open: Open, kind: 'raw' | 'references'): void {
    const text = this.#text;
    let from = this.#at;
    if (open.name === 'textarea' && text.charCodeAt(from) === 10) from++;
    let end = text.indexOf('</', from);
    while (end >= 0 && text.slice(end + 2, end + 2 + open.name.length).toLowerCase() !== open.name)
      end = text.indexOf('</', end + 2);
    if (end < 0) throw new Unplain();
    const content = text.slice(from, end);
    // Within a script, this begins a part in which end tags are text.
    if (open.name === 'script' && content.includes('<!--')) throw new Unplain();
    if (content !== '') open.children.push(kind === 'raw' ? content : decodeReferences(content, false));
    this.#at = end;
    // `</scripted` is no end tag.
    if (this.#endTag() !== open.name) throw new Unplain();
    this.#pop(open);
  }

  #push(begun: Pick<Open, 'name' | 'rule' | 'isSvg' | 'attributes' | 'start'>, mate: HtmlNode | undefined): Open {
    const { name, rule: found, isSvg, attributes, start } = begun;
    const keepsSpace = this.#open.at(-1)?.keepsSpace === true || KEEPS_SPACE.has(name);
    const mates = mate === undefined ? NO_MATES : elementsOf(mate);
    const open: Open = { name, rule: found, isSvg, keepsSpace, attributes, children: [], start, mates, next: 0 };
    if (this.#open.length >= MAX_DEPTH) throw new Unplain();
    this.#open.push(open);
    if (name === 'p') this.#paragraphs++;
    if (found.isAlone === true) this.#alone.set(name, (this.#alone.get(name) ?? 0) + 1);
    return open;
  }

  #pop(open: Open): void {
    this.#open.pop();
    if (open.name === 'p') this.#paragraphs--;
    if (open.rule.isAlone === true) this.#alone.set(open.name, (this.#alone.get(open.name) ?? 0) - 1);
    this.#open.at(-1)?.children.push(placed(open, this.#at));
  }

  #startTag(): { name: string; attributes: ReadonlyMap<string, string>; isClosed: boolean } {
    TAG.lastIndex = this.#at;
    const found = TAG.exec(this.#text);
    if (found === null) throw new Unplain();
    const name = (found[1] as string).toLowerCase(); // the pattern has this group
    this.#at = TAG.lastIndex;
    if (this.#text.charCodeAt(this.#at) === 62) {
      this.#at++;
      return { name, attributes: NO_ATTRIBUTES, isClosed: false };
    }
    const { attributes, isClosed, end } = attributesOf(this.#text, this.#at);
    this.#at = end;
    return { name, attributes, isClosed };
  }

  /** Gives its name. */
  #endTag(): string {
    END_TAG.lastIndex = this.#at;
    const found = END_TAG.exec(this.#text);
    if (found === null) throw new Unplain();
    this.#at = END_TAG.lastIndex;
    return (found[1] as string).toLowerCase(); // the pattern has this group
  }
}

const TAG = /<([a-zA-Z][a-zA-Z0-9-]*)(?=[ \t\n\f/>])/y;
const END_TAG = /<\/([a-zA-Z][a-zA-Z0-9-]*)[ \t\n\f]*>/y;
const KEEPS_SPACE: ReadonlySet<string> = list('pre textarea script style');
const NO_MATES: readonly Placed[] = [];
const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 9 || code === 12;
}

function isBlank(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (!isSpace(text.charCodeAt(at))) return false;
  return true;
}

function elementsOf(node: HtmlNode): Placed[] {
  // All elements of a plain page are placed.
  return node.children.filter((child) => child.kind === 'element') as unknown as Placed[];
}

function placed({ name, isSvg, attributes, children, keepsSpace, start }: Open, end: number): Placed {
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
  };
}

/** Attributes of a drawing, in the case the standard gives them. */
function foreign(attributes: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  if (attributes.size === 0) return attributes;
  const attrs = [...attributes].map(([name, value]) => ({ name, value }));
  // The parser's own tables, so that there is one set of them; they look at nothing but names of attributes.
  const token = { type: Token.TokenType.START_TAG, attrs } as Token.TagToken;
  foreignContent.adjustTokenSVGAttrs(token);
  foreignContent.adjustTokenXMLAttrs(token);
  return new Map(token.attrs.map(({ name, value }) => [name, value]));
}

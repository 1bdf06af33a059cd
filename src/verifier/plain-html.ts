import { foreignContent, Token } from 'parse5';
import type { Budget } from '../core/compare/budget.ts';
import type { HtmlNode } from '../core/compare/html-node.ts';
import { InStep, PROBES } from '../core/compare/in-step.ts';
import { attributesOf, decodeReferences, Unplain } from './plain-attributes.ts';
import { IN_HEAD, IN_SVG, ruleOf, type TagRule } from './plain-rules.ts';
import type { Open } from './plain-stack.ts';
import { PlainTree, type TagPlace } from './plain-tree.ts';

/**
 * The same tree as the whole parser makes, an order of magnitude sooner, for a page whose tags nest, whatever is left out that the
 * standard lets be left out: end tags, the body of a table, html, head and body. Undefined for any other page, one in which
 * the standard moves something, opens formatting anew or lays out in quirks mode: this reader never guesses.
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

interface Tag {
  readonly attributes: ReadonlyMap<string, string>;
  readonly isClosed: boolean;
}

class Reader {
  readonly #text: string;
  readonly #budget: Budget;
  readonly #first: PlainPage | undefined;
  readonly #inStep: InStep;
  readonly #open = new PlainTree(mateIn);
  #at = 0;
  /** The end tag of the body has come: only white space may follow. */
  #isOver = false;

  constructor(text: string, budget: Budget, first: PlainPage | undefined) {
    this.#text = text;
    this.#budget = budget;
    this.#first = first;
    this.#inStep = new InStep(first?.text ?? '', text);
  }

  document(): HtmlNode {
    this.#space();
    const doctype = /<!doctype[ \t\n\f]+html[ \t\n\f]*>/iy;
    doctype.lastIndex = this.#at;
    if (!doctype.test(this.#text)) throw new Unplain();
    this.#at = doctype.lastIndex;
    this.#outer('html', this.#first?.root);
    const html = this.#open.top;
    this.#outer('head', mateIn(html, 'head'));
    this.#head();
    // What belongs into the head is put there though it has ended.
    this.#space();
    if (BELATED.has(this.#nameHere())) throw new Unplain();
    this.#outer('body', mateIn(html, 'body'));
    this.#content();
    // What is open at the end of the text ends there; another text may go on.
    while (this.#open.length > 1) this.#open.pop(this.#text.length, Number.POSITIVE_INFINITY);
    const node = this.#open.pop(this.#text.length, Number.POSITIVE_INFINITY);
    return { ...node, attributes: new Map([...node.attributes, ['!doctype', 'html']]) };
  }

  /** Opens one of the three outer elements, written or not. */
  #outer(name: string, mate: HtmlNode | undefined): void {
    this.#space();
    const start = this.#at;
    const isWritten = this.#nameHere() === name;
    const attributes = isWritten ? this.#attributes(TAG.lastIndex).attributes : NO_ATTRIBUTES;
    // So that the elements in it are like those in another page, whether or not their tags are written.
    this.#open.push(
      { name, rule: ruleOf(name), isSvg: false, attributes, start },
      mate?.name === name ? mate : undefined,
    );
  }

  /** The name of the start tag that stands here, or nothing. */
  #nameHere(): string {
    TAG.lastIndex = this.#at;
    return TAG.exec(this.#text)?.[1]?.toLowerCase() ?? '';
  }

  /** Up to what does not belong into a head, which ends it. */
  #head(): void {
    for (;;) {
      this.#space();
      const name = this.#nameHere();
      if (IN_HEAD.has(name)) this.#element(name);
      else if (/^<\/head[ \t\n\f]*>/i.test(this.#text.slice(this.#at, this.#at + 16))) {
        this.#endTag();
        break;
      } else if (name === 'head' || name === 'template' || this.#text.startsWith('</', this.#at)) throw new Unplain();
      else break;
    }
    this.#open.pop(this.#at, Number.POSITIVE_INFINITY);
  }

  /** Takes over the element of the first page whose text stands here. What is above it is the same, so it means the same. */
  #take(parent: Open): boolean {
    const expected = parent.mates[parent.next];
    if (expected === undefined) return false;
    let taken = this.#inStep.isSame(expected.start, expected.seen, this.#at) ? parent.next : -1;
    for (let i = 0; taken < 0 && i < PROBES.length; i++) {
      const other = parent.mates[parent.next + (PROBES[i] as number)]; // below the length
      if (other === undefined) continue;
      const common = this.#inStep.probe(other.start, other.seen, this.#at);
      this.#budget.spend(1 + (common >> 6));
      if (common === other.seen - other.start) taken = parent.next + (PROBES[i] as number); // as above
    }
    const mate = parent.mates[taken];
    if (mate === undefined) return false;
    parent.next = taken + 1;
    parent.children.push(mate);
    this.#at += mate.end - mate.start;
    return true;
  }

  /** White space and comments, where the tree keeps neither or neither shows. */
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

  /** Everything in the body. */
  #content(): void {
    const text = this.#text;
    for (;;) {
      const tag = this.#nextTag();
      if (tag > this.#at) this.#characters(text.slice(this.#at, tag));
      this.#at = tag;
      if (tag >= text.length) return;
      const code = text.charCodeAt(tag + 1);
      if (code === 33) {
        if (!text.startsWith('<!--', tag)) throw new Unplain();
        this.#comment();
      } else if (code === 47) this.#ended();
      else {
        const name = this.#nameHere();
        if (name === '' || this.#isOver) throw new Unplain();
        this.#element(name);
      }
    }
  }

  /** Where the next tag or comment begins; the end of the text where there is none. */
  #nextTag(): number {
    for (let at = this.#at; ; at++) {
      at = this.#text.indexOf('<', at);
      if (at < 0) return this.#text.length;
      const next = this.#text.charCodeAt(at + 1) | 32;
      // `a < b` is text; `<!`, `<?` and `</` are something, plain or not.
      if ((next >= 97 && next <= 122) || next === 33 || next === 47 || next === 63) return at;
    }
  }

  #ended(): void {
    const start = this.#at;
    const name = this.#endTag();
    const isPage = name === 'html' || name === 'body';
    if (this.#isOver ? name !== 'html' : !this.#open.endTag(name, placeOf(start, name, 2), this.#at))
      this.#isOver = true;
    if (this.#isOver && !isPage) throw new Unplain();
  }

  #characters(text: string): void {
    const parent = this.#open.top;
    if ((this.#isOver || !holdsText(parent)) && !isBlank(text)) throw new Unplain();
    const last = parent.children.length - 1;
    const before = parent.children[last];
    const decoded = decodeReferences(text, false);
    // Texts that a comment keeps apart are one, for that is how they show.
    if (typeof before === 'string') parent.children[last] = before + decoded;
    else parent.children.push(decoded);
  }

  #element(name: string): void {
    this.#budget.spend(1);
    // What stands in the first page in this place closed before it what is to be closed.
    if (this.#take(this.#open.top)) return;
    const behindName = TAG.lastIndex;
    const start = this.#at;
    const isDrawn = this.#open.top.isSvg || name === 'svg';
    const found = isDrawn ? NO_RULE : ruleOf(name);
    if (
      !this.#open.top.isSvg &&
      this.#open.top.name !== 'head' &&
      this.#closes(name, found) &&
      this.#take(this.#open.top)
    )
      return;
    const parent = this.#open.top;
    const { attributes, isClosed } = this.#attributes(behindName);
    const mate = mateIn(parent, name);
    if (isDrawn && !mayBeDrawn(parent, name)) throw new Unplain();
    this.#open.push(
      { name, rule: found, isSvg: isDrawn, attributes: isDrawn ? foreign(attributes) : attributes, start },
      mate,
    );
    if (found.isVoid === true || (isDrawn && isClosed)) this.#open.pop(this.#at, this.#at);
    else if (found.text !== undefined) this.#textElement(name, found.text);
    else if (name === 'pre' && !isDrawn && this.#text.charCodeAt(this.#at) === 10) this.#at++;
  }

  /** Makes room for an element of this name; true: it belongs elsewhere now. */
  #closes(name: string, rule: TagRule): boolean {
    const before = this.#open.top;
    this.#open.makeRoom(name, rule, placeOf(this.#at, name, 1));
    return this.#open.top !== before;
  }

  /** An element that holds text only, up to its end tag. */
  #textElement(name: string, kind: 'raw' | 'references'): void {
    const text = this.#text;
    let from = this.#at;
    if (name === 'textarea' && text.charCodeAt(from) === 10) from++;
    let end = text.indexOf('</', from);
    while (end >= 0 && text.slice(end + 2, end + 2 + name.length).toLowerCase() !== name)
      end = text.indexOf('</', end + 2);
    if (end < 0) throw new Unplain();
    const content = text.slice(from, end);
    // Within a script, this begins a part in which end tags are text.
    if (name === 'script' && content.includes('<!--')) throw new Unplain();
    if (content !== '') this.#open.top.children.push(kind === 'raw' ? content : decodeReferences(content, false));
    this.#at = end;
    // `</scripted` is no end tag.
    if (this.#endTag() !== name) throw new Unplain();
    this.#open.pop(this.#at, this.#at);
  }

  /** The rest of a start tag, from behind its name. */
  #attributes(behindName: number): Tag {
    if (this.#text.charCodeAt(behindName) === 62) {
      this.#at = behindName + 1;
      return { attributes: NO_ATTRIBUTES, isClosed: false };
    }
    const { attributes, isClosed, end } = attributesOf(this.#text, behindName);
    this.#at = end;
    return { attributes, isClosed };
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
const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();
const NO_RULE: TagRule = {};
/** Behind the head these are put into it, or dropped. */
const BELATED: ReadonlySet<string> = new Set([
  ...[...IN_HEAD].filter((name) => name !== 'noscript'),
  'head',
  'html',
  'template',
  'noframes',
  'basefont',
  'bgsound',
]);

/** Where a tag of this name begins, and what of it tells that it is one; `marks` are the characters before the name. */
function placeOf(start: number, name: string, marks: 1 | 2): TagPlace {
  return { start, seen: start + marks + name.length + 1 };
}

/** The element of the first page that stands where one of this name begins in `parent`. */
function mateIn(parent: Open, name: string): HtmlNode | undefined {
  const mate = parent.mates[parent.next++];
  return mate?.name === name ? mate : undefined;
}

/** Tables and lists of choices hold nothing but white space beside their parts. */
function holdsText({ inside, name, isSvg }: Open): boolean {
  if (isSvg || inside === 'body' || inside === 'cell' || inside === 'caption') return true;
  return inside === 'select' && name === 'option';
}

function mayBeDrawn(parent: Open, name: string): boolean {
  if (parent.isSvg) return IN_SVG.has(name) && parent.name !== 'title' && parent.name !== 'desc';
  return (
    parent.name !== 'head' && (parent.inside === 'body' || parent.inside === 'cell' || parent.inside === 'caption')
  );
}

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 9 || code === 12;
}

function isBlank(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (!isSpace(text.charCodeAt(at))) return false;
  return true;
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

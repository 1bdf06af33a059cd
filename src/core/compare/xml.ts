import type { Budget } from './budget.ts';
import { hashText, mix } from './hash.ts';

/** An element or a text of an XML document; comments are left out, prefixes are resolved. */
export interface XmlNode {
  readonly kind: 'element' | 'text';
  /** `{namespace}local`, or `local` where there is no namespace; `?target` for a processing instruction; empty for text. */
  readonly name: string;
  /** The local name: how a path calls it. */
  readonly label: string;
  /** By expanded name. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlNode[];
  readonly text: string;
  /** Structural hash; 0: not computed yet. Written only by `xmlHash`. */
  hash: number;
}

/** Bounds on one document, as for JSON. */
const MAX_DEPTH = 256;
const MAX_NODES = 200_000;

export type XmlParse =
  | { readonly ok: true; readonly node: XmlNode }
  /** `malformed`: no XML. `bound`: too deep or too large to be held as a tree. */
  | { readonly ok: false; readonly reason: 'malformed' | 'bound'; readonly message: string; readonly offset: number };

class Malformed extends Error {
  readonly offset: number;
  readonly reason: 'malformed' | 'bound';
  constructor(message: string, offset: number, reason: 'malformed' | 'bound' = 'malformed') {
    super(message);
    this.offset = offset;
    this.reason = reason;
  }
}

/**
 * Parses one XML 1.0 document with namespaces. Gives a node without name that holds the root element and the processing
 * instructions beside it. A document type is skipped and nothing in it is expanded or fetched; of entities only the five
 * of XML and numbers are resolved, others stay as written.
 *
 * @param budget One unit per node and attribute.
 */
export function parseXml(text: string, budget: Budget): XmlParse {
  try {
    return { ok: true, node: new XmlReader(text, budget).document() };
  } catch (error) {
    if (error instanceof Malformed)
      return { ok: false, reason: error.reason, message: error.message, offset: error.offset };
    throw error;
  }
}

type Prefixes = ReadonlyMap<string, string>;

/** An element that is not closed yet. */
interface Open {
  readonly raw: string;
  readonly name: string;
  readonly label: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly prefixes: Prefixes;
  readonly keepsSpace: boolean;
  readonly children: XmlNode[];
  text: string;
}

const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace';
const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();
const NAME = /[^\s/>=<"'&?!]+/y;
const SPACE = /\s*/y;

class XmlReader {
  readonly #text: string;
  readonly #budget: Budget;
  readonly #open: Open[] = [];
  #at = 0;
  #nodes = 0;

  constructor(text: string, budget: Budget) {
    this.#text = (text.charCodeAt(0) === 0xfeff ? text.slice(1) : text).replace(/\r\n?/g, '\n');
    this.#budget = budget;
  }

  document(): XmlNode {
    const root: Open = {
      raw: '',
      name: '',
      label: '',
      attributes: NO_ATTRIBUTES,
      prefixes: new Map([['xml', XML_NAMESPACE]]),
      keepsSpace: false,
      children: [],
      text: '',
    };
    this.#open.push(root);
    while (this.#at < this.#text.length) this.#step();
    if (this.#open.length > 1) throw new Malformed(`<${this.#top.raw}> is not closed`, this.#at);
    if (root.text.trim() !== '') throw new Malformed('text outside the root element', 0);
    if (root.children.filter((child) => !child.name.startsWith('?')).length !== 1)
      throw new Malformed('one root element is expected', this.#at);
    return {
      kind: 'element',
      name: '',
      label: '',
      attributes: NO_ATTRIBUTES,
      children: root.children,
      text: '',
      hash: 0,
    };
  }

  get #top(): Open {
    return this.#open[this.#open.length - 1] as Open; // the document is never popped
  }

  #step(): void {
    const text = this.#text;
    const end = text.indexOf('<', this.#at);
    const until = end < 0 ? text.length : end;
    if (until > this.#at) {
      this.#top.text += resolve(text.slice(this.#at, until));
      this.#at = until;
      return;
    }
    if (text.startsWith('<!--', this.#at)) this.#past('-->', 4);
    else if (text.startsWith('<![CDATA[', this.#at)) this.#top.text += this.#past(']]>', 9);
    else if (text.startsWith('<!DOCTYPE', this.#at)) this.#skipDoctype();
    else if (text.startsWith('<?', this.#at)) this.#instruction();
    else if (text.startsWith('</', this.#at)) this.#close();
    else this.#element();
  }

  /** What lies between an opening of `length` characters here and the next `mark`; goes on behind it. */
  #past(mark: string, length: number): string {
    const end = this.#text.indexOf(mark, this.#at + length);
    if (end < 0) throw new Malformed(`"${mark}" is missing`, this.#text.length);
    const inside = this.#text.slice(this.#at + length, end);
    this.#at = end + mark.length;
    return inside;
  }

  /** Skipped whole, with its internal subset: entities that expand are an attack more often than a need. */
  #skipDoctype(): void {
    const subset = this.#text.indexOf('[', this.#at);
    const end = this.#text.indexOf('>', this.#at);
    if (subset >= 0 && subset < end) {
      const close = /\]\s*>/g;
      close.lastIndex = subset;
      if (!close.test(this.#text)) throw new Malformed('the document type is not closed', this.#text.length);
      this.#at = close.lastIndex;
    } else this.#past('>', 9);
  }

  #instruction(): void {
    const inside = this.#past('?>', 2);
    const target = /^\S*/.exec(inside)?.[0] ?? '';
    // The declaration says how the bytes were read; what was read is compared.
    if (target.toLowerCase() === 'xml') return;
    this.#count();
    this.#flush();
    const text = inside.slice(target.length).trim();
    const children = text === '' ? [] : [textNode(text)];
    const name = `?${target}`;
    this.#top.children.push({
      kind: 'element',
      name,
      label: name,
      attributes: NO_ATTRIBUTES,
      children,
      text: '',
      hash: 0,
    });
  }

  #element(): void {
    const start = this.#at++;
    const raw = this.#name();
    if (this.#open.length > MAX_DEPTH) throw new Malformed('nested too deeply', start, 'bound');
    const written = new Map<string, string>();
    let prefixes: Map<string, string> | undefined;
    for (;;) {
      this.#space();
      const code = this.#text.charCodeAt(this.#at);
      if (code === 62 || code === 47) break;
      const [name, value] = this.#attribute();
      if (written.has(name)) throw new Malformed(`attribute ${name} twice`, this.#at);
      written.set(name, value);
      if (name !== 'xmlns' && !name.startsWith('xmlns:')) continue;
      if (prefixes === undefined) {
        // Every element that declares one copies those around it.
        this.#budget.spend(this.#top.prefixes.size);
        prefixes = new Map(this.#top.prefixes);
      }
      prefixes.set(name === 'xmlns' ? '' : name.slice(6), value);
    }
    this.#begin(raw, written, prefixes ?? this.#top.prefixes);
    if (this.#text.charCodeAt(this.#at) === 47) {
      this.#at++;
      if (this.#text.charCodeAt(this.#at) !== 62) throw new Malformed('">" is expected', this.#at);
      this.#end();
    }
    this.#at++;
  }

  #begin(raw: string, written: ReadonlyMap<string, string>, prefixes: Prefixes): void {
    this.#count();
    this.#flush();
    const attributes = new Map<string, string>();
    for (const [name, value] of written) {
      if (name === 'xmlns' || name.startsWith('xmlns:')) continue;
      // An attribute without prefix is in no namespace, whatever the default is.
      attributes.set(name.includes(':') ? this.#expanded(name, prefixes) : name, value);
      this.#count();
    }
    const space = written.get('xml:space');
    const keepsSpace = space === undefined ? this.#top.keepsSpace : space === 'preserve';
    const label = raw.slice(raw.indexOf(':') + 1);
    this.#open.push({
      raw,
      name: this.#expanded(raw, prefixes),
      label,
      attributes,
      prefixes,
      keepsSpace,
      children: [],
      text: '',
    });
  }

  #expanded(name: string, prefixes: Prefixes): string {
    const colon = name.indexOf(':');
    const prefix = colon < 0 ? '' : name.slice(0, colon);
    const namespace = prefixes.get(prefix);
    if (namespace === undefined && colon >= 0) throw new Malformed(`the prefix ${prefix} is not declared`, this.#at);
    return namespace === undefined || namespace === '' ? name : `{${namespace}}${name.slice(colon + 1)}`;
  }

  #attribute(): [name: string, value: string] {
    const name = this.#name();
    this.#space();
    if (this.#text.charCodeAt(this.#at) !== 61) throw new Malformed('"=" is expected', this.#at);
    this.#at++;
    this.#space();
    const quote = this.#text[this.#at];
    if (quote !== '"' && quote !== "'") throw new Malformed('a quote is expected', this.#at);
    const value = this.#past(quote, 1);
    if (value.includes('<')) throw new Malformed('"<" in an attribute', this.#at);
    return [name, resolve(value.replace(/[\t\n]/g, ' '))];
  }

  #close(): void {
    const inside = this.#past('>', 2).trimEnd();
    if (this.#open.length < 2 || inside !== this.#top.raw) throw new Malformed(`</${inside}> closes nothing`, this.#at);
    this.#end();
  }

  #end(): void {
    this.#flush();
    const { name, label, attributes, children, keepsSpace } = this.#top;
    this.#open.pop();
    this.#top.children.push({
      kind: 'element',
      name,
      label,
      attributes,
      children: withoutIndent(children, keepsSpace),
      text: '',
      hash: 0,
    });
  }

  /** Makes a node of the text so far. */
  #flush(): void {
    const top = this.#top;
    if (this.#open.length < 2 || top.text === '') return;
    this.#count();
    top.children.push(textNode(top.text));
    top.text = '';
  }

  #count(): void {
    this.#budget.spend(1);
    if (++this.#nodes > MAX_NODES) throw new Malformed('too many nodes', this.#at, 'bound');
  }

  #name(): string {
    NAME.lastIndex = this.#at;
    const name = NAME.exec(this.#text)?.[0];
    if (name === undefined) throw new Malformed('a name is expected', this.#at);
    this.#at += name.length;
    return name;
  }

  #space(): void {
    SPACE.lastIndex = this.#at;
    this.#at += SPACE.exec(this.#text)?.[0].length ?? 0;
    if (this.#at >= this.#text.length) throw new Malformed('the document ends within a tag', this.#at);
  }
}

function textNode(text: string): XmlNode {
  return { kind: 'text', name: '', label: 'text()', attributes: NO_ATTRIBUTES, children: [], text, hash: 0 };
}

/** White space between elements is layout, unless text stands among them (mixed content) or `xml:space` keeps it. */
function withoutIndent(children: readonly XmlNode[], keepsSpace: boolean): readonly XmlNode[] {
  if (keepsSpace || children.length < 2) return children;
  const isMixed = children.some((child) => child.kind === 'text' && child.text.trim() !== '');
  return isMixed ? children : children.filter((child) => child.kind === 'element');
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function resolve(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w{1,8}));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** A hash that is equal for equal trees, whatever the order of attributes; computed once per node. */
export function xmlHash(node: XmlNode): number {
  if (node.hash !== 0) return node.hash;
  let hash = node.kind === 'text' ? hashText(node.text, 19) : hashText(node.name, 31);
  let attributes = 0;
  for (const [name, value] of node.attributes) attributes = (attributes + mix(hashText(name), hashText(value))) | 0;
  hash = mix(hash, attributes);
  for (const child of node.children) hash = mix(hash, xmlHash(child));
  node.hash = hash === 0 ? 1 : hash;
  return node.hash;
}

export function xmlEqual(a: XmlNode, b: XmlNode): boolean {
  if (a.kind !== b.kind || a.name !== b.name || a.text !== b.text) return false;
  if (a.hash !== 0 && b.hash !== 0 && a.hash !== b.hash) return false;
  if (a.attributes.size !== b.attributes.size || a.children.length !== b.children.length) return false;
  for (const [name, value] of a.attributes) if (b.attributes.get(name) !== value) return false;
  return a.children.every((child, at) => xmlEqual(child, b.children[at] as XmlNode)); // one length
}

/** What a tree is made of, without its content. */
export function xmlShape(node: XmlNode, depth = 6): string {
  if (node.kind === 'text') return node.text.trim() === '' ? 'e' : 't';
  const children = depth === 0 ? [] : [...new Set(node.children.map((child) => xmlShape(child, depth - 1)))].sort();
  return `<${node.name} ${[...node.attributes.keys()].sort().join(',')}>${children.join('')}`;
}

/** The tree as XML-like text, cut after about `limit` characters. */
export function renderXml(node: XmlNode, limit: number): string {
  const out = { text: '' };
  write(node, limit, out);
  return out.text;
}

function write(node: XmlNode, limit: number, out: { text: string }): void {
  if (out.text.length > limit) return;
  if (node.kind === 'text') {
    out.text += node.text;
    return;
  }
  const attributes = [...node.attributes].map(([name, value]) => ` ${labelOf(name)}="${value}"`).join('');
  out.text += `<${node.label}${attributes}>`;
  for (const child of node.children) write(child, limit, out);
  out.text += `</${node.label}>`;
}

/** The local part of an expanded name. */
export function labelOf(name: string): string {
  return name.startsWith('{') ? name.slice(name.indexOf('}') + 1) : name;
}

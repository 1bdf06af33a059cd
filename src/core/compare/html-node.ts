import { hashText, mix } from './hash.ts';

/** An element or a text of a document as a browser would build it; comments are left out, white space is already collapsed by its meaning. */
export interface HtmlNode {
  readonly kind: 'element' | 'text';
  /** The element's name in lower case; empty for text. */
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly HtmlNode[];
  /** The text; for elements that hold raw text (script, style, textarea, pre) their text is a child like any other. */
  readonly text: string;
  /** Structural hash; 0: not computed yet. Written only by `htmlHash`. */
  hash: number;
}

/** A hash that is equal for equal trees, whatever the order of attributes; computed once per node. */
export function htmlHash(node: HtmlNode): number {
  if (node.hash !== 0) return node.hash;
  let hash = node.kind === 'text' ? hashText(node.text, 17) : hashText(node.name, 29);
  let attributes = 0;
  for (const [name, value] of node.attributes)
    attributes = (attributes + mix(hashText(name), hashText(comparable(name, value)))) | 0;
  hash = mix(hash, attributes);
  for (const child of node.children) hash = mix(hash, htmlHash(child));
  node.hash = hash === 0 ? 1 : hash;
  return node.hash;
}

export function htmlEqual(a: HtmlNode, b: HtmlNode): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind || a.name !== b.name || a.text !== b.text) return false;
  if (a.hash !== 0 && b.hash !== 0 && a.hash !== b.hash) return false;
  if (a.attributes.size !== b.attributes.size || a.children.length !== b.children.length) return false;
  for (const [name, value] of a.attributes) {
    const other = b.attributes.get(name);
    if (other === undefined || (other !== value && comparable(name, other) !== comparable(name, value))) return false;
  }
  return a.children.every((child, at) => htmlEqual(child, b.children[at] as HtmlNode)); // one length
}

const TOKEN_SETS: ReadonlySet<string> = new Set([
  'class',
  'rel',
  'headers',
  'itemprop',
  'sandbox',
  'aria-labelledby',
  'aria-describedby',
  'aria-controls',
]);

/** An attribute's value as it means: token lists without order, styles without white space, the rest as written. */
export function comparable(name: string, value: string): string {
  if (TOKEN_SETS.has(name) && /\s/.test(value))
    return [...new Set(value.split(/\s+/).filter((token) => token !== ''))].sort().join(' ');
  if (name === 'style')
    return value
      .split(/([:;,])/)
      .map((part) => part.trim())
      .join('')
      .replace(/;$/, '');
  return value;
}

/** What a tree is made of, without its content: names, classes, nesting. Elements of a random pick must have a shape the control has shown. */
export function htmlShape(node: HtmlNode, depth = 6): string {
  if (node.kind === 'text') return node.text === '' ? 'e' : 't';
  const marker = comparable('class', node.attributes.get('class') ?? '');
  const children = depth === 0 ? [] : [...new Set(node.children.map((child) => htmlShape(child, depth - 1)))].sort();
  return `<${node.name}${marker === '' ? '' : `.${marker}`} ${[...node.attributes.keys()].sort().join(',')}>${children.join('')}`;
}

/** The tree as HTML-like text, cut after about `limit` characters. */
export function renderHtml(node: HtmlNode, limit: number): string {
  const out = { text: '' };
  write(node, limit, out);
  return out.text;
}

function write(node: HtmlNode, limit: number, out: { text: string }): void {
  if (out.text.length > limit) return;
  if (node.kind === 'text') {
    out.text += node.text;
    return;
  }
  const attributes = [...node.attributes].map(([name, value]) => ` ${name}="${value}"`).join('');
  out.text += `<${node.name}${attributes}>`;
  for (const child of node.children) write(child, limit, out);
  out.text += `</${node.name}>`;
}

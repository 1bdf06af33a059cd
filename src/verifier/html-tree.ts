import { type DefaultTreeAdapterTypes, defaultTreeAdapter, parse } from 'parse5';
import type { Budget } from '../core/compare/budget.ts';
import type { HtmlNode } from '../core/compare/html-node.ts';

/** Elements around and directly inside which white space shows nothing (HTML Living Standard, Rendering: blocks, tables, metadata). */
const BLOCKS: ReadonlySet<string> = new Set(
  'html head body title meta link script style base noscript template main header footer nav section article aside div p h1 h2 h3 h4 h5 h6 ul ol li dl dt dd table thead tbody tfoot tr td th caption colgroup col form fieldset legend figure figcaption blockquote address hr pre details summary dialog option select optgroup datalist video audio picture source iframe br'.split(
    ' ',
  ),
);
/** Elements that keep their white space. */
const KEEPS_SPACE: ReadonlySet<string> = new Set(['pre', 'textarea', 'script', 'style']);
/** Nesting that is walked; what lies deeper is compared as one text. */
const MAX_DEPTH = 256;

/**
 * The tree a browser would build (parse5 follows the standard), without comments, with white space as it means:
 * runs become one space, and none is left at the edges of blocks.
 */
export function htmlTree(text: string, budget: Budget): HtmlNode {
  const document = parse(text);
  const element = document.childNodes.find((node) => defaultTreeAdapter.isElementNode(node));
  // The parser always makes an html element.
  const root = elementNode(element as DefaultTreeAdapterTypes.Element, false, 0, budget);
  const type = document.childNodes.find((node) => defaultTreeAdapter.isDocumentTypeNode(node));
  if (type === undefined) return root;
  // Without it browsers lay the page out in quirks mode, so it counts: as an attribute no page can write.
  const doctype = [type.name, type.publicId, type.systemId].filter((part) => part !== '').join(' ');
  return { ...root, attributes: new Map([...root.attributes, ['!doctype', doctype]]) };
}

function elementNode(
  element: DefaultTreeAdapterTypes.Element,
  keepsSpace: boolean,
  depth: number,
  budget: Budget,
): HtmlNode {
  budget.spend(1);
  const keeps = keepsSpace || KEEPS_SPACE.has(element.tagName);
  // A template's content is a document of its own.
  const childNodes =
    'content' in element ? (element as DefaultTreeAdapterTypes.Template).content.childNodes : element.childNodes;
  const children =
    depth >= MAX_DEPTH ? flatten(element, budget) : childrenOf(element.tagName, childNodes, keeps, depth, budget);
  return {
    kind: 'element',
    name: element.tagName,
    attributes: new Map(element.attrs.map(({ name, value }) => [name, value])),
    children,
    text: '',
    hash: 0,
  };
}

function childrenOf(
  parent: string,
  nodes: readonly DefaultTreeAdapterTypes.ChildNode[],
  keeps: boolean,
  depth: number,
  budget: Budget,
): HtmlNode[] {
  return mergeTexts(nodes).flatMap((node, at, shown): HtmlNode[] => {
    if (typeof node !== 'string') return [elementNode(node, keeps, depth + 1, budget)];
    const text = keeps
      ? node.replaceAll('\r\n', '\n')
      : collapse(node, isEdge(shown[at - 1], parent), isEdge(shown[at + 1], parent));
    return text === '' ? [] : [textNode(text)];
  });
}

type Shown = string | DefaultTreeAdapterTypes.Element;

/** Elements and texts; texts that a comment kept apart are one, for that is how they show. */
function mergeTexts(nodes: readonly DefaultTreeAdapterTypes.ChildNode[]): Shown[] {
  const shown: Shown[] = [];
  for (const node of nodes) {
    if (defaultTreeAdapter.isElementNode(node)) shown.push(node);
    else if (defaultTreeAdapter.isTextNode(node)) {
      const last = shown.at(-1);
      if (typeof last === 'string') shown[shown.length - 1] = last + node.value;
      else shown.push(node.value);
    }
  }
  return shown;
}

function textNode(text: string): HtmlNode {
  return { kind: 'text', name: '', attributes: NO_ATTRIBUTES, children: NO_CHILDREN, text, hash: 0 };
}

/** What lies too deep for recursion as one text: the names of the elements and their texts, in order. */
function flatten(element: DefaultTreeAdapterTypes.Element, budget: Budget): HtmlNode[] {
  let text = '';
  const open: DefaultTreeAdapterTypes.ChildNode[] = [...element.childNodes].reverse();
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    budget.spend(1);
    if (defaultTreeAdapter.isTextNode(node)) text += node.value;
    else if (defaultTreeAdapter.isElementNode(node)) {
      text += `<${node.tagName}>`;
      for (let i = node.childNodes.length - 1; i >= 0; i--) {
        open.push(node.childNodes[i] as DefaultTreeAdapterTypes.ChildNode); // below the length
      }
    }
  }
  const shown = collapse(text, true, true);
  return shown === '' ? [] : [textNode(shown)];
}

const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();
const NO_CHILDREN: readonly HtmlNode[] = [];

/** Whether white space beside this neighbour shows nothing: a block, or the edge of one. */
function isEdge(neighbour: Shown | undefined, parent: string): boolean {
  if (neighbour === undefined) return BLOCKS.has(parent);
  return typeof neighbour !== 'string' && BLOCKS.has(neighbour.tagName);
}

function collapse(text: string, atStart: boolean, atEnd: boolean): string {
  let shown = text.replace(/[ \t\r\n\f]+/g, ' ');
  if (atStart) shown = shown.replace(/^ /, '');
  if (atEnd) shown = shown.replace(/ $/, '');
  return shown;
}

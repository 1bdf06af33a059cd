import type { HtmlNode } from '../core/compare/html-node.ts';

/** Elements around and directly inside which white space shows nothing (HTML Living Standard, Rendering: blocks, tables, metadata). */
const BLOCKS: ReadonlySet<string> = new Set(
  'html head body title meta link script style base noscript template main header footer nav section article aside div p h1 h2 h3 h4 h5 h6 ul ol li dl dt dd table thead tbody tfoot tr td th caption colgroup col form fieldset legend figure figcaption blockquote address hr pre details summary dialog option select optgroup datalist video audio picture source iframe br'.split(
    ' ',
  ),
);
/** Nesting that is walked; what lies deeper is compared as one text. */
export const MAX_DEPTH = 256;

/** The children of an element as they show: white space as it means, texts that show nothing left out. No two texts follow each other. */
export function shownChildren(
  parent: string,
  children: readonly (string | HtmlNode)[],
  keepsSpace: boolean,
): HtmlNode[] {
  const shown: HtmlNode[] = [];
  for (let at = 0; at < children.length; at++) {
    const child = children[at] as string | HtmlNode; // below the length
    if (typeof child !== 'string') {
      shown.push(child);
      continue;
    }
    const text = keepsSpace
      ? child.replaceAll('\r\n', '\n')
      : collapse(child, isEdge(children[at - 1], parent), isEdge(children[at + 1], parent));
    if (text !== '') shown.push(textNode(text));
  }
  return shown;
}

export function textNode(text: string): HtmlNode {
  return { kind: 'text', name: '', attributes: NO_ATTRIBUTES, children: NO_CHILDREN, text, hash: 0 };
}

const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();
const NO_CHILDREN: readonly HtmlNode[] = [];

/** Whether white space beside this neighbour shows nothing: a block, or the edge of one. */
function isEdge(neighbour: string | HtmlNode | undefined, parent: string): boolean {
  if (neighbour === undefined) return BLOCKS.has(parent);
  return typeof neighbour !== 'string' && BLOCKS.has(neighbour.name);
}

/** Runs of white space as one space, and none at edges. */
export function collapse(text: string, atStart: boolean, atEnd: boolean): string {
  let shown = text.replace(/[ \t\r\n\f]+/g, ' ');
  if (atStart && shown.startsWith(' ')) shown = shown.slice(1);
  if (atEnd && shown.endsWith(' ')) shown = shown.slice(0, -1);
  return shown;
}

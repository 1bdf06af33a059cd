import { type DefaultTreeAdapterTypes, defaultTreeAdapter } from 'parse5';
import type { Budget } from '../core/compare/budget.ts';
import type { HtmlNode } from '../core/compare/html-node.ts';
import type { Attempts } from '../core/compare/walk.ts';
import { boundedParse } from './bounded-parse.ts';
import { plainHtml } from './plain-html.ts';
import { collapse, MAX_DEPTH, shownChildren, textNode } from './shown-html.ts';

/** Elements that keep their white space. */
const KEEPS_SPACE: ReadonlySet<string> = new Set(['pre', 'textarea', 'script', 'style']);

/**
 * The trees a browser would build of two pages, without comments, with white space as it means:
 * runs become one space, and none is left at the edges of blocks.
 * What stands in both may be the same objects.
 *
 * @param attempts Where pages of their endpoint are seldom plain ones, most go straight to the whole parser.
 */
export function htmlTrees(
  control: string,
  candidate: string,
  budget: Budget,
  attempts?: Attempts,
): readonly [HtmlNode, HtmlNode] {
  const isTried = attempts?.begin() ?? true;
  const first = isTried ? plainHtml(control, budget) : undefined;
  if (isTried) attempts?.ended(first !== undefined);
  // Two pages of one endpoint are written alike: where one needs the whole parser, so will the other.
  const second = first === undefined ? undefined : plainHtml(candidate, budget, first);
  return [first?.root ?? parsedHtml(control, budget), second?.root ?? parsedHtml(candidate, budget)];
}

/** One tree, by the whole parser of the standard (parse5), which makes one of anything. */
export function parsedHtml(text: string, budget: Budget): HtmlNode {
  const document = boundedParse(text, budget);
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
    depth >= MAX_DEPTH
      ? flatten(element, budget)
      : shownChildren(element.tagName, childrenOf(childNodes, keeps, depth, budget), keeps);
  return {
    kind: 'element',
    name: element.tagName,
    attributes: new Map(element.attrs.map(({ name, value }) => [name, value])),
    children,
    text: '',
    hash: 0,
  };
}

/** Elements and texts; texts that a comment kept apart are one, for that is how they show. */
function childrenOf(
  nodes: readonly DefaultTreeAdapterTypes.ChildNode[],
  keeps: boolean,
  depth: number,
  budget: Budget,
): (string | HtmlNode)[] {
  const children: (string | HtmlNode)[] = [];
  for (const node of nodes) {
    if (defaultTreeAdapter.isElementNode(node)) children.push(elementNode(node, keeps, depth + 1, budget));
    else if (defaultTreeAdapter.isTextNode(node)) {
      const last = children.at(-1);
      if (typeof last === 'string') children[children.length - 1] = last + node.value;
      else children.push(node.value);
    }
  }
  return children;
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

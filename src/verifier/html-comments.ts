import { type DefaultTreeAdapterTypes, defaultTreeAdapter } from 'parse5';
import type { Budget } from '../core/compare/budget.ts';
import { type Path, step } from '../core/compare/path.ts';
import type { WalkContext } from '../core/compare/walk.ts';
import { walkText } from '../core/compare/walk-text.ts';
import { boundedParse } from './bounded-parse.ts';

/**
 * Compares the comments of two pages, in their order, each as one line with white space as one space.
 * Where in the page they stand is not compared: an element that moved is told as that.
 */
export function walkComments(left: string, right: string, path: Path, context: WalkContext): void {
  if (!mayHaveComments(left) && !mayHaveComments(right)) return;
  const [mine, theirs] = [left, right].map((page) => commentLines(page, context.budget)) as [string, string]; // one each
  if (mine !== theirs) walkText(mine, theirs, step(path, 'comments'), context);
}

/** `<?` begins one as well (HTML Living Standard, 13.2.5.6). */
function mayHaveComments(page: string): boolean {
  return page.includes('<!--') || page.includes('<?');
}

function commentLines(page: string, budget: Budget): string {
  const lines: string[] = [];
  const open: DefaultTreeAdapterTypes.Node[] = [boundedParse(page, budget)];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    budget.spend(1);
    // The standard's parser is the only one that knows what is a comment and what only looks like one.
    if (defaultTreeAdapter.isCommentNode(node as DefaultTreeAdapterTypes.ChildNode))
      lines.push((node as DefaultTreeAdapterTypes.CommentNode).data.replace(/\s+/g, ' ').trim()); // just checked
    const children = childrenOf(node);
    for (let at = children.length - 1; at >= 0; at--) open.push(children[at] as DefaultTreeAdapterTypes.ChildNode); // below the length
  }
  return lines.join('\n');
}

/** A template's content is a document of its own. */
function childrenOf(node: DefaultTreeAdapterTypes.Node): readonly DefaultTreeAdapterTypes.ChildNode[] {
  if ('content' in node) return node.content.childNodes;
  return 'childNodes' in node ? node.childNodes : [];
}

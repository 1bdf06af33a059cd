import { type DefaultTreeAdapterTypes, defaultTreeAdapter, Parser } from 'parse5';
import { type Budget, BudgetSpent } from '../core/compare/budget.ts';

/** Elements and comments of one page: ten times what the largest pages in the wild have. */
const MAX_NODES = 200_000;
/** Attributes of one element: the parser looks through all of them for each new one. */
const MAX_ATTRIBUTES = 2_000;
/** Characters handed to the parser at once; in between it is asked how far it has come. */
const CHUNK = 4_096;

/**
 * The document that the standard's parser makes of a page, with bounds on its work, of which it has none itself:
 * it walks its stack of open elements for most tags, opens formatting anew in every block, and compares each attribute with all before.
 * Throws `BudgetSpent`.
 */
export function boundedParse(text: string, budget: Budget): DefaultTreeAdapterTypes.Document {
  let nodes = 0;
  let depth = 0;
  const count = (): void => {
    if (++nodes > MAX_NODES) throw new BudgetSpent('nodes');
    // A step of 32 elements up the stack costs about as much as visiting a node.
    budget.spend(1 + (depth >> 5));
  };
  const parser = new Parser<DefaultTreeAdapterTypes.DefaultTreeAdapterMap>({
    treeAdapter: {
      ...defaultTreeAdapter,
      createElement: (...parts) => {
        count();
        return defaultTreeAdapter.createElement(...parts);
      },
      createCommentNode: (data) => {
        count();
        return defaultTreeAdapter.createCommentNode(data);
      },
      onItemPush: () => {
        depth++;
      },
      onItemPop: () => {
        depth--;
      },
    },
  });
  for (let at = 0; at < text.length || at === 0; at += CHUNK) {
    parser.tokenizer.write(text.slice(at, at + CHUNK), at + CHUNK >= text.length);
    budget.spend(CHUNK >> 4);
    if (attributesSoFar(parser.tokenizer) > MAX_ATTRIBUTES) throw new BudgetSpent('attributes');
  }
  return parser.document;
}

/** Of the tag that the tokenizer is in. It tells nobody before the tag is complete, which may be too late. */
function attributesSoFar(tokenizer: object): number {
  const { currentToken } = tokenizer as { currentToken?: { attrs?: readonly unknown[] } | null }; // every part may be missing
  return currentToken?.attrs?.length ?? 0;
}

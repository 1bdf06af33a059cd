import { editable, withBody } from './answer-edit.ts';
import { type HtmlElement, type HtmlPage, scanHtml, splice } from './html-scan.ts';
import { firstOf, type Mutator, type Random } from './mutator.ts';

/** A stretch of the page replaced, and where that is seen. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly by: string;
  readonly path: string;
}

function htmlMutator(
  name: string,
  fault: string,
  edit: (page: HtmlPage, random: Random, source: string) => Edit | undefined,
): Mutator {
  return {
    name,
    fault,
    plant(answer, random) {
      const body = editable(answer);
      if (body?.format !== 'html') return undefined;
      const found = edit(scanHtml(body.text), random, body.text);
      return found && { answer: withBody(answer, splice(body.text, found, found.by)), path: found.path };
    },
  };
}

/** Elements whose loss is no loss of something else: the frame of the page stays. */
const FRAME: ReadonlySet<string> = new Set(['html', 'head', 'body', 'title', 'thead', 'tbody', 'tr', 'td', 'th']);

function losable({ name }: HtmlElement): boolean {
  return !FRAME.has(name);
}

/** Faults of the tree of a page. */
export const HTML_FAULTS: readonly Mutator[] = [
  htmlMutator('attribute-lost', 'An attribute of an element is missing.', ({ elements }, random, source) =>
    firstOf(elements, random, (element) =>
      firstOf(element.attributes, random, ({ name, start, end }) => {
        // The space before it goes with it.
        const from = source[start - 1] === ' ' ? start - 1 : start;
        return { start: from, end, by: '', path: `${element.path}/@${name}` };
      }),
    ),
  ),
  htmlMutator('element-lost', 'An element is missing, with all that is in it.', ({ elements }, random) =>
    firstOf(elements.filter(losable), random, ({ start, end, path }) => ({ start, end, by: '', path })),
  ),
  htmlMutator('escaping-lost', 'Text that should be shown is taken as markup.', ({ texts }, random, source) =>
    firstOf(texts, random, ({ text, start, end, path, within }) =>
      within === 'script' || within === 'style' || !/&lt;[a-z/]/i.test(text)
        ? undefined
        : { start, end, by: source.slice(start, end).replaceAll('&lt;', '<').replaceAll('&gt;', '>'), path },
    ),
  ),
];

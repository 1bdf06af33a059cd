import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Budget } from '../core/compare/budget.ts';
import type { HtmlNode } from '../core/compare/html-node.ts';
import { htmlTrees, parsedHtml } from './html-tree.ts';
import { plainHtml } from './plain-html.ts';

const budget = (): Budget => new Budget(100_000_000, () => false);

/** What a tree means: without places in the text. */
function meaning(node: HtmlNode): unknown {
  return [node.kind, node.name, [...node.attributes], node.text, node.children.map(meaning)];
}

const page = (body: string, head = '<title>T</title>'): string =>
  `<!doctype html>\n<html lang="en">\n<head>${head}</head>\n<body class="a">${body}</body>\n</html>\n`;

const ORDINARY =
  'div p span a b i em ul ol li dl dt dd h1 h2 table caption colgroup thead tbody tr td th form button select optgroup option label section article pre textarea svg g path title desc x-card datalist noscript video details summary fieldset legend';
const VOIDS = 'br img hr input meta link col source wbr';
const ODD =
  'template math nobr object frameset body html head iframe style script plaintext rt image font circle lineargradient foreignobject';
const words = (text: string): readonly string[] => text.split(' ');

const TEXTS = [
  '',
  ' ',
  '\n  ',
  'word',
  ' two words ',
  'a &amp; b',
  '&nbsp;',
  '&copy;',
  '&#233;&#x20ac;',
  '&unknown; &copy',
  'R&D',
  'x < y',
  '&#128;',
  '<!-- c -->',
  '<!---->',
  '<!--> odd',
  '\r\n',
  ']]>',
  '&notit;',
  'é ',
  '\n\n',
];
const ATTRIBUTES = [
  '',
  '',
  ' class="b a"',
  " id='x'",
  ' hidden',
  ' href="/p?a=1&b=2"',
  ' href="?a&copy=1"',
  ' data-x=1',
  ' CLASS="C"',
  ' a=1 a=2',
  ' viewbox="0 0 1 1"',
  ' xlink:href="#a"',
  ' title="&quot;&amp;"',
  ' title="&copy"',
  ' data-json=\'{"a":1}\'',
  ' x = "y"',
  ' a/b',
  ' /',
  '\n  id="y"',
  ' type=hidden',
  ' style="a: b"',
];

const text = fc.constantFrom(...TEXTS);
const attributes = fc.constantFrom(...ATTRIBUTES);
const name = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...words(ORDINARY)) },
  { weight: 1, arbitrary: fc.constantFrom(...words(ODD)) },
);
const { nodes } = fc.letrec<{ nodes: string; node: string }>((tie) => ({
  nodes: fc.array(tie('node'), { maxLength: 4 }).map((parts) => parts.join('')),
  node: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    text,
    fc
      .tuple(fc.constantFrom(...words(VOIDS)), attributes, fc.constantFrom('', '', '/'))
      .map(([tag, more, end]) => `<${tag}${more}${end}>`),
    fc.tuple(name, attributes, tie('nodes')).map(([tag, more, inner]) => `<${tag}${more}>${inner}</${tag}>`),
    // Nested as they must be, which chance seldom makes.
    fc
      .tuple(attributes, tie('nodes'))
      .map(([more, inner]) => `<table${more}> <tbody><tr><td>${inner}</td>\n<th>x</th></tr></tbody></table>`),
    fc.tuple(tie('nodes'), tie('nodes')).map(([one, two]) => `<ul><li>${one}</li>\n <li>${two}</li></ul>`),
    fc
      .tuple(attributes, text)
      .map(([more, inner]) => `<svg${more}><title>${inner}</title><path${more}/><g><circle${more}></circle></g></svg>`),
    text.map(
      (inner) =>
        `<select><option value="1" selected>${inner}</option> <optgroup><option>${inner}</option></optgroup></select>`,
    ),
    text.map((inner) => `<pre>\n${inner}</pre><textarea>\n${inner}</textarea><script>if (a<b) "${inner}"</script>`),
  ),
}));
const edit = fc.tuple(
  fc.nat(),
  fc.nat(12),
  fc.oneof(
    text,
    attributes,
    name.map((tag) => `</${tag}>`),
    name.map((tag) => `<${tag}>`),
  ),
);

function edited(source: string, [where, cut, put]: readonly [number, number, string]): string {
  const at = where % (source.length + 1);
  return source.slice(0, at) + put + source.slice(at + cut);
}

function check(source: string): 'plain' | 'whole' {
  const plain = plainHtml(source, budget());
  if (plain === undefined) return 'whole';
  expect(meaning(plain.root), source).toEqual(meaning(parsedHtml(source, budget())));
  return 'plain';
}

describe('a page that is written out in full', () => {
  test('is read as the whole parser reads it', () => {
    const seen = { plain: 0, whole: 0 };
    fc.assert(
      fc.property(nodes, (body) => {
        seen[check(page(body))]++;
      }),
      { numRuns: 1_500 },
    );
    // Else the property says nothing.
    expect(seen.plain).toBeGreaterThan(150);
    expect(seen.whole).toBeGreaterThan(150);
  });

  test('is read as the whole parser reads it, or left to it, whatever is broken in it', () => {
    fc.assert(
      fc.property(nodes, fc.array(edit, { minLength: 1, maxLength: 3 }), (body, edits) => {
        check(edits.reduce(edited, page(body)));
      }),
      { numRuns: 1_500 },
    );
  });

  test('gives the same trees where two are read in step', () => {
    fc.assert(
      fc.property(nodes, fc.array(edit, { maxLength: 3 }), nodes, (body, edits, more) => {
        const [first, second] = [page(body + more), page(edits.reduce(edited, body) + more)];
        const trees = htmlTrees(first, second, budget());
        expect(trees.map(meaning)).toEqual([first, second].map((one) => meaning(parsedHtml(one, budget()))));
      }),
      { numRuns: 1_000 },
    );
  });

  test('shares what stands in both, also behind what was inserted', () => {
    const card = (id: number): string => `<li class="card"><a href="/p/${id}">thing ${id}</a></li>`;
    const of = (ids: readonly number[]): string => page(`<ul>${ids.map(card).join('\n')}</ul>`);
    const [a, b] = htmlTrees(of([1, 2, 3, 4]), of([1, 9, 2, 3, 4]), budget());
    const cards = (root: HtmlNode): readonly HtmlNode[] => root.children[1]?.children[0]?.children ?? [];
    expect(cards(b).map((one) => cards(a).indexOf(one))).toEqual([0, -1, 1, 2, 3]);
  });

  test.each([
    ['an ordinary page', page('<p>a <b>b</b></p><ul><li>1</li></ul><table><tbody><tr><td>x</td></tr></tbody></table>')],
    ['drawings', page('<svg viewbox="0 0 1 1"><use xlink:href="#a"/><lineargradient id="g"></lineargradient></svg>')],
    ['line ends of Windows', page('<pre>\r\n\r\na</pre>\r\n<p>b\rc</p>')],
    [
      'scripts and styles',
      page('<script>1 < 2 && "</div>"</script>', '<style>a > b {}</style><noscript><img></noscript>'),
    ],
    ['forms', page('<form><label>a<input type="text" value="b"></label><select><option>1</option></select></form>')],
  ])('holds %s', (_, source) => expect(check(source)).toBe('plain'));

  test.each([
    ['a table without a body', page('<table><tr><td>1</td></tr></table>')],
    ['a paragraph within a paragraph', page('<p>a<p>b</p></p>')],
    ['a block within a paragraph', page('<p><div>a</div></p>')],
    ['an item that is not closed', page('<ul><li>a<li>b</ul>')],
    ['a link within a link', page('<a href="1"><span><a href="2">x</a></span></a>')],
    ['tags that overlap', page('<b><i>x</b></i>')],
    ['a page without a doctype', '<html><head></head><body></body></html>'],
    ['a page without a head', '<!doctype html><html><body>x</body></html>'],
    ['text behind the body', `${page('x')}y`],
    ['a comment within a script', page('<script><!-- <script></script> --></script>')],
    ['a frame of older days', page('<object></object>')],
    ['NUL', page('a\0b')],
  ])('is not %s', (_, source) => expect(check(source)).toBe('whole'));
});

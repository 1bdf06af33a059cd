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

/** Of each property; `PLAIN_HTML_RUNS` asks for more. */
const RUNS = Number(process.env['PLAIN_HTML_RUNS'] ?? 1_500);
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

/** Tags the standard lets be left out, and more that pages leave out: each is taken out with the given chance. */
const OMITTABLE =
  /<\/(?:p|li|dt|dd|option|optgroup|tr|td|th|thead|tbody|tfoot|colgroup|div|span|ul|table|select|caption|h1|body|html|head)>|<(?:tbody|head|html lang="en"|body class="a")>/g;
const omitted = (source: string, keeps: readonly boolean[]): string => {
  let at = 0;
  return source.replace(OMITTABLE, (tag) => (keeps[at++ % keeps.length] === true ? tag : ''));
};
const keeps = fc.array(fc.boolean(), { minLength: 1, maxLength: 24 });
/** What closes, is ignored, or implies something, in any order. */
const LOOSE = words(
  '<p> <p> </p> <li> <li> </li> <ul> </ul> <ol> </ol> <dl> </dl> <dt> <dd> </dd> <table> </table> <tr> <tr> </tr> <td> <td> <th> </td> </th> <tbody> <thead> </tbody> <caption> </caption> <col> <colgroup> <select> <option> <option> </option> <optgroup> </optgroup> </select> <div> </div> <span> </span> <b> </b> <a> </a> <i> </i> <h1> <h2> </h2> <form> </form> <button> </button> <hr> <br> </br> <x-y> </x-y> <pre> </pre> <address> </address> <section> </section> <label> </label> <svg> </svg> <g> </g> <script></script> <input> <dialog> </dialog> </body> </html> <!--c--> x &amp; &zwj; &copy <svg><path/></svg> <style>a</style>',
);
const loose = fc.array(fc.oneof(fc.constantFrom(...LOOSE), fc.constantFrom(' ', '\n', 'word')), { maxLength: 24 });

describe('a page in which tags are left out', () => {
  test('is read as the whole parser reads it, or left to it', () => {
    const seen = { plain: 0, whole: 0 };
    fc.assert(
      fc.property(nodes, keeps, (body, kept) => {
        seen[check(omitted(page(body), kept))]++;
      }),
      { numRuns: RUNS },
    );
    // Else the property says nothing.
    expect(seen.plain).toBeGreaterThan(RUNS / 10);
    expect(seen.whole).toBeGreaterThan(RUNS / 100);
  });

  test('is read as the whole parser reads it, or left to it, in whatever order its tags come', () => {
    const seen = { plain: 0, whole: 0 };
    fc.assert(
      fc.property(loose, fc.boolean(), (tags, isWhole) => {
        seen[check(isWhole ? page(tags.join('')) : `<!doctype html>${tags.join('')}`)]++;
      }),
      { numRuns: 3 * RUNS },
    );
    expect(seen.plain).toBeGreaterThan(RUNS / 4);
    expect(seen.whole).toBeGreaterThan(RUNS / 4);
  });

  test('gives the same trees where two are read in step', () => {
    fc.assert(
      fc.property(loose, loose, loose, fc.nat(), fc.nat(4), (before, one, after, cut, length) => {
        const first = [...before, ...one, ...after];
        const second = [
          ...before.slice(0, cut % (before.length + 1)),
          ...before.slice((cut % (before.length + 1)) + length),
          ...one,
          ...after,
        ];
        const pages = [first, second].map((tags) => page(tags.join('')));
        const trees = htmlTrees(pages[0] as string, pages[1] as string, budget());
        expect(trees.map(meaning), pages.join('')).toEqual(pages.map((each) => meaning(parsedHtml(each, budget()))));
      }),
      { numRuns: 2 * RUNS },
    );
  });
});

describe('a page in which tags are left out, one by one', () => {
  test.each([
    ['a table without a body', page('<table><tr><td>1</td></tr></table>')],
    ['cells alone', page('<table><td>1<td>2<th>3</table>')],
    ['a table without any end tag but its own', page('<table><caption>c<tr><td>1<td>2<tr><th>3</table>after')],
    ['groups of rows that end each other', page('<table><thead><tr><th>1<tbody><tr><td>2<tfoot><tr><td>3</table>')],
    ['columns without a group', page('<table> <col> <col span=2> <tr><td>1</table>')],
    ['a group of columns that rows end', page('<table><colgroup><col><col><tr><td>1</table>')],
    ['tables in tables', page('<table><tr><td><table><tr><td>1</table><td>2</table>')],
    ['formatting that a cell ends', page('<table><tr><td><b>1<td><i>2</i></table>')],
    ['ends of cells and rows that are not open', page('<table><tr></td><td>1</th></td></tr></tr></table>')],
    ['a script between rows', page('<table><tr><td>1</td></tr><script>x</script></table>')],
    ['a paragraph within a paragraph', page('<p>a<p>b</p></p>')],
    ['a block within a paragraph', page('<p><div>a</div></p>')],
    ['the end of a paragraph that is not open', page('a</p>b')],
    ['a paragraph in a button in a paragraph', page('<p><button><p>a</button>b')],
    ['a paragraph in a cell in a paragraph', page('<p><table><tr><td><p>a</table>')],
    ['an item that is not closed', page('<ul><li>a<li>b</ul>')],
    ['items that hold lists', page('<ul><li>a<ul><li>b<li>c</ul><li>d</ul>')],
    ['items without a list', page('<li>a<div><li>b</div>')],
    ['terms', page('<dl><dt>a<dd>b<p>c<dt>d<dd>e</dl>')],
    ['choices', page('<select><option>a<option selected>b<optgroup label=x><option>c<optgroup><option>d</select>e')],
    ['choices outside of a list', page('<datalist><option>a<option>b</datalist>')],
    ['headings in headings', page('<h1>a<h2>b</h1>c')],
    ['end tags of nothing', page('</span>a</div></li></ul></img></x-y>b')],
    ['elements that others end', page('<div><span>a<x-y>b</div>c')],
    ['a slash that means nothing', page('<div/>a<br/><p class=a/>b')],
    ['attributes in every manner', page('<p a=1 a=2 b = c d="e"f=\'g\' h href=/x?y=1&z=2 i=a"b>x')],
    ['references without an end', page('&copy &copyx &notit; &amp&lt;&#128;&#x110000;&zwj; &#; & &x;')],
    ['references in attributes', page('<p title="&copy &copyx &copy=1 &notit; &#128; &zwj;&ampx">x')],
    ['what looks like a tag', page('a < b <3 c<')],
    ['no head', '<!doctype html><html><body>x</body></html>'],
    ['nothing but a body', '<!DOCTYPE HTML><title>T</title><p>a<p>b'],
    ['nothing but text', '<!doctype html>  hello <b>you</b>'],
    ['a head that text ends', '<!doctype html><head><title>T</title> hello'],
    ['no end', '<!doctype html><html><head><title>T</title></head><body><div><span>x'],
    ['white space behind what is open', `<!doctype html><body><span>x</body> \n </html>  `],
    ['an end without a body', '<!doctype html><p>x</html>\n'],
    ['a comment behind the end', `${page('x')}<!-- served -->`],
  ])('holds %s', (_, source) => expect(check(source)).toBe('plain'));

  test.each([
    ['formatting that goes on behind a paragraph', page('<p><b>a<p>b')],
    ['formatting that overlaps a block', page('<b><div>a</b></div>')],
    ['a form that is not closed', page('<div><form>a</div><form>b</form>')],
    ['text in a table', page('<table>a<tr><td>b</table>')],
    ['a form in a table', page('<table><form><tr><td>b</table>')],
    ['a table directly in a table', page('<table><table></table>')],
    ['cells outside of a table', page('<td>a</td><tr>')],
    ['tags in a choice', page('<select><option><b>a</b></select>')],
    ['a second body', page('<body class=b>x')],
    ['a style behind the head', '<!doctype html><head></head><style>a</style><body>x'],
    ['an element behind the body', '<!doctype html><body>a</body><p>b'],
    ['quirks', '<!doctype html public "-//W3C//DTD HTML 3.2 Final//EN"><p>a<table></table>'],
    ['an end tag of a line break', page('a</br>b')],
    ['markup that is no element', page('a<!x>b<?y>c</ z>d')],
  ])('leaves %s to the whole parser', (_, source) => expect(check(source)).toBe('whole'));

  test('shares items that the next one ends, but not one that goes on', () => {
    const of = (items: readonly string[]): string => page(`<ul>${items.map((item) => `<li>${item}`).join('')}</ul>`);
    const [a, b] = htmlTrees(of(['a', 'b', 'c']), of(['a', 'b<i>x</i>', 'c']), budget());
    const items = (root: HtmlNode): readonly HtmlNode[] => root.children[1]?.children[0]?.children ?? [];
    expect(items(b).map((one) => items(a).indexOf(one))).toEqual([0, -1, 2]);
  });
});

describe('any page', () => {
  test('is read as the whole parser reads it', () => {
    const seen = { plain: 0, whole: 0 };
    fc.assert(
      fc.property(nodes, (body) => {
        seen[check(page(body))]++;
      }),
      { numRuns: RUNS },
    );
    // Else the property says nothing.
    expect(seen.plain).toBeGreaterThan(RUNS / 10);
    expect(seen.whole).toBeGreaterThan(RUNS / 10);
  });

  test('is read as the whole parser reads it, or left to it, whatever is broken in it', () => {
    fc.assert(
      fc.property(nodes, fc.array(edit, { minLength: 1, maxLength: 3 }), (body, edits) => {
        check(edits.reduce(edited, page(body)));
      }),
      { numRuns: RUNS },
    );
  });

  test('gives the same trees where two are read in step', () => {
    fc.assert(
      fc.property(nodes, fc.array(edit, { maxLength: 3 }), nodes, (body, edits, more) => {
        const [first, second] = [page(body + more), page(edits.reduce(edited, body) + more)];
        const trees = htmlTrees(first, second, budget());
        expect(trees.map(meaning)).toEqual([first, second].map((one) => meaning(parsedHtml(one, budget()))));
      }),
      { numRuns: RUNS },
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
    ['a link within a link', page('<a href="1"><span><a href="2">x</a></span></a>')],
    ['tags that overlap', page('<b><i>x</b></i>')],
    ['a page without a doctype', '<html><head></head><body></body></html>'],
    ['text behind the body', `${page('x')}y`],
    ['a comment within a script', page('<script><!-- <script></script> --></script>')],
    ['a frame of older days', page('<object></object>')],
    ['NUL', page('a\0b')],
  ])('is not %s', (_, source) => expect(check(source)).toBe('whole'));
});

import { html } from 'parse5';

/** What is inside an element, as far as it changes what tags do there. The rest is like what is around it. */
export type Inside = 'body' | 'table' | 'rows' | 'row' | 'cell' | 'caption' | 'columns' | 'select';

/** What the standard's tree construction does about a tag in a body, where it does more than to open and to close an element. */
export interface TagRule {
  /** No end tag. */
  readonly isVoid?: true;
  /** Its start tag ends an open paragraph. */
  readonly endsParagraph?: true;
  /** Its content is text as it stands, or text with references. */
  readonly text?: 'raw' | 'references';
  /** Within another of its name the standard ends one of them, or ignores one. */
  readonly isAlone?: true;
  /** Is opened anew where something else closes it, which is left to the whole parser. */
  readonly isFormatting?: true;
  /** An end tag does not look for its element beyond one of these. */
  readonly isSpecial?: true;
  /** How its end tag finds the element; absent: the nearest of the name, below anything special. */
  readonly end?: 'scoped' | 'item' | 'heading' | 'paragraph' | 'form';
  /** A part of a table: in a cell or a caption, its start tag ends that. */
  readonly isPart?: true;
  /** Ends the item before it. */
  readonly isItem?: true;
  /** It matters how many of it are open. */
  readonly isCounted?: true;
  /** Bounds the scopes in which elements are looked for. */
  readonly bounds?: 'every' | 'items' | 'buttons';
  readonly inside?: Inside;
  /** Never plain. */
  readonly isOdd?: true;
}

export const list = (names: string): Set<string> => new Set(names.split(' '));

const RULES = new Map<string, TagRule>();
const rule = (names: string, more: TagRule): void => {
  for (const name of names.split(' ')) RULES.set(name, { ...RULES.get(name), ...more });
};

const BLOCKS =
  'address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer header hgroup main menu nav ol search section summary ul pre';
const HEADING_NAMES = 'h1 h2 h3 h4 h5 h6';

rule('area br embed img wbr input param source track hr meta link base col', { isVoid: true });
rule(`${BLOCKS} ${HEADING_NAMES} p form table hr li dd dt`, { endsParagraph: true });
rule(`${BLOCKS} button dd dt`, { end: 'scoped' });
rule('li', { end: 'item' });
rule('li dd dt', { isItem: true });
rule('caption col colgroup tbody td tfoot th thead tr', { isPart: true });
rule(HEADING_NAMES, { end: 'heading' });
rule('p', { end: 'paragraph' });
rule('form', { end: 'form' });
rule('script style iframe noscript', { text: 'raw' });
rule('title textarea', { text: 'references' });
rule('a button form', { isAlone: true });
rule('a b big code em font i s small strike strong tt u', { isFormatting: true });
rule('p a b big button code em font form i s small strike strong tt u', { isCounted: true });
rule('html caption table td th', { bounds: 'every' });
rule('ul ol', { bounds: 'items' });
rule('button', { bounds: 'buttons' });
rule('body', { inside: 'body' });
rule('table', { inside: 'table' });
rule('thead tbody tfoot', { inside: 'rows' });
rule('tr', { inside: 'row' });
rule('td th', { inside: 'cell' });
rule('caption', { inside: 'caption' });
rule('colgroup', { inside: 'columns' });
rule('select', { inside: 'select' });
rule(
  'html head body frameset frame noframes noembed plaintext xmp listing template math image applet marquee object nobr rb rtc rp rt bgsound basefont keygen isindex selectedcontent',
  { isOdd: true },
);
// The parser's own list, so that there is one.
const special = html.SPECIAL_ELEMENTS[html.NS.HTML];
for (const name of Object.values(html.TAG_NAMES)) if (special.has(html.getTagID(name))) rule(name, { isSpecial: true });

const PLAIN: TagRule = {};

export function ruleOf(name: string): TagRule {
  return RULES.get(name) ?? PLAIN;
}

export const IN_HEAD: ReadonlySet<string> = list('meta link base title script style noscript');
/** Elements whose end tag may be left out before the end of a form. */
export const IMPLIED: ReadonlySet<string> = list('dd dt li optgroup option p');
/** Special, but no bound where an item looks for the one before it. */
export const OPEN_TO_ITEMS: ReadonlySet<string> = list('address div p');
/** Drawings: elements without rules of their own; `title` and `desc` hold text only. */
export const IN_SVG: ReadonlySet<string> = list(
  'g path circle rect line polyline polygon ellipse defs use symbol stop mask pattern marker text tspan lineargradient radialgradient clippath title desc',
);

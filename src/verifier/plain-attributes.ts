import { parseFragment } from 'parse5';

/** Thrown where a page is not plain; the whole parser then reads it. */
export class Unplain extends Error {}

/** Attributes of one element; the bounds of the whole parser say what becomes of more. */
const MAX_ATTRIBUTES = 1_000;
/** Name, and a value in quotes, without them, or none. Names with quotes in them are left to the whole parser. */
const ATTRIBUTE =
  /[ \t\n\f/]*([^ \t\n\f"'<>/=]+)(?:[ \t\n\f]*=[ \t\n\f]*(?:"([^"]*)"|'([^']*)'|([^ \t\n\f"'>][^ \t\n\f>]*)))?/y;
const TAG_END = /[ \t\n\f/]*>/y;

/** The attributes of a start tag, read from behind its name. */
export function attributesOf(
  text: string,
  from: number,
): { attributes: ReadonlyMap<string, string>; isClosed: boolean; end: number } {
  const attributes = new Map<string, string>();
  let at = from;
  let count = 0;
  for (;;) {
    ATTRIBUTE.lastIndex = at;
    const found = ATTRIBUTE.exec(text);
    if (found === null) break;
    const [, name = '', double, single, bare] = found;
    at = ATTRIBUTE.lastIndex;
    const key = name.toLowerCase();
    if (++count > MAX_ATTRIBUTES) throw new Unplain();
    // Of repeated ones the first counts; a slash behind a bare value belongs to it.
    if (!attributes.has(key)) attributes.set(key, decodeReferences(double ?? single ?? bare ?? '', true));
  }
  TAG_END.lastIndex = at;
  if (!TAG_END.test(text)) throw new Unplain();
  const end = TAG_END.lastIndex;
  // The slash of `<a href=/>` belongs to the value.
  return { attributes, isClosed: end - at > 1 && text.charCodeAt(end - 2) === 47, end };
}

/** Latin-1 from 160 on, in order (HTML Living Standard, named character references), and the few others pages use. */
const NAMED: ReadonlyMap<string, string> = new Map([
  ...'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml'
    .split(' ')
    .map((name, at) => [name, String.fromCharCode(160 + at)] as const),
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
  ['hellip', '…'],
  ['ndash', '–'],
  ['mdash', '—'],
  ['lsquo', '‘'],
  ['rsquo', '’'],
  ['ldquo', '“'],
  ['rdquo', '”'],
  ['bull', '•'],
  ['euro', '€'],
  ['trade', '™'],
  ['larr', '←'],
  ['rarr', '→'],
]);

/** A `#` without a number counts as a name nobody has. */
const REFERENCE = /&(?:#x([\da-f]{1,6});|#(\d{1,7});|([a-z#][\da-z]*)(;?)(?=(=?)))?/gi;

/** A text with its character references replaced. */
export function decodeReferences(text: string, inAttribute: boolean): string {
  if (!text.includes('&')) return text;
  return text.replace(
    REFERENCE,
    (whole: string, hex?: string, decimal?: string, name?: string, end?: string, next?: string) => {
      const code = hex !== undefined ? Number.parseInt(hex, 16) : decimal !== undefined ? Number(decimal) : undefined;
      if (code !== undefined) return isOrdinary(code) ? String.fromCodePoint(code) : rareReference(whole, inAttribute);
      if (name === undefined) return whole;
      // `?a=1&b=2`: the standard leaves it alone, whatever `b` is.
      if (inAttribute && end === '' && next === '=') return whole;
      const found = end === ';' ? NAMED.get(name) : undefined;
      return found ?? rareReference(whole, inAttribute);
    },
  );
}

/** Control characters, surrogates and what Windows puts there have rules of their own. */
function isOrdinary(code: number): boolean {
  return code >= 32 && code <= 0x10ffff && !(code > 126 && code < 160) && !(code >= 0xd800 && code < 0xe000);
}

/** The longest name of the standard's table has 31 characters; more are no reference that anybody writes. */
const LONGEST = 64;
const MOST_RARE = 1_000;
const rare = new Map<string, string>();

/** What the whole parser makes of a reference that needs its table or an exception. */
function rareReference(reference: string, inAttribute: boolean): string {
  if (reference.length > LONGEST) throw new Unplain();
  const source = inAttribute ? `<p title="${reference}">` : reference;
  const known = rare.get(source);
  if (known !== undefined) return known;
  const [node] = parseFragment(source).childNodes;
  const found =
    node === undefined ? '' : 'attrs' in node ? node.attrs[0]?.value : 'value' in node ? node.value : undefined;
  if (found === undefined) throw new Unplain();
  if (rare.size >= MOST_RARE) rare.clear();
  rare.set(source, found);
  return found;
}

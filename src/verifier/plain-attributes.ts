/** Thrown where a page is not written out in full; the whole parser then reads it. */
export class Unplain extends Error {}

/** Attributes of one element; the bounds of the whole parser say what becomes of more. */
const MAX_ATTRIBUTES = 1_000;
/** Name, and a value in quotes, without them, or none. Everything else the standard allows is left to the whole parser. */
const ATTRIBUTE = /[ \t\n\f]+([^ \t\n\f"'<>/=]+)(?:[ \t\n\f]*=[ \t\n\f]*(?:"([^"]*)"|'([^']*)'|([^ \t\n\f"'=<>`]+)))?/y;
const TAG_END = /[ \t\n\f]*(\/?)>/y;

/** The attributes of a start tag, read from behind its name. */
export function attributesOf(
  text: string,
  from: number,
): { attributes: ReadonlyMap<string, string>; isClosed: boolean; end: number } {
  const attributes = new Map<string, string>();
  let at = from;
  for (;;) {
    ATTRIBUTE.lastIndex = at;
    const found = ATTRIBUTE.exec(text);
    if (found === null) break;
    const [, name = '', double, single, bare] = found;
    at = ATTRIBUTE.lastIndex;
    const key = name.toLowerCase();
    // Of repeated ones the first counts; a slash behind a bare value belongs to it.
    if (attributes.has(key) || attributes.size >= MAX_ATTRIBUTES) throw new Unplain();
    attributes.set(key, decodeReferences(double ?? single ?? bare ?? '', true));
  }
  TAG_END.lastIndex = at;
  const end = TAG_END.exec(text);
  if (end === null) throw new Unplain();
  return { attributes, isClosed: end[1] === '/', end: TAG_END.lastIndex };
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
const REFERENCE = /&(?:#x([\da-f]{1,6});|#(\d{1,7});|([a-z#][\da-z]*)(.?))?/gis;

/** A text with its character references replaced; those that need the whole table or the standard's exceptions are not plain. */
export function decodeReferences(text: string, inAttribute: boolean): string {
  if (!text.includes('&')) return text;
  return text.replace(REFERENCE, (whole: string, hex?: string, decimal?: string, name?: string, next?: string) => {
    if (hex !== undefined) return characterOf(Number.parseInt(hex, 16));
    if (decimal !== undefined) return characterOf(Number(decimal));
    if (name === undefined) return whole;
    // `?a=1&b=2`: the standard leaves it alone, whatever `b` is.
    if (inAttribute && next === '=') return whole;
    const found = next === ';' ? NAMED.get(name) : undefined;
    if (found === undefined) throw new Unplain();
    return found;
  });
}

/** Control characters, surrogates and what Windows puts there have rules of their own. */
function characterOf(code: number): string {
  if (code < 32 || (code > 126 && code < 160) || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
    throw new Unplain();
  return String.fromCodePoint(code);
}

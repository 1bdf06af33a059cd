/** Makes the mark of a value; equal values get equal marks. */
export type MarkOf = (value: string) => string;

const JSON_TOKEN = /"(?:[^"\\]|\\.)*(?:"|$)|-?\d[\d.eE+-]*/gs;
const MARKUP_PART = /<!--[\s\S]*?(?:-->|$)|<[^<>]*(?:>|$)|[^<]+/g;
const ATTRIBUTE_VALUE = /(=\s{0,8})("[^"]*"|'[^']*'|[^\s"'<>=`]+)/g;
/** A mark as it stands in text already redacted. */
const WHOLE_MARK = /^⟦r:[\da-f]{8}⟧$/;

/**
 * A text's structure without its content: names of members, elements and attributes stay, every value becomes a mark.
 * JSON keeps `true`, `false` and `null`; text that is neither JSON nor markup becomes a mark a line.
 */
export function structureOf(text: string, markOf: MarkOf): string {
  const mark = (value: string): string => (WHOLE_MARK.test(value) ? value : markOf(value));
  if (/^\s{0,64}[{[]/.test(text)) return jsonStructure(text, mark);
  if (/^\s{0,64}</.test(text)) return markupStructure(text, mark);
  return text
    .split('\n')
    .map((line) => (line.trim() === '' || /^(?:true|false|null)$/.test(line) ? line : mark(line)))
    .join('\n');
}

/**
 * Whether a text is what `structureOf` leaves of one: it holds marks and no value beside them, so nothing that is planted
 * into it or set against it tells anything.
 */
export function isBareStructure(text: string): boolean {
  return text.includes('⟦r:') && structureOf(text, () => '') === text;
}

function jsonStructure(text: string, mark: MarkOf): string {
  return text.replace(JSON_TOKEN, (token, at: number) => {
    if (!token.startsWith('"')) return `"${mark(token)}"`;
    // A name stands before a colon; everything else is a value.
    const isName = /^\s{0,64}:/.test(text.slice(at + token.length, at + token.length + 65));
    return isName ? token : `"${mark(token.slice(1, token.endsWith('"') ? -1 : undefined))}"`;
  });
}

function markupStructure(text: string, mark: MarkOf): string {
  return text.replace(MARKUP_PART, (part) => {
    if (part.startsWith('<!--')) return `<!--${mark(part)}-->`;
    if (!part.startsWith('<')) return part.trim() === '' ? part : mark(part);
    return part.replace(ATTRIBUTE_VALUE, (_, equals: string, value: string) => {
      const bare = /^["']/.test(value) ? value.slice(1, -1) : value;
      return `${equals}"${mark(bare)}"`;
    });
  });
}

import type { ClosedDocument } from './cut-json.ts';

/** Elements that may be open at the cut; deeper documents are not judged anyway. */
const MAX_OPEN = 256;

/**
 * The beginning of an XML document as a document of its own: cut behind its last whole tag, and what is open there closed.
 * Undefined where there is no tag, where it is nested more than 256 deep, or where it is not well-formed so far.
 */
export function closeXml(text: string): ClosedDocument | undefined {
  const open: string[] = [];
  let kept = 0;
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', kept)) {
    const end = endOf(text, at);
    if (end === undefined) break;
    const next = text.charAt(at + 1);
    if (next === '/') {
      if (open.pop() !== text.slice(at + 2, end - 1).trim()) return undefined;
    } else if (next !== '!' && next !== '?' && text[end - 2] !== '/') {
      open.push(/^[^\s/>]*/.exec(text.slice(at + 1, Math.min(end, at + 1 + MAX_NAME)))?.[0] ?? '');
      if (open.length > MAX_OPEN) return undefined;
    }
    kept = end;
  }
  if (kept === 0) return undefined;
  const closing = open.reverse().map((name) => `</${name}>`);
  return { text: text.slice(0, kept) + closing.join(''), kept };
}

const MAX_NAME = 1_000;

/** Behind the mark that begins at `at`; undefined where it is not whole. */
function endOf(text: string, at: number): number | undefined {
  if (text.startsWith('<!--', at)) return behind(text, '-->', at + 4);
  if (text.startsWith('<![CDATA[', at)) return behind(text, ']]>', at + 9);
  if (text.startsWith('<?', at)) return behind(text, '?>', at + 2);
  if (text.startsWith('<!', at)) return endOfDoctype(text, at);
  // A `>` within quotes ends nothing.
  let quote = '';
  for (let index = at + 1; index < text.length; index++) {
    const character = text[index] as string; // below the length
    if (quote !== '') {
      if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if (character === '>') return index + 1;
  }
  return undefined;
}

/** A document type may have a subset in brackets, in which there are marks of its own. */
function endOfDoctype(text: string, at: number): number | undefined {
  const plain = text.indexOf('>', at);
  const subset = text.indexOf('[', at);
  if (plain < 0) return undefined;
  if (subset < 0 || plain < subset) return plain + 1;
  const closed = text.indexOf(']', subset);
  return closed < 0 ? undefined : behind(text, '>', closed);
}

function behind(text: string, mark: string, from: number): number | undefined {
  const at = text.indexOf(mark, from);
  return at < 0 ? undefined : at + mark.length;
}

/**
 * The beginning of a JSON document made whole: cut behind its last complete member or element, with everything that is
 * open closed. Undefined where there is nothing to keep, or where it is no JSON.
 */
export function closeJson(text: string): ClosedDocument | undefined {
  const open: string[] = [];
  let keep = -1;
  /** What is open at `keep`: the open ones then, and no longer than they. */
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '"': {
        const end = endOfString(text, at);
        if (end < 0) return whole(text, keep, open, depth);
        at = end;
        break;
      }
      case '{':
      case '[':
        open.push(text[at] === '{' ? '}' : ']');
        if (open.length > MAX_OPEN) return undefined;
        break;
      case '}':
      case ']':
        if (open.pop() !== text[at]) return undefined;
        if (open.length < depth) {
          // The container of the last comma is closed: what is complete now reaches to here.
          keep = at + 1;
          depth = open.length;
        }
        break;
      case ',':
        // Behind a comma the value before it is complete.
        keep = at;
        depth = open.length;
        break;
    }
  }
  return whole(text, keep, open, depth);
}

/** The beginning of a document as a document of its own. */
export interface ClosedDocument {
  readonly text: string;
  /** Characters of the document that are in it. */
  readonly kept: number;
}

function whole(text: string, kept: number, open: readonly string[], depth: number): ClosedDocument | undefined {
  if (kept < 0) return undefined;
  return { text: text.slice(0, kept) + open.slice(0, depth).reverse().join(''), kept };
}

/** Deeper documents are not compared as trees. */
const MAX_OPEN = 256;

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end >= 0) {
    let slashes = 0;
    while (text[end - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return -1;
}

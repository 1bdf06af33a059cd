/** A place inside a body, as a chain from the leaf up, so that walking allocates one small object per step and no text. */
export interface Path {
  readonly parent: Path | undefined;
  /** The segment as shown: `items`, `0`, `p[2]`, `@class`, `text()`. */
  readonly text: string;
  /** The segment with indices and varying keys replaced: `*`, `p[*]`. */
  readonly pattern: string;
}

/** The root of a body: `body`. */
export const BODY: Path = { parent: undefined, text: 'body', pattern: 'body' };

/** A step to a fixed name. */
export function step(parent: Path, text: string, pattern: string = text): Path {
  return { parent, text, pattern };
}

/** A step to an object's member: escaped as in a JSON pointer (RFC 6901 section 3). */
export function memberStep(parent: Path, key: string): Path {
  const text = escapeKey(key);
  return { parent, text, pattern: isVaryingKey(key) ? '*' : text };
}

/** A step to an array's element, from 0. */
export function indexStep(parent: Path, index: number): Path {
  return { parent, text: String(index), pattern: '*' };
}

/** `body/items/0/id`. */
export function pathText(path: Path): string {
  let text = path.text;
  for (let at = path.parent; at !== undefined; at = at.parent) text = `${at.text}/${text}`;
  return text;
}

/** `body/items/*` + `/id`: the same for every element of a list. */
export function pathPattern(path: Path): string {
  let text = path.pattern;
  for (let at = path.parent; at !== undefined; at = at.parent) text = `${at.pattern}/${text}`;
  return text;
}

/** A key as a segment of a JSON pointer (RFC 6901): `~` becomes `~0`, `/` becomes `~1`. */
export function escapeKey(key: string): string {
  if (!key.includes('/') && !key.includes('~')) return key;
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Whether an object's key is data and no name: a number, a date, a uuid, an address, or a long mixture of letters and digits.
 * Such objects are maps, and what happens to one entry happens to all.
 */
export function isVaryingKey(key: string): boolean {
  if (key.length === 0) return false;
  const first = key.charCodeAt(0);
  if (key.length <= 64 && key.length >= 36 && UUID.test(key)) return true;
  if (first >= 48 && first <= 57) return /^[\d.:_/-]+$/.test(key) || (key.length >= 8 && /^[\da-f-]+$/i.test(key));
  if (key.includes('@')) return true;
  return key.length >= 16 && /\d.*\d.*\d/.test(key) && /^[\w-]+$/.test(key);
}

/**
 * A JSON value as the one text that RFC 8785 gives it: members by name (UTF-16 order), no white space, numbers and texts
 * as ECMAScript writes them. Members that are undefined are left out, as JSON does. Where the RFC refuses half of a
 * surrogate pair, this writes U+FFFD, as UTF-8 would.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.replace(LONE_SURROGATE, '\ufffd'));
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${canonicalJson(name)}:${canonicalJson(member)}`).join(',')}}`;
}

const LONE_SURROGATE = /\p{Surrogate}/gu;

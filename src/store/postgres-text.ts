/**
 * A text as PostgreSQL can hold it: its TEXT takes no U+0000, which a tenant's name may hold. The escape goes both ways,
 * and leaves all other texts as they are, but for backslashes.
 */
export function toColumn(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\u0000', '\\0');
}

/** What `toColumn` was given. */
export function fromColumn(text: string): string {
  return text.replace(/\\([\\0])/g, (_, escaped: string) => (escaped === '0' ? '\u0000' : '\\'));
}

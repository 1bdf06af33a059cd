import type { Fetched, Surroundings } from './files.ts';
import { fetchText } from './files.ts';
import type { ConfigFile } from './schema.ts';
import type { Salvaged } from './schema-walk.ts';

/** Whether a text is the address of a PostgreSQL database. */
export function isStoreUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isOurs = url?.protocol === 'postgres:' || url?.protocol === 'postgresql:';
  return url !== undefined && isOurs && url.hostname !== '' && url.pathname.length > 1;
}

/** The address that `store.url` refers to; what is wrong with it is told without repeating it, it may hold a password. */
export function fetchStoreUrl(file: Salvaged<ConfigFile>, around: Surroundings): Fetched<string | undefined> {
  // A reference is salvaged as a whole or not at all: its schema has a transform.
  const reference = file.store?.url as ConfigFile['store']['url'];
  if (reference === undefined) return { value: undefined };
  const expected = 'an address of the form postgres://user:password@host:5432/database';
  const text = fetchText(reference, ['store', 'url'], { around, expected });
  if ('finding' in text) return text;
  if (isStoreUrl(text.value.trim())) return { value: text.value.trim() };
  const path = ['store', 'url', reference.env === undefined ? 'file' : 'env'];
  return { finding: { path, what: 'leads to something else', expected } };
}

import type { JsonNode } from './json.ts';
import { objectNode, textNode } from './made-json.ts';
import type { Path } from './path.ts';
import type { WalkContext } from './walk.ts';
import { walkJson } from './walk-json.ts';

/** Fields of one form that are read by name; what lies behind is one text. */
const MAX_FIELDS = 10_000;

/** Finds the differences of two forms (`application/x-www-form-urlencoded`): decoded, by name; fields of one name keep their order. */
export function walkForm(a: string, b: string, path: Path, context: WalkContext): void {
  context.budget.spend(a.length + b.length);
  walkJson(formNode(a), formNode(b), path, context);
}

function formNode(text: string): JsonNode {
  const pairs = text.trim().split('&', MAX_FIELDS + 1);
  const keys: string[] = [];
  const items: JsonNode[] = [];
  for (const pair of pairs.slice(0, MAX_FIELDS)) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    keys.push(decode(equals < 0 ? pair : pair.slice(0, equals)));
    items.push(textNode(equals < 0 ? '' : decode(pair.slice(equals + 1))));
  }
  if (pairs.length > MAX_FIELDS) {
    // Beyond the bound nothing is told apart, but nothing is overlooked either.
    const seen = pairs.slice(0, MAX_FIELDS).reduce((length, pair) => length + pair.length + 1, 0);
    keys.push('&');
    items.push(textNode(text.trim().slice(seen)));
  }
  return objectNode(keys, items);
}

/** A name or value as it means; what is no UTF-8 in percent signs stays as written. */
function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

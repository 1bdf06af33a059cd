import type { Budget } from './budget.ts';
import { type JsonNode, parseJson } from './json.ts';
import { spendLines } from './line-budget.ts';
import { objectNode, textNode } from './made-json.ts';

/** The records of a body as they are written, one text each; parsed only where they differ. */
export type ReadRecord = (text: string, budget: Budget) => JsonNode;

/** The lines of newline-delimited JSON that say something. */
export function jsonLines(text: string, budget: Budget): string[] {
  spendLines(text, budget);
  return text.split(/\r?\n/).filter((line) => line.trim() !== '');
}

/** A line as JSON; one that is no JSON as text. */
export function readJsonLine(line: string, budget: Budget): JsonNode {
  const parsed = parseJson(line, budget);
  if (!parsed.ok) return textNode(line);
  // A text in quotes keeps them, so that it is not equal to a line that lost them and is JSON no more.
  return parsed.node.kind === 'string' ? textNode(JSON.stringify(parsed.node.text)) : parsed.node;
}

/** The blocks of an event stream: what stands between blank lines (HTML Living Standard, 9.2.6). Comments alone are none. */
export function eventBlocks(text: string, budget: Budget): string[] {
  spendLines(text, budget);
  const blocks = text.replace(/\r\n?/g, '\n').split(/\n{2,}/);
  return blocks.flatMap((block) => {
    const lines = block.split('\n').filter((line) => line !== '' && !line.startsWith(':'));
    return lines.length === 0 ? [] : [lines.join('\n')];
  });
}

const EVENT_FIELDS = ['event', 'id', 'retry', 'data'] as const;

/** One event by its fields: the last `event`, `id` and `retry` count, lines of `data` belong together and are read as JSON where they are that. */
export function readEvent(block: string, budget: Budget): JsonNode {
  const fields = new Map<string, string>();
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    const known = fields.get(name);
    fields.set(name, name === 'data' && known !== undefined ? `${known}\n${value}` : value);
  }
  // An event without a name is called `message`.
  if (fields.get('event') === 'message') fields.delete('event');
  const keys = EVENT_FIELDS.filter((name) => fields.has(name));
  budget.spend(keys.length + 1);
  return objectNode(
    keys,
    keys.map((name) => {
      const value = fields.get(name) as string; // the names were filtered by this map
      return name === 'data' ? readJsonLine(value, budget) : textNode(value);
    }),
  );
}

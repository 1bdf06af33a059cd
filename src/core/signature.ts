import type { Finding, Value } from './compare/finding.ts';
import type { DifferenceKind } from './verdict.ts';

/** Graver kinds first: what names the cluster of a mismatch. */
const GRAVITY: readonly DifferenceKind[] = [
  'alias',
  'failure',
  'removed',
  'type',
  'value',
  'added',
  'order',
  'whitespace',
  'timing',
];

/** Sorts by gravity; somebody else's data first, then status, then in the order found. */
export function gravity(finding: Finding): number {
  if (finding.kind === 'alias') return -2;
  if (finding.place.path === 'status') return -1;
  return GRAVITY.indexOf(finding.grave === true ? 'failure' : finding.kind);
}

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
const TIME = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}|$)|^[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} /;

/** A value's class: rough enough that one cause is one cluster, fine enough that two are two. */
export function valueClass(value: Value | undefined, path: string): string {
  if (value === undefined) return 'absent';
  if (path === 'status') return value.text;
  switch (value.type) {
    case 'null':
      return 'null';
    case 'boolean':
      return value.text;
    case 'number':
      return /^-?\d+$/.test(value.text) ? 'integer' : 'number';
    case 'text':
      return textClass(value.text);
    case 'array':
    case 'object':
    case 'element':
    case 'bytes':
      return value.type;
  }
}

function textClass(text: string): string {
  if (text.trim() === '') return 'empty';
  if (text.length > 200) return 'text';
  if (/^-?\d+(\.\d+)?$/.test(text)) return 'numeric text';
  if (UUID.test(text)) return 'uuid';
  if (TIME.test(text)) return 'time';
  if (/^https?:\/\//.test(text)) return 'url';
  return 'text';
}

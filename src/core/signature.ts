import type { EndpointId } from './cell.ts';
import type { Finding, Value } from './compare/finding.ts';
import { hash48 } from './compare/hash.ts';
import type { DifferenceKind, Signature } from './verdict.ts';

/** Graver kinds first: what names the cluster of a mismatch. */
const GRAVITY: readonly DifferenceKind[] = [
  'failure',
  'alias',
  'removed',
  'type',
  'value',
  'added',
  'order',
  'whitespace',
];

/** Sorts by gravity; status before everything of its kind, then in the order found. */
export function gravity(finding: Finding): number {
  return finding.place.path === 'status' ? -1 : GRAVITY.indexOf(finding.kind);
}

/** Names the cause of a mismatch by its gravest finding, in a way that the same cause gets the same name every time. */
export function signatureOf(endpoint: EndpointId, finding: Finding): Signature {
  const pathPattern =
    finding.place.detail === undefined ? finding.place.pattern : `${finding.place.pattern}/${finding.place.detail}`;
  const transition = `${valueClass(finding.control, finding.place.path)} → ${valueClass(finding.candidate, finding.place.path)}`;
  const id = hash48([endpoint, pathPattern, finding.kind, transition].join('\n'));
  return { id, endpoint, pathPattern, kind: finding.kind, transition };
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

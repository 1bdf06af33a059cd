import type { Alignment, ElementOps } from './align.ts';
import { align } from './align.ts';
import type { Value } from './finding.ts';
import { placeOf } from './finding.ts';
import { hashText } from './hash.ts';
import { spendLines } from './line-budget.ts';
import type { Path } from './path.ts';
import { step } from './path.ts';
import type { WalkContext } from './walk.ts';

/** A text as the value of a finding. */
export function textValue(text: string): Value {
  return { type: 'text', text };
}

/** Finds the differences of two texts line by line; `body/line/12` counts from 1. */
export function walkText(a: string, b: string, path: Path, context: WalkContext): void {
  if (a === b) return;
  spendLines(a, context.budget);
  spendLines(b, context.budget);
  const plainA = unifyLineEnds(a);
  const plainB = unifyLineEnds(b);
  const endA = plainA.endsWith('\n');
  const endB = plainB.endsWith('\n');
  const sameLineEnds = (plainA === a) === (plainB === b);
  if (!sameLineEnds || (endA !== endB && a !== '' && b !== '')) {
    context.findings.add({
      place: placeOf(path),
      kind: 'whitespace',
      control: textValue(describeLines(a, plainA)),
      candidate: textValue(describeLines(b, plainB)),
    });
  }
  walkLines(splitLines(plainA), splitLines(plainB), path, context);
}

function describeLines(text: string, plain: string): string {
  return `${text === plain ? 'LF' : 'CRLF'} line ends, ${plain.endsWith('\n') ? 'with' : 'without'} a last one`;
}

function unifyLineEnds(text: string): string {
  return text.includes('\r') ? text.replaceAll('\r\n', '\n') : text;
}

function splitLines(text: string): string[] {
  if (text === '') return [];
  return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
}

const LINE_OPS: ElementOps<string> = {
  hash: (line) => hashText(line),
  equal: (a, b) => a === b,
  similarity: lineSimilarity,
};

/** Share of the longer line that common beginning and end make up; never 0, lines of one gap are one changed line. */
function lineSimilarity(a: string, b: string): number {
  const longest = Math.max(a.length, b.length, 1);
  const shortest = Math.min(a.length, b.length);
  let start = 0;
  while (start < shortest && a.charCodeAt(start) === b.charCodeAt(start)) start++;
  let end = 0;
  while (end < shortest - start && a.charCodeAt(a.length - 1 - end) === b.charCodeAt(b.length - 1 - end)) end++;
  return 0.05 + (0.95 * (start + end)) / longest;
}

/** What names a line: its text up to the first colon or equals sign. */
const LABEL = /^\s*[^\s:=][^:=]{0,60}[:=]/;

/**
 * Texts of as many lines that differ only behind their labels, place by place: `views: 17` of one block is not
 * `views: 17` of another one that has moved. Undefined where they differ otherwise.
 */
function byLabel(a: readonly string[], b: readonly string[]): Alignment | undefined {
  if (a.length !== b.length) return undefined;
  const changed: [number, number][] = [];
  for (const [i, line] of a.entries()) {
    const other = b[i] as string; // one length
    if (line === other) continue;
    const label = LABEL.exec(line)?.[0];
    if (label === undefined || !other.startsWith(label)) return undefined;
    changed.push([i, i]);
  }
  return { changed, removed: [], added: [], moved: false };
}

function walkLines(a: readonly string[], b: readonly string[], path: Path, context: WalkContext): void {
  const { changed, removed, added, moved } = byLabel(a, b) ?? align(a, b, LINE_OPS, context.budget);
  const lines = step(path, 'line');
  const at = (index: number): Path => step(lines, String(index + 1), '*');
  for (const [i, j] of changed) {
    const [left, right] = [a[i] as string, b[j] as string]; // the alignment's indices are of these lists
    if (left === right) continue;
    const blank = left.replace(/\s+/g, '') === right.replace(/\s+/g, '');
    context.findings.add({
      place: placeOf(at(i), 'line'),
      kind: blank ? 'whitespace' : 'value',
      control: textValue(left),
      candidate: textValue(right),
    });
  }
  for (const i of removed) {
    const text = a[i] as string; // as above
    const kind = text.trim() === '' ? 'whitespace' : 'removed';
    context.findings.add({ place: placeOf(at(i), 'line'), kind, control: textValue(text) });
  }
  for (const j of added) {
    const text = b[j] as string; // as above
    const kind = text.trim() === '' ? 'whitespace' : 'added';
    context.findings.add({ place: placeOf(at(j), 'line'), kind, candidate: textValue(text) });
  }
  if (moved) {
    context.findings.add({
      place: placeOf(lines),
      kind: 'order',
      control: textValue(a.join('\n')),
      candidate: textValue(b.join('\n')),
    });
  }
}

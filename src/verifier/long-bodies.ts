import { closeJson } from '../core/compare/cut-json.ts';
import { closeXml } from '../core/compare/cut-xml.ts';
import { type Finding, Findings, textValue, type Value } from '../core/compare/finding.ts';
import { type Parting, partingOf, tailOf } from '../core/compare/parting.ts';
import { BODY, step } from '../core/compare/path.ts';
import { jsonLines } from '../core/compare/records.ts';
import type { WalkContext } from '../core/compare/walk.ts';
import { walkText } from '../core/compare/walk-text.ts';
import type { Answer } from '../core/observation.ts';
import { type BodyFormat, bodyFormat, bodyText } from './decode.ts';
import { isCaptured } from './same-answers.ts';
import type { BodyOutcome } from './walk-bodies.ts';
import { walkTexts } from './walk-texts.ts';

/**
 * Compares bodies of which at least one is longer than the capture.
 * Equal digests are equal bodies. Where the samples show that only the captured beginning or the last bytes differ, that
 * part is compared as what it is and the rest is known to be equal. Otherwise what lies in between was never seen: only
 * the captured parts are compared, and a match cannot come of it.
 */
export function walkLong(control: Answer, candidate: Answer, begin: () => WalkContext): BodyOutcome {
  if (control.bodyDigest !== undefined && control.bodyDigest === candidate.bodyDigest) return 'equal';
  const context = begin();
  const parting = partingOf(control, candidate);
  const format = bodyFormat(control.headers, control.body);
  if (candidate.bodyBytes === 0 || format === 'bytes' || format === 'multipart') {
    addLengths(control, candidate, parting, context.findings);
    return 'walked';
  }
  const pair: LongPair = { control, candidate, parting, format };
  return walkHeads(pair, context) || walkTails(pair, context) ? 'walked' : walkCaptured(pair, context);
}

interface LongPair {
  readonly control: Answer;
  readonly candidate: Answer;
  readonly parting: Parting;
  readonly format: BodyFormat;
}

/**
 * Compares the beginnings, where everything behind them is equal. Both are cut at one place of what is equal, so that
 * neither has more of it. False: the bodies differ elsewhere, or cannot be cut so.
 */
function walkHeads({ control, candidate, parting, format }: LongPair, context: WalkContext): boolean {
  const { ends } = parting;
  const room = Math.min(control.body.length - ends.control, candidate.body.length - ends.candidate);
  if (room < 0) return false;
  const left = headOf(control, ends.control, room, format);
  const right = headOf(candidate, ends.candidate, room, format);
  if (left === undefined || right === undefined) return false;
  walkTexts(format, left, right, BODY, context);
  return true;
}

/** The text up to a place behind `end` where a document of this format can be cut; undefined where there is none. */
function headOf(answer: Answer, end: number, room: number, format: BodyFormat): string | undefined {
  const text = bodyText(answer.headers, answer.body.subarray(0, end + room));
  switch (format) {
    case 'json': {
      const closed = closeJson(text);
      return closed !== undefined && isBehind(closed.kept, text, answer.body, end) ? closed.text : undefined;
    }
    case 'html':
      return cutBehind('>', text, answer.body, end);
    case 'xml': {
      const closed = closeXml(text);
      return closed !== undefined && isBehind(closed.kept, text, answer.body, end) ? closed.text : undefined;
    }
    case 'form':
      return cutBehind('&', text, answer.body, end);
    default:
      return cutBehind('\n', text, answer.body, end);
  }
}

function cutBehind(mark: string, text: string, body: Uint8Array, end: number): string | undefined {
  const at = text.lastIndexOf(mark) + 1;
  return isBehind(at, text, body, end) ? text.slice(0, at) : undefined;
}

/** Whether the first `count` characters of a text reach to byte `end` of the body; where it is not UTF-8, characters count as bytes. */
function isBehind(count: number, text: string, body: Uint8Array, end: number): boolean {
  if (count <= 0) return false;
  const encoded = Buffer.from(text.slice(0, count));
  const isUtf8 = encoded.length <= body.length && encoded.compare(body, 0, encoded.length) === 0;
  return (isUtf8 ? encoded.length : count) >= end;
}

/** Compares the last bytes, where everything before them is equal. */
function walkTails({ control, candidate, parting, format }: LongPair, context: WalkContext): boolean {
  const [mine, theirs] = [tailFrom(control, parting.start), tailFrom(candidate, parting.start)];
  if (mine === undefined || theirs === undefined) return false;
  const end = step(BODY, 'end');
  const [left, right] = [bodyText(control.headers, mine), bodyText(candidate.headers, theirs)];
  if (LINES.has(format)) walkText(left, right, end, context);
  else {
    const [control, candidate] = differingParts(left, right);
    context.findings.add({
      place: { path: 'body/end', pattern: 'body/end', name: 'end' },
      kind: 'value',
      control: textValue(control),
      candidate: textValue(candidate),
    });
  }
  return true;
}

const LINES: ReadonlySet<BodyFormat> = new Set(['text', 'code', 'csv', 'tsv', 'ndjson', 'events']);

/** The last bytes from the beginning of the line in which the bodies part; undefined where that was not kept. */
function tailFrom(answer: Answer, start: number): Uint8Array | undefined {
  const tail = tailOf(answer);
  const begin = answer.bodyBytes - tail.length;
  if (start < begin) return undefined;
  const line = start === begin ? -1 : tail.lastIndexOf(10, start - begin - 1);
  return tail.subarray(line < 0 ? start - begin : line + 1);
}

/** Characters around what differs that are looked at for its name. */
const MAX_CONTEXT = 300;

/**
 * What two texts have that the other has not, out to the member or tag it stands in: the name beside a value says whether
 * it is a secret, and words stay whole.
 */
function differingParts(a: string, b: string): readonly [string, string] {
  const shorter = Math.min(a.length, b.length);
  let start = 0;
  while (start < shorter && a[start] === b[start]) start++;
  let end = 0;
  while (end < shorter - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const isEdge = (character: string | undefined): boolean => character === undefined || /[{}[\],<>\n]/.test(character);
  const [first, last] = [Math.max(0, start - MAX_CONTEXT), Math.max(0, end - MAX_CONTEXT)];
  while (start > first && !isEdge(a[start - 1])) start--;
  while (end > last && !isEdge(a[a.length - end])) end--;
  return [a.slice(start, a.length - end), b.slice(start, b.length - end)];
}

/** Compares what was captured, by lines; what lies behind was not seen. */
function walkCaptured({ control, candidate, parting, format }: LongPair, context: WalkContext): BodyOutcome {
  const seen = Math.min(control.body.length, candidate.body.length);
  if (parting.start >= seen) {
    // A length is only told where nothing else differs: what makes the beginnings differ may make one longer, too.
    if (control.bodyBytes !== candidate.bodyBytes) addLengths(control, candidate, parting, context.findings);
    return 'prefix';
  }
  const cut = (answer: Answer): string => {
    const text = bodyText(answer.headers, answer.body.subarray(0, seen));
    return isCaptured(answer) ? text : text.slice(0, Math.max(0, text.lastIndexOf('\n')));
  };
  const [left, right] = [cut(control), cut(candidate)];
  const seenHere = new Findings();
  const inside = { ...context, findings: seenHere };
  if (format === 'ndjson') walkTexts(format, left, right, BODY, inside);
  else walkText(left, right, BODY, inside);
  // Records count from 0, lines from 1.
  const last = (text: string): number =>
    format === 'ndjson' ? jsonLines(text, context.budget).length - 1 : text.split('\n').length;
  const ends = { removed: isCaptured(candidate) ? -1 : last(left), added: isCaptured(control) ? -1 : last(right) };
  for (const finding of withoutRaggedEnd(seenHere.list, ends)) context.findings.add(finding);
  return 'prefix';
}

/**
 * Without the last lines that only one side has: both were cut after as many bytes, not as many lines, so that the other
 * side has them where nothing was captured.
 *
 * @param ends The last line of the control, which may be `removed`, and of the candidate, which may be `added`.
 */
function withoutRaggedEnd(
  findings: readonly Finding[],
  ends: Readonly<Record<'removed' | 'added', number>>,
): readonly Finding[] {
  const lineOf = ({ place }: Finding): number => Number(/\/(\d+)$/.exec(place.path)?.[1] ?? -1);
  const ragged = new Set<Finding>();
  for (const kind of ['removed', 'added'] as const) {
    let next = ends[kind];
    for (const finding of findings.filter((one) => one.kind === kind).sort((x, y) => lineOf(y) - lineOf(x))) {
      if (lineOf(finding) !== next) break;
      ragged.add(finding);
      next--;
    }
  }
  return findings.filter((finding) => !ragged.has(finding));
}

function addLengths(control: Answer, candidate: Answer, parting: Parting, findings: Findings): void {
  const told = (answer: Answer, end: number): Value => {
    const digest = answer.bodyDigest === undefined ? '' : `, sha256 ${answer.bodyDigest.slice(0, 16)}`;
    const from = parting.isExact ? `differs from byte ${parting.start}` : `differs at or behind byte ${parting.start}`;
    const until = end < answer.bodyBytes ? ` to byte ${end}` : '';
    return { type: 'bytes', text: answer.bodyBytes === 0 ? '' : `${answer.bodyBytes} bytes${digest}, ${from}${until}` };
  };
  findings.add({
    place: { path: 'body', pattern: 'body', name: 'body' },
    kind: candidate.bodyBytes === 0 ? 'removed' : 'value',
    control: told(control, parting.ends.control),
    candidate: told(candidate, parting.ends.candidate),
  });
}

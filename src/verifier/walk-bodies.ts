import { type Findings, placeOf, textValue, type Value } from '../core/compare/finding.ts';
import { BODY, memberStep, type Path, step } from '../core/compare/path.ts';
import type { WalkContext } from '../core/compare/walk.ts';
import { type Answer, type HeaderList, headerValue } from '../core/observation.ts';
import { bytesValue } from './bytes-value.ts';
import { type BodyFormat, bodyFormat, bodyText, decodeBody, hasMark } from './decode.ts';
import { type ImageFacts, imageFacts } from './image.ts';
import { walkLong } from './long-bodies.ts';
import { type Part, parseMultipart } from './multipart.ts';
import { haveSameBodies, isCaptured, sameBytes } from './same-answers.ts';
import { walkTexts } from './walk-texts.ts';
import { walkWindows } from './walk-windows.ts';

/**
 * `equal`: the same bytes. `walked`: both were looked into. `prefix`: only the captured parts of longer bodies were.
 * The rest says why they cannot be compared.
 */
export type BodyOutcome = 'equal' | 'walked' | 'prefix' | 'tooLarge' | 'unparsable' | 'streaming';

/** A body with its content coding undone, and the headers that say what it is. */
interface Body {
  readonly headers: HeaderList;
  readonly bytes: Uint8Array;
}

/**
 * Collects the differences of two answers' bodies.
 *
 * @param begin Makes the context of the walk; called only where bytes differ, for equal ones must cost nothing.
 */
export function walkBodies(
  control: Answer,
  candidate: Answer,
  maxDecodedBytes: number,
  begin: () => WalkContext,
): BodyOutcome {
  if (control.isOpen === true || candidate.isOpen === true) return walkWindows(control, candidate, begin());
  if (haveSameBodies(control, candidate)) return 'equal';
  if (!isCaptured(control) || !isCaptured(candidate)) return walkCut(control, candidate, maxDecodedBytes, begin);
  const mine = decodeBody(control.headers, control.body, maxDecodedBytes);
  const theirs = decodeBody(candidate.headers, candidate.body, maxDecodedBytes);
  if (!mine.ok) return mine.reason === 'tooLarge' ? 'tooLarge' : 'unparsable';
  if (!theirs.ok) {
    if (theirs.reason === 'tooLarge') return 'tooLarge';
    addDamaged(bytesValue(mine.bytes), candidate, begin());
    return 'walked';
  }
  if (sameBytes(mine.bytes, theirs.bytes)) return 'equal';
  walkDecoded(
    { headers: control.headers, bytes: mine.bytes },
    { headers: candidate.headers, bytes: theirs.bytes },
    WHOLE_BODY,
    begin(),
  );
  return 'walked';
}

/** At least one body is longer than the capture. Coded ones are looked into where the proxy decoded them on their way. */
function walkCut(control: Answer, candidate: Answer, maxDecodedBytes: number, begin: () => WalkContext): BodyOutcome {
  const mine = withoutCoding(control, maxDecodedBytes);
  if (typeof mine === 'string') return mine === 'tooLarge' ? 'tooLarge' : 'unparsable';
  const theirs = withoutCoding(candidate, maxDecodedBytes);
  if (theirs === 'tooLarge') return 'tooLarge';
  if (theirs === 'damaged') {
    addDamaged(bytesValue(mine.body), candidate, begin());
    return 'walked';
  }
  const isCut = !isCaptured(mine) || !isCaptured(theirs);
  return isCut ? walkLong(mine, theirs, begin) : walkBodies(mine, theirs, maxDecodedBytes, begin);
}

/** The answer as if it had been sent without its content coding; or why that cannot be said. */
function withoutCoding(answer: Answer, maxDecodedBytes: number): Answer | 'tooLarge' | 'damaged' {
  if (!isCoded(answer.headers)) return answer;
  const { decoded: known, ...rest } = answer;
  const headers = answer.headers.filter(([name]) => name.toLowerCase() !== 'content-encoding');
  if (!isCaptured(answer)) {
    if (known === undefined) return 'tooLarge';
    if (known === 'damaged') return known;
    const { bodyDigest: _, bodySample: __, ...bare } = rest;
    return { ...bare, headers, ...known };
  }
  const decoded = decodeBody(answer.headers, answer.body, maxDecodedBytes);
  if (!decoded.ok) return decoded.reason;
  return { ...rest, headers, body: decoded.bytes, bodyBytes: decoded.bytes.length };
}

function isCoded(headers: HeaderList): boolean {
  const coding = (headerValue(headers, 'content-encoding') ?? '').trim().toLowerCase();
  return coding !== '' && coding !== 'identity';
}

function addDamaged(control: Value, { bodyBytes }: Answer, { findings }: WalkContext): void {
  const text = `a body that its content-encoding cannot undo, ${bodyBytes} bytes`;
  findings.add({ place: WHOLE, kind: 'type', control, candidate: { type: 'bytes', text } });
}

function walkDecoded(mine: Body, theirs: Body, at: At, context: WalkContext): void {
  const { findings } = context;
  const format = bodyFormat(mine.headers, mine.bytes);
  if (format === 'multipart' && at.depth < MAX_NESTING && walkMultipart(mine, theirs, at, context)) return;
  if (format === 'bytes' || format === 'multipart') {
    walkBytes(mine.bytes, theirs.bytes, at.path, findings);
    return;
  }
  const [left, right] = [bodyText(mine.headers, mine.bytes), bodyText(theirs.headers, theirs.bytes)];
  if (left === right && left.includes('\uFFFD')) {
    // Bytes that are no text all look the same once decoded.
    walkBytes(mine.bytes, theirs.bytes, at.path, findings);
    return;
  }
  if (SPOILED_BY_MARK.has(format) && hasMark(mine.bytes) !== hasMark(theirs.bytes)) {
    const told = (bytes: Uint8Array) => textValue(`${hasMark(bytes) ? 'with' : 'without'} a byte order mark`);
    findings.add({
      place: placeOf(at.path),
      kind: 'whitespace',
      control: told(mine.bytes),
      candidate: told(theirs.bytes),
    });
  }
  walkTexts(format, left, right, at.path, context);
}

/** Where a part of a body is: parts may hold parts. */
interface At {
  readonly path: Path;
  readonly depth: number;
}

const WHOLE_BODY: At = { path: BODY, depth: 0 };
/** Multipart within multipart: deeper ones are compared as bytes. */
const MAX_NESTING = 4;
/** Formats whose readers stumble over a byte order mark (RFC 8259 section 8.1). */
const SPOILED_BY_MARK: ReadonlySet<BodyFormat> = new Set(['json', 'ndjson', 'csv', 'tsv', 'form', 'text', 'code']);

function walkBytes(mine: Uint8Array, theirs: Uint8Array, path: Path, findings: Findings): void {
  const [left, right] = [imageFacts(mine), imageFacts(theirs)];
  if (left !== undefined && right !== undefined) {
    for (const name of ['width', 'height'] as const) {
      if (left[name] === right[name]) continue;
      const told = (facts: ImageFacts): Value => ({ type: 'number', text: String(facts[name]) });
      findings.add({ place: placeOf(step(path, name)), kind: 'value', control: told(left), candidate: told(right) });
    }
  }
  const isEmptied = mine.length > 0 && theirs.length === 0;
  findings.add({
    place: placeOf(path),
    kind: isEmptied ? 'removed' : left?.format === right?.format ? 'value' : 'type',
    control: bytesValue(mine),
    candidate: bytesValue(theirs),
  });
}

/** Parts by name, file name and type, each compared as what it is. False: the control's body is no multipart. */
function walkMultipart(mine: Body, theirs: Body, { path, depth }: At, context: WalkContext): boolean {
  const [parts, others] = [parseMultipart(mine.headers, mine.bytes), parseMultipart(theirs.headers, theirs.bytes)];
  if (parts === undefined) return false;
  const { findings } = context;
  if (others === undefined) {
    const kind = theirs.bytes.length === 0 ? 'removed' : 'type';
    findings.add({ place: placeOf(path), kind, control: bytesValue(mine.bytes), candidate: bytesValue(theirs.bytes) });
    return true;
  }
  const under = step(path, 'parts');
  const rest = new Map(others.map((part) => [part.key, part]));
  for (const part of parts) {
    const at = memberStep(under, part.key);
    const other = rest.get(part.key);
    rest.delete(part.key);
    if (other === undefined) findings.add({ place: placeOf(at), kind: 'removed', control: bytesValue(part.bytes) });
    else walkPart(part, other, { path: at, depth: depth + 1 }, context);
  }
  for (const part of rest.values())
    findings.add({ place: placeOf(memberStep(under, part.key)), kind: 'added', candidate: bytesValue(part.bytes) });
  // Fields of a form are asked for by name; the parts of anything else are read in order.
  const isForm = /^multipart\/form-data/i.test(headerValue(mine.headers, 'content-type') ?? '');
  const known = new Set(others.map(({ key }) => key));
  const shared = parts.map(({ key }) => key).filter((key) => known.has(key));
  const kept = new Set(shared);
  const theirOrder = others.map(({ key }) => key).filter((key) => kept.has(key));
  if (!isForm && shared.some((key, index) => key !== theirOrder[index])) {
    const told = (keys: readonly string[]) => textValue(keys.join(', '));
    findings.add({ place: placeOf(under), kind: 'order', control: told(shared), candidate: told(theirOrder) });
  }
  return true;
}

function walkPart(mine: Part, theirs: Part, at: At, context: WalkContext): void {
  context.budget.spend(1);
  const told: readonly (readonly [name: string, control: string | undefined, candidate: string | undefined])[] = [
    ['filename', mine.filename, theirs.filename],
    ['type', typeOf(mine), typeOf(theirs)],
  ];
  for (const [name, control, candidate] of told) {
    if (control === candidate) continue;
    context.findings.add({
      place: placeOf(step(at.path, name)),
      kind: control === undefined ? 'added' : candidate === undefined ? 'removed' : 'value',
      ...(control === undefined ? {} : { control: textValue(control) }),
      ...(candidate === undefined ? {} : { candidate: textValue(candidate) }),
    });
  }
  if (!sameBytes(mine.bytes, theirs.bytes)) walkDecoded(mine, theirs, { ...at, path: step(at.path, 'body') }, context);
}

/** A part's media type; its boundary, if it has one, is made anew every time. */
function typeOf(part: Part): string | undefined {
  return headerValue(part.headers, 'content-type')
    ?.replace(/;\s*boundary\s*=\s*("[^"]*"|[^;]*)/i, '')
    .replace(/\s*;\s*/g, ';')
    .trim()
    .toLowerCase();
}

const WHOLE = { path: 'body', pattern: 'body', name: 'body' } as const;

import type { Value } from '../core/compare/finding.ts';
import { textValue } from '../core/compare/finding.ts';
import { parseJson, parseJsonBeside } from '../core/compare/json.ts';
import { BODY } from '../core/compare/path.ts';
import type { WalkContext } from '../core/compare/walk.ts';
import { walkHtml } from '../core/compare/walk-html.ts';
import { walkJson } from '../core/compare/walk-json.ts';
import { walkText } from '../core/compare/walk-text.ts';
import { type Answer, type HeaderList, headerValue } from '../core/observation.ts';
import { bodyFormat, bodyText, decodeBody } from './decode.ts';
import { htmlTree } from './html-tree.ts';

/**
 * `equal`: the same bytes. `walked`: both were looked into. `prefix`: only the captured parts of longer bodies were.
 * The rest says why they cannot be compared.
 */
export type BodyOutcome = 'equal' | 'walked' | 'prefix' | 'tooLarge' | 'unparsable';

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
  const whole = isWhole(control) && isWhole(candidate);
  if (whole && sameBytes(control.body, candidate.body) && sameCoding(control, candidate)) return 'equal';
  if (!whole) return walkLong(control, candidate, begin);
  const mine = decodeBody(control.headers, control.body, maxDecodedBytes);
  const theirs = decodeBody(candidate.headers, candidate.body, maxDecodedBytes);
  if (!mine.ok) return mine.reason === 'tooLarge' ? 'tooLarge' : 'unparsable';
  if (!theirs.ok) {
    if (theirs.reason === 'tooLarge') return 'tooLarge';
    const text = `a body that its content-encoding cannot undo, ${candidate.bodyBytes} bytes`;
    begin().findings.add({
      place: WHOLE,
      kind: 'type',
      control: bytesValue(mine.bytes),
      candidate: { type: 'bytes', text },
    });
    return 'walked';
  }
  if (sameBytes(mine.bytes, theirs.bytes)) return 'equal';
  walkDecoded(
    { headers: control.headers, bytes: mine.bytes },
    { headers: candidate.headers, bytes: theirs.bytes },
    begin(),
  );
  return 'walked';
}

/** Bodies longer than the capture: equal digests are equal bodies; otherwise the captured parts are compared as text. */
function walkLong(control: Answer, candidate: Answer, begin: () => WalkContext): BodyOutcome {
  if (control.bodyDigest !== undefined && control.bodyDigest === candidate.bodyDigest) return 'equal';
  if (isCoded(control) || isCoded(candidate)) return 'tooLarge';
  const context = begin();
  if (bodyFormat(control.headers, control.body) === 'bytes') {
    context.findings.add({
      place: WHOLE,
      kind: 'value',
      control: lengthValue(control),
      candidate: lengthValue(candidate),
    });
    return 'walked';
  }
  const seen = Math.min(control.body.length, candidate.body.length);
  const cut = (answer: Answer): string => {
    const text = bodyText(answer.headers, answer.body.subarray(0, seen));
    return isWhole(answer) ? text : text.slice(0, Math.max(0, text.lastIndexOf('\n')));
  };
  walkText(cut(control), cut(candidate), BODY, context);
  return 'prefix';
}

function walkDecoded(mine: Body, theirs: Body, context: WalkContext): void {
  const { findings } = context;
  const format = bodyFormat(mine.headers, mine.bytes);
  if (format === 'bytes') {
    findings.add({
      place: WHOLE,
      kind: mine.bytes.length > 0 && theirs.bytes.length === 0 ? 'removed' : 'value',
      control: bytesValue(mine.bytes),
      candidate: bytesValue(theirs.bytes),
    });
    return;
  }
  const [left, right] = [bodyText(mine.headers, mine.bytes), bodyText(theirs.headers, theirs.bytes)];
  if (left === right && left.includes('\uFFFD')) {
    // Bytes that are no text all look the same once decoded.
    findings.add({ place: WHOLE, kind: 'value', control: bytesValue(mine.bytes), candidate: bytesValue(theirs.bytes) });
    return;
  }
  if (format === 'json') {
    const a = parseJson(left, context.budget);
    if (a.ok) {
      const b = parseJsonBeside(right, a.node, left, context.budget);
      if (b.ok) walkJson(a.node, b.node, BODY, context);
      else
        findings.add({
          place: WHOLE,
          kind: right.trim() === '' ? 'removed' : 'type',
          control: textValue(left),
          candidate: textValue(right),
        });
      return;
    }
  }
  if (format === 'html' && right.trim() !== '') {
    walkHtml(htmlTree(left, context.budget), htmlTree(right, context.budget), HTML_ROOT, context);
    return;
  }
  if (right.trim() === '' && left.trim() !== '')
    findings.add({ place: WHOLE, kind: 'removed', control: textValue(left), candidate: textValue(right) });
  else walkText(left, right, BODY, context);
}

const WHOLE = { path: 'body', pattern: 'body', name: 'body' } as const;
const HTML_ROOT = { parent: BODY, text: 'html', pattern: 'html' } as const;

function bytesValue(bytes: Uint8Array): Value {
  return { type: 'bytes', text: bytes.length === 0 ? '' : `${bytes.length} bytes, ${fingerprint(bytes)}` };
}

function lengthValue(answer: Answer): Value {
  return {
    type: 'bytes',
    text: `${answer.bodyBytes} bytes${answer.bodyDigest === undefined ? '' : `, sha256 ${answer.bodyDigest.slice(0, 16)}`}`,
  };
}

/** First bytes in hex: enough to see a PNG become an error page. */
function fingerprint(bytes: Uint8Array): string {
  return `begins ${Buffer.from(bytes.subarray(0, 8)).toString('hex')}`;
}

function isWhole(answer: Answer): boolean {
  return answer.bodyBytes === answer.body.length;
}

function isCoded(answer: Answer): boolean {
  const coding = (headerValue(answer.headers, 'content-encoding') ?? '').trim().toLowerCase();
  return coding !== '' && coding !== 'identity';
}

function sameCoding(a: Answer, b: Answer): boolean {
  return headerValue(a.headers, 'content-encoding') === headerValue(b.headers, 'content-encoding');
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

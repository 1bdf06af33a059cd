import { placeOf } from '../core/compare/finding.ts';
import { BODY, step } from '../core/compare/path.ts';
import { eventBlocks, readEvent } from '../core/compare/records.ts';
import type { WalkContext } from '../core/compare/walk.ts';
import { walkRecords } from '../core/compare/walk-records.ts';
import type { Answer } from '../core/observation.ts';
import { bytesValue } from './bytes-value.ts';
import { bodyFormat, bodyText } from './decode.ts';
import type { BodyOutcome } from './walk-bodies.ts';

/**
 * Compares event streams of which at least one went on: as many events as both were seen to have.
 * A side that ended has said all: what it lacks of the other's window is gone, and what it has beyond nobody saw there.
 * `streaming`: there was no event to compare.
 */
export function walkWindows(control: Answer, candidate: Answer, context: WalkContext): BodyOutcome {
  const [mine, theirs] = [eventsOf(control, context), eventsOf(candidate, context)];
  if (mine === undefined || theirs === undefined) {
    const told = { control: bytesValue(control.body), candidate: bytesValue(candidate.body) };
    context.findings.add({ place: placeOf(BODY), kind: 'type', ...told });
    return 'walked';
  }
  const left = goesOn(candidate) ? mine.slice(0, theirs.length) : mine;
  const right = goesOn(control) ? theirs.slice(0, mine.length) : theirs;
  if (left.length === 0 && right.length === 0) return 'streaming';
  walkRecords(left, right, readEvent, step(BODY, 'events'), context);
  return 'walked';
}

/** The events that were seen to their end; undefined for what is no event stream. */
function eventsOf(answer: Answer, context: WalkContext): readonly string[] | undefined {
  if (bodyFormat(answer.headers, answer.body) !== 'events') return undefined;
  const text = bodyText(answer.headers, answer.body).replace(/\r\n?/g, '\n');
  return eventBlocks(goesOn(answer) ? text.slice(0, text.lastIndexOf('\n\n') + 1) : text, context.budget);
}

/** Whether there was more than was kept. */
function goesOn({ isOpen, body, bodyBytes }: Answer): boolean {
  return isOpen === true || body.length < bodyBytes;
}

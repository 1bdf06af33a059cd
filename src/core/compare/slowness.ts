import type { Answer, Exchange, Observation } from '../observation.ts';
import type { SlowLimit } from '../rule.ts';
import { type Finding, type Place, textValue } from './finding.ts';

const TIMING: Place = { path: 'timing', pattern: 'timing', name: 'timing' };

/**
 * The finding that the candidate took far longer for the same request: beyond `factor` times what the control took, and
 * beyond `byMs` more; undefined where it did not, or where nobody measured.
 * The first byte counts both ways. The whole answer counts only where the candidate's is the copy: what is served goes
 * as fast as its client reads, which makes a served control slower than it is and never quicker.
 */
export function slownessOf(
  { direction, request, control, candidate }: Pick<Exchange, 'direction' | 'request' | 'control' | 'candidate'>,
  limit: SlowLimit,
): Finding | undefined {
  if (control.kind !== 'answer' || candidate.kind !== 'answer' || control.status !== candidate.status) return undefined;
  const isCopy = direction === 'forward';
  // The first byte waits for the request's body, and that one as well came as fast as its client sent it.
  const isFirstByteFair = isCopy || request.body === undefined;
  if (isFirstByteFair && isFarSlower(control.firstByteMs, candidate.firstByteMs, limit))
    return found(control.firstByteMs, candidate.firstByteMs, 'to the first byte');
  const hasEnd = control.isOpen !== true && candidate.isOpen !== true;
  if (isCopy && hasEnd && isFarSlower(control.durationMs, candidate.durationMs, limit))
    return found(control.durationMs, candidate.durationMs, 'to the last byte');
  return undefined;
}

function isFarSlower(controlMs: number, candidateMs: number, { factor, byMs }: SlowLimit): boolean {
  // Zero is what recorded answers without times have.
  return controlMs > 0 && candidateMs > controlMs * factor && candidateMs > controlMs + byMs;
}

function found(controlMs: number, candidateMs: number, until: string): Finding {
  const told = (ms: number) => textValue(`${Math.round(ms)} ms ${until}`);
  return { place: TIMING, kind: 'timing', control: told(controlMs), candidate: told(candidateMs) };
}

/** The control's answer with the longer times of its two readings. */
export function slowestOf(answer: Observation, again: Observation): Observation {
  return withTimes(answer, again, Math.max);
}

/** The candidate's answer with the shorter times of its two readings: once quick is no proof of being slow. */
export function quickestOf(answer: Observation, again: Observation): Observation {
  return withTimes(answer, again, Math.min);
}

function withTimes(answer: Observation, again: Observation, pick: (a: number, b: number) => number): Observation {
  if (answer.kind !== 'answer' || again.kind !== 'answer') return answer;
  const timed: Answer = {
    ...answer,
    firstByteMs: pick(answer.firstByteMs, again.firstByteMs),
    durationMs: pick(answer.durationMs, again.durationMs),
  };
  return timed;
}

/** The exchange as if the candidate had taken as long as the control: how slow it was is not asked. */
export function withoutTimes(exchange: Exchange): Exchange {
  const { control, candidate } = exchange;
  if (control.kind !== 'answer' || candidate.kind !== 'answer') return exchange;
  const { firstByteMs, durationMs } = control;
  return { ...exchange, candidate: { ...candidate, firstByteMs, durationMs } };
}

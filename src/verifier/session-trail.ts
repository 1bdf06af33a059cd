import type { Cell } from '../core/cell.ts';
import type { CapturedRequest, Exchange, HeaderList } from '../core/observation.ts';
import type { Clock } from '../core/ports.ts';

/** What a person asked for, and what the side that served answered. In memory only, and never longer than 15 minutes (I8). */
export interface TrailStep {
  readonly cell: Cell;
  readonly request: CapturedRequest;
  readonly headers: HeaderList;
  readonly body: Uint8Array;
}

/** Requests of one person that are remembered. */
export const STEPS_PER_SUBJECT = 30;
const MOST_AGE_MS = 15 * 60_000;
const MOST_SUBJECTS = 1_000;
/** Copies of bodies, all together; one of a page is some 30 KiB. */
const MOST_BYTES = 16 * 1024 * 1024;
/** Longer bodies are not remembered, only their headers. */
const LONGEST_BODY = 64 * 1024;

interface Noted {
  readonly at: number;
  readonly step: TrailStep;
}

/**
 * The last requests of each person whose requests are compared, so that a mismatch can be made again together with what led to it.
 * The person least recently seen is forgotten first.
 */
export class SessionTrail {
  readonly #clock: Clock;
  readonly #subjects = new Map<string, Noted[]>();
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Remembers an exchange; gives what the same person asked for before, the oldest first. Must come before the bodies are moved away. */
  note(exchange: Exchange): readonly TrailStep[] {
    const { subjectHash } = exchange;
    if (subjectHash === undefined) return [];
    const key = `${exchange.cell.tenant} ${subjectHash}`;
    const now = this.#clock.monotonic();
    const known = this.#subjects.get(key) ?? [];
    const young = known.filter(({ at }) => now - at < MOST_AGE_MS);
    const before = young.map(({ step }) => step);
    const step = stepOf(exchange);
    const kept = step === undefined ? young : [...young, { at: now, step }].slice(-STEPS_PER_SUBJECT);
    this.#subjects.delete(key);
    if (kept.length > 0) this.#subjects.set(key, kept);
    this.#bytes += bytesOf(kept) - bytesOf(known);
    this.#forget(now);
    return before;
  }

  #forget(now: number): void {
    for (const [key, notes] of this.#subjects) {
      const isOld = now - (notes.at(-1)?.at ?? now) >= MOST_AGE_MS;
      if (!isOld && this.#subjects.size <= MOST_SUBJECTS && this.#bytes <= MOST_BYTES) return;
      this.#subjects.delete(key);
      this.#bytes -= bytesOf(notes);
    }
  }
}

/** The answer that the person got is the one of the side that served. */
function stepOf({ cell, request, direction, control, candidate }: Exchange): TrailStep | undefined {
  const answer = direction === 'forward' ? control : candidate;
  if (answer.kind === 'failure') return undefined;
  const isShort = answer.body.length <= LONGEST_BODY && answer.bodyBytes === answer.body.length;
  // A copy: the slice of a Node buffer is a view of memory that the thread is about to take away.
  const body = isShort ? new Uint8Array(answer.body) : new Uint8Array(0);
  return { cell, request, headers: answer.headers, body };
}

function bytesOf(notes: readonly Noted[]): number {
  return notes.reduce((sum, { step }) => sum + step.body.length, 0);
}

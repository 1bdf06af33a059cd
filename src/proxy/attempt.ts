import type { Side } from '../core/cell.ts';
import type { CandidateCall } from './breakers.ts';
import type { AnswerCapture } from './capture.ts';
import type { Forward } from './forward.ts';
import type { Sample } from './mirror.ts';
import type { ResponseHead, UpstreamCall, UpstreamFailure, UpstreamHandler } from './upstream.ts';

/** Of a failed candidate's answer so much is read, to keep its connection; more is not worth it. */
const DISCARD_BYTES = 65_536;

/** One try of a request on one side. What it reports counts only while the request still listens to it. */
export class Attempt implements UpstreamHandler {
  readonly side: Side;
  readonly startedAt: number;
  call: UpstreamCall | undefined;
  firstByteMs = 0;
  /** Of the candidate, where it has breakers. */
  toBreaker: CandidateCall | undefined;
  readonly #forward: Forward;
  #head: ResponseHead | undefined;
  #isDiscarding = false;
  #discardedBytes = 0;
  #sample: Sample | undefined;
  #capture: AnswerCapture | undefined;

  constructor(forward: Forward, side: Side, startedAt: number) {
    this.#forward = forward;
    this.side = side;
    this.startedAt = startedAt;
  }

  informational(status: number, rawHeaders: string[]): void {
    if (this.#forward.isCurrent(this)) this.#forward.onInformational(status, rawHeaders);
  }

  head(head: ResponseHead): void {
    this.firstByteMs = this.#elapsedMs();
    this.#head = head;
    if (!this.#forward.isCurrent(this)) return;
    try {
      this.#forward.onHead(this, head);
    } catch (error) {
      this.#forward.onUnusable(this, error);
    }
  }

  data(chunk: Buffer): boolean {
    if (this.#forward.isCurrent(this)) return this.#forward.onData(chunk);
    if (this.#isDiscarding) this.#readAway(chunk);
    return true;
  }

  end(rawTrailers: string[]): void {
    if (this.#forward.isCurrent(this)) {
      this.#forward.onEnd(this, rawTrailers);
      return;
    }
    if (!this.#isDiscarding) return;
    this.#isDiscarding = false;
    const times = { firstByteMs: this.firstByteMs, durationMs: this.#elapsedMs() };
    this.#sample?.candidateObserved(this.#capture?.finish(times), this.startedAt);
  }

  failed(failure: UpstreamFailure): void {
    if (this.#forward.isCurrent(this)) {
      this.#forward.onFailed(this, failure);
      return;
    }
    if (!this.#isDiscarding) return;
    this.#isDiscarding = false;
    this.#capture?.release();
    const durationMs = this.#elapsedMs();
    this.#sample?.candidateObserved({ kind: 'failure', failure: failure.kind, durationMs }, this.startedAt);
  }

  drained(): void {
    if (this.#forward.isCurrent(this)) this.#forward.onDrained();
  }

  /** The control serves instead: the rest of this answer is read for the pair, and within a bound. */
  discard(sample: Sample | undefined): void {
    this.#isDiscarding = true;
    this.#sample = sample;
    this.#capture = sample?.newCapture();
    if (this.#head !== undefined) this.#capture?.head(this.#head);
  }

  #readAway(chunk: Buffer): void {
    this.#discardedBytes += chunk.length;
    const isTooMuch = this.#discardedBytes > Math.max(DISCARD_BYTES, this.#sample?.maxBodyBytes ?? 0);
    const isKept = this.#capture?.add(chunk) ?? true;
    if (!isTooMuch && isKept) return;
    this.#isDiscarding = false;
    this.#capture?.release();
    this.#sample?.drop(isTooMuch ? 'body-too-large' : 'overload');
    this.call?.abort();
  }

  #elapsedMs(): number {
    return this.#forward.deps.clock.monotonic() - this.startedAt;
  }
}

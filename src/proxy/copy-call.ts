import type { Side } from '../core/cell.ts';
import type { FailureKind, Observation } from '../core/observation.ts';
import type { Clock, Timer } from '../core/ports.ts';
import { isSafeMethod } from '../core/safe-request.ts';
import { AnswerCapture, type CapturePool } from './capture.ts';
import type { ResponseHead, Upstream, UpstreamCall, UpstreamFailure, UpstreamHandler } from './upstream.ts';

export interface CopyRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly body: Uint8Array | undefined;
}

export interface CopyOptions {
  readonly upstream: Upstream;
  readonly pool: CapturePool;
  readonly maxBodyBytes: number;
  /** For the whole exchange. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * Sends a copy to one side and captures the answer; it can go nowhere else: this handler holds no client.
 * `done` is called once; with undefined where the capture pool is full, which is nobody's failure.
 */
export function sendCopy(
  request: CopyRequest,
  options: CopyOptions,
  done: (observation: Observation | undefined) => void,
): void {
  new CopyCall(options, done).start(request);
}

class CopyCall implements UpstreamHandler {
  readonly #options: CopyOptions;
  readonly #done: (observation: Observation | undefined) => void;
  readonly #capture: AnswerCapture;
  #call: UpstreamCall | undefined;
  #timer: Timer | undefined;
  #startedAt = 0;
  #firstByteMs = 0;
  #isOver = false;

  constructor(options: CopyOptions, done: (observation: Observation | undefined) => void) {
    this.#options = options;
    this.#done = done;
    this.#capture = new AnswerCapture(options.pool, options.maxBodyBytes);
  }

  start(request: CopyRequest): void {
    this.#startedAt = this.#options.clock.monotonic();
    this.#timer = this.#options.clock.after(this.#options.timeoutMs, () => this.#giveUp(this.#failure('timeout')));
    const body = request.body;
    const call = this.#options.upstream.request(
      {
        method: request.method,
        target: request.target,
        rawHeaders: request.headers,
        body: body === undefined ? 'none' : body.length,
        upgrade: false,
        // I7: a write that was sent on a connection which then broke may have taken effect.
        retryable: isSafeMethod(request.method),
      },
      this,
    );
    this.#call = call;
    if (body !== undefined && !this.#isOver) {
      // Bounded by the capture's own limit, so the connection's buffer may take it in one piece.
      if (body.length > 0) call.write(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
      call.end();
    }
  }

  informational(): void {}

  head(head: ResponseHead): void {
    this.#firstByteMs = this.#elapsedMs();
    this.#capture.head(head);
  }

  data(chunk: Buffer): boolean {
    if (!this.#isOver && !this.#capture.add(chunk)) this.#giveUp(undefined);
    return true;
  }

  end(): void {
    this.#finish(this.#capture.finish({ firstByteMs: this.#firstByteMs, durationMs: this.#elapsedMs() }));
  }

  failed(failure: UpstreamFailure): void {
    this.#finish(this.#failure(failure.kind));
  }

  drained(): void {}

  #failure(kind: FailureKind): Observation {
    return { kind: 'failure', failure: kind, durationMs: this.#elapsedMs() };
  }

  #giveUp(observation: Observation | undefined): void {
    this.#finish(observation);
    this.#call?.abort();
  }

  #finish(observation: Observation | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.cancel();
    this.#capture.release();
    this.#done(observation);
  }

  #elapsedMs(): number {
    return this.#options.clock.monotonic() - this.#startedAt;
  }
}

/** The two doors copies go through: sockets of their own, so that a hung mirror holds none of the clients'. */
export type CopyUpstreams = Readonly<Record<Side, Upstream>>;

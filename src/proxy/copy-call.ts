import type { Side } from '../core/cell.ts';
import type { FailureKind, Observation } from '../core/observation.ts';
import type { Clock, Timer } from '../core/ports.ts';
import { isSafeMethod } from '../core/safe-request.ts';
import type { BodyDecoding } from './body-decoder.ts';
import { AnswerCapture } from './capture.ts';
import type { CapturePool } from './capture-pool.ts';
import { isEventStream, StreamWindow } from './stream-window.ts';
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
  /** Absent: long coded bodies are not decoded. */
  readonly decoding?: BodyDecoding;
  /**
   * Ends an event stream that may never end by itself. `short`: after as much as the client's window had. `long`: it is not
   * known how much that was; after its time, or what may be captured.
   */
  readonly window?: 'short' | 'long';
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
  #window: StreamWindow | undefined;
  #timer: Timer | undefined;
  #startedAt = 0;
  #firstByteMs = 0;
  #isOver = false;

  constructor(options: CopyOptions, done: (observation: Observation | undefined) => void) {
    this.#options = options;
    this.#done = done;
    this.#capture = new AnswerCapture(options.pool, options.maxBodyBytes, options.decoding);
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
    if (this.#options.window !== undefined && isEventStream(head.rawHeaders)) this.#openWindow(this.#options.window);
  }

  #openWindow(window: 'short' | 'long'): void {
    const { clock, timeoutMs, maxBodyBytes } = this.#options;
    const long = window === 'long' ? { maxEvents: Number.POSITIVE_INFINITY, maxBytes: maxBodyBytes } : {};
    this.#window = new StreamWindow({ clock, timeoutMs, ...long }, () => {
      const answer = this.#capture.finish({ firstByteMs: this.#firstByteMs, durationMs: this.#elapsedMs() });
      this.#giveUp({ ...answer, isOpen: true });
    });
  }

  data(chunk: Buffer): boolean {
    if (this.#isOver) return true;
    if (this.#capture.add(chunk)) this.#window?.add(chunk);
    else this.#giveUp(undefined);
    return true;
  }

  end(): void {
    // The side has answered: what is still being decoded is not its delay.
    this.#timer?.cancel();
    this.#window?.end();
    const times = { firstByteMs: this.#firstByteMs, durationMs: this.#elapsedMs() };
    this.#capture.finishDecoded(times, (answer) => this.#finish(answer));
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
    this.#window?.end();
    this.#capture.release();
    this.#done(observation);
  }

  #elapsedMs(): number {
    return this.#options.clock.monotonic() - this.#startedAt;
  }
}

/** The two doors copies go through: sockets of their own, so that a hung mirror holds none of the clients'. */
export type CopyUpstreams = Readonly<Record<Side, Upstream>>;

import { type Answer, type HeaderList, headerValue } from '../core/observation.ts';
import { BodyCapture } from './body-capture.ts';
import { BodyDecoder, type BodyDecoding, decoderFor } from './body-decoder.ts';
import type { CapturePool } from './capture-pool.ts';
import { toPairs } from './headers.ts';
import type { ResponseHead } from './upstream.ts';

interface Times {
  readonly firstByteMs: number;
  readonly durationMs: number;
}

/** One answer's copy: its head, what is captured of its body, and of its decoded body where the coded one is too long to keep. */
export class AnswerCapture {
  readonly #pool: CapturePool;
  readonly #maxBytes: number;
  readonly #decoding: BodyDecoding | undefined;
  readonly #body: BodyCapture;
  #head: ResponseHead | undefined;
  #decoder: BodyDecoder | undefined;

  /** @param decoding Absent: coded bodies beyond `maxBytes` are known by their coded bytes alone. */
  constructor(pool: CapturePool, maxBytes: number, decoding?: BodyDecoding) {
    this.#pool = pool;
    this.#maxBytes = maxBytes;
    this.#decoding = decoding;
    // Coded bytes have nothing in common but where they are the same throughout: what is looked into is the decoded body.
    this.#body = new BodyCapture(pool, maxBytes, () => this.#coding === undefined);
  }

  head(head: ResponseHead): void {
    this.#head = head;
  }

  get status(): number {
    return this.#head?.status ?? 0;
  }

  get rawHeaders(): readonly string[] {
    return this.#head?.rawHeaders ?? [];
  }

  get #coding(): string | undefined {
    const coding = headerValue(toPairs(this.rawHeaders), 'content-encoding')?.trim().toLowerCase();
    return coding === '' || coding === 'identity' ? undefined : coding;
  }

  /** False: the pool is full, and the capture has let go of everything. */
  add(chunk: Buffer): boolean {
    const wasCut = this.#body.cutBytes > 0;
    if (!this.#body.add(chunk)) {
      this.release();
      return false;
    }
    if (wasCut) this.#decoder?.add(chunk);
    else if (this.#body.cutBytes > 0) this.#startDecoder(chunk.subarray(chunk.length - this.#body.cutBytes));
    return true;
  }

  /** Begins when the bound is passed: what is kept whole the verifier decodes, apart from the loop. */
  #startDecoder(rest: Buffer): void {
    if (this.#decoding === undefined) return;
    const coding = this.#coding;
    if (coding === undefined) return;
    const decoder = decoderFor(coding, this.#body.kept[0]?.[0] ?? 0);
    if (decoder === undefined) return;
    const sink = new BodyCapture(this.#pool, this.#maxBytes);
    this.#decoder = new BodyDecoder(decoder, { sink, pool: this.#pool, decoding: this.#decoding });
    for (const chunk of this.#body.kept) this.#decoder.addCaptured(chunk);
    this.#decoder.add(rest);
  }

  /** The finished observation; the capture lets go of its share of the pool, and of what was being decoded. */
  finish(times: Times): Answer {
    const headers: HeaderList = toPairs(this.rawHeaders);
    const answer: Answer = { kind: 'answer', status: this.status, headers, ...this.#body.finish(), ...times };
    this.release();
    return answer;
  }

  /** The same with the decoded body, once it is there: at once where nothing is being decoded. */
  finishDecoded(times: Times, done: (answer: Answer) => void): void {
    const decoder = this.#decoder;
    if (decoder === undefined) {
      done(this.finish(times));
      return;
    }
    // From here on only letting go ends it early.
    const headers: HeaderList = toPairs(this.rawHeaders);
    const answer: Answer = { kind: 'answer', status: this.status, headers, ...this.#body.finish(), ...times };
    decoder.finish((decoded) => done(decoded === undefined ? answer : { ...answer, decoded }));
  }

  /** Idempotent. */
  release(): void {
    this.#body.release();
    this.#decoder?.release();
  }
}

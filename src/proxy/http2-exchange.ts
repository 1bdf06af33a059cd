import {
  constants,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
  type ServerStreamResponseOptions,
} from 'node:http2';
import type { AnswerHead, BodyReader, ClientExchange } from './client-exchange.ts';
import { answerHeaders } from './headers.ts';
import { type Problem, problemBody } from './problem.ts';

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR } = constants;

/** What speaks of a connection of HTTP/1.1 and must not be sent over HTTP/2 (RFC 9113 section 8.2.2). */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** Node adds no `Date`: the upstream's passes. The types do not know it. */
const OWN_DATE: ServerStreamResponseOptions & { readonly sendDate: boolean } = { sendDate: false };

/** A request that came as a stream of HTTP/2, and its answer. */
export class Http2Exchange implements ClientExchange {
  /** Chunks are frames here: any body may go without a length, and trailers may follow it. */
  readonly isModern = true;
  /** A stream is not the connection: a drain tells the connection itself to end. */
  readonly shouldClose = false;
  readonly #stream: ServerHttp2Stream;
  #isComplete: boolean;
  #isEnding = false;
  #trailers: OutgoingHttpHeaders = {};

  /** @param hasBody The request's head did not end the stream. */
  constructor(stream: ServerHttp2Stream, hasBody: boolean) {
    this.#stream = stream;
    this.#isComplete = !hasBody;
    stream.once('end', () => {
      this.#isComplete = stream.rstCode === 0;
    });
    // Of none Node makes the empty frame that ends the stream.
    stream.on('wantTrailers', () => stream.sendTrailers(this.#trailers));
  }

  get isComplete(): boolean {
    return this.#isComplete;
  }

  get hasBegun(): boolean {
    return this.#stream.headersSent;
  }

  get isGone(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  get isFinished(): boolean {
    return this.#isEnding && this.#stream.writableFinished && this.#stream.rstCode === 0;
  }

  readBody(reader: BodyReader): void {
    const stream = this.#stream;
    let rawTrailers: readonly string[] = [];
    stream.on('data', (chunk: Buffer) => reader.data(chunk));
    stream.once('trailers', (_headers, _flags, raw: readonly string[]) => {
      rawTrailers = raw;
    });
    stream.once('end', () => {
      // Node ends what was reset as if it were whole; what is whole is still open for the answer.
      if (!stream.closed && stream.rstCode === 0) reader.end(rawTrailers);
    });
  }

  pauseBody(): void {
    this.#stream.pause();
  }

  resumeBody(): void {
    this.#stream.resume();
  }

  interim(status: number, rawHeaders: readonly string[], expected: boolean): void {
    if (this.isGone || (status === 100 && !expected)) return;
    const headers = status === 100 ? [] : answerHeaders(rawHeaders, { status: 204, chunked: false, close: false });
    this.#stream.additionalHeaders({ ...fieldsOf(headers), ':status': status });
  }

  head({ status, headers, framing }: AnswerHead): void {
    const fields = { ...fieldsOf(headers), ':status': status };
    this.#stream.respond(fields, {
      ...OWN_DATE,
      endStream: framing === 'none',
      waitForTrailers: framing === 'chunked',
    });
  }

  flushHead(): void {}

  write(chunk: Buffer): boolean {
    return this.isGone || this.#stream.write(chunk);
  }

  onDrain(listener: () => void): void {
    this.#stream.on('drain', listener);
  }

  end(trailers?: readonly [name: string, value: string][]): void {
    this.#isEnding = true;
    if (trailers !== undefined) this.#trailers = fieldsOf(trailers.flat());
    if (!this.isGone) this.#stream.end();
  }

  problem(problem: Problem): void {
    if (this.isGone) return;
    const body = Buffer.from(problemBody(problem));
    this.#isEnding = true;
    this.#stream.respond(
      {
        ...fieldsOf(problem.headers ?? []),
        ':status': problem.status,
        'content-type': 'application/problem+json',
        'content-length': String(body.length),
        'cache-control': 'no-store',
      },
      OWN_DATE,
    );
    // What the client still sends has no reader.
    this.#stream.resume();
    this.#stream.end(body);
  }

  endConnection(): void {
    this.resetConnection();
  }

  /** Only this stream: the others on the connection have done nothing. */
  resetConnection(): void {
    this.#stream.close(NGHTTP2_INTERNAL_ERROR);
  }

  destroy(): void {
    if (!this.#stream.destroyed) this.#stream.close(NGHTTP2_CANCEL);
  }
}

/** As Node takes them: lower-case names, a list where one comes several times. */
function fieldsOf(flat: readonly string[]): OutgoingHttpHeaders {
  const fields: Record<string, string | string[]> = Object.create(null);
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const name = (flat[at] as string).toLowerCase(); // the bounds were checked
    if (CONNECTION_FIELDS.has(name)) continue;
    const before = fields[name];
    fields[name] = before === undefined ? (flat[at + 1] as string) : [before, flat[at + 1] as string].flat();
  }
  return fields;
}

import type { Problem } from './problem.ts';

/** Takes a request's body as it comes. */
export interface BodyReader {
  data(chunk: Buffer): void;
  /** The body is complete; trailers as a flat name, value list. May come after the last piece or not at all where that was the announced last byte. */
  end(rawTrailers: readonly string[]): void;
}

/** The head of an answer as it goes to the client: end-to-end headers only; connection headers are the lane's. */
export interface AnswerHead {
  readonly status: number;
  readonly statusMessage: string;
  /** Name, value, name, value; with `Connection: close` where `close` is set. */
  readonly headers: string[];
  /** The connection ends after this answer. */
  readonly close: boolean;
  /** `chunked`: a body whose length nobody announced, to a client that knows chunks. */
  readonly framing: 'chunked' | 'announced' | 'until-close' | 'none';
}

/**
 * A client's request and the way of its answer, as a lane offers them to whatever serves the request.
 * The lane tells the `ActiveRequest` when it is over; nothing here throws but `head`, for what must not be written.
 */
export interface ClientExchange {
  /** False: an HTTP/1.0 client, which knows neither chunks nor interim answers (RFC 9110 section 6.2). */
  readonly isModern: boolean;
  /** The whole request has come, whether it was read or not. */
  readonly isComplete: boolean;
  /** The head of the final answer was given. */
  readonly hasBegun: boolean;
  /** Nothing can be written any more. */
  readonly isGone: boolean;
  /** The whole answer was handed to the system. */
  readonly isFinished: boolean;
  /** The answer should carry `Connection: close`. */
  readonly shouldClose: boolean;

  /** Begins to read the body; once. */
  readBody(reader: BodyReader): void;
  /** Holds the client back. */
  pauseBody(): void;
  /** Goes on reading; where nobody reads, the rest is dropped. */
  resumeBody(): void;

  /** Passes an interim answer on. `expected`: the client waits for a 100. Throws where it cannot be written. */
  interim(status: number, rawHeaders: readonly string[], expected: boolean): void;
  /** Throws where the head holds what must not be written; then nothing was. */
  head(answer: AnswerHead): void;
  /** Sends a head that waits for the body's first bytes. */
  flushHead(): void;
  /** False: the client is full, `onDrain` follows. */
  write(chunk: Buffer): boolean;
  /** Called each time the client can take more again. Once. */
  onDrain(listener: () => void): void;
  /** The answer is complete. Trailers as pairs; only after `chunked`. */
  end(trailers?: readonly [name: string, value: string][]): void;
  /** A whole answer of our own. `close`: the connection ends after it. */
  problem(problem: Problem, close: boolean): void;

  /** Ends the connection with what was written so far. */
  endConnection(): void;
  /** Ends it so that the client notices (a reset). */
  resetConnection(): void;
  destroy(): void;
}

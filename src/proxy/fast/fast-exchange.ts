import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { AnswerHead, BodyReader, ClientExchange } from '../client-exchange.ts';
import { answerHeaders } from '../headers.ts';
import { type Problem, problemBody } from '../problem.ts';
import type { PlainRequest } from './plain-request.ts';

/** What an exchange needs of its connection. */
export interface ExchangeLine {
  readonly socket: Socket;
  /** `Connection: keep-alive` and how long: what `node:http` says, so that both lanes say the same. */
  readonly keepAliveLines: string;
  /** The process drains, and nothing waits behind this request. */
  readonly shouldClose: boolean;
  /** Milliseconds since the epoch. */
  now(): number;
  /** The answer was handed to the system. `closes`: nothing may follow on this connection. */
  exchangeOver(closes: boolean): void;
}

/** Up to here head and body are copied into one write; beyond, a gathering write is cheaper than the copy. */
const JOIN_BYTES = 16_384;

const CRLF = Buffer.from('\r\n');

/** One plain request and its answer, written to the socket without `node:http`. */
export class FastExchange implements ClientExchange {
  readonly isModern = true;
  isComplete: boolean;
  hasBegun = false;
  isFinished = false;
  readonly #line: ExchangeLine;
  /** To a HEAD, whose answer has no body whatever its fields say (RFC 9110 section 9.3.2). */
  readonly #isHead: boolean;
  /** The client asked for it, or we have said it. */
  #closes: boolean;

  /** A head that waits for the first bytes of its body until the end of the tick. */
  #head = '';
  #framing: AnswerHead['framing'] = 'none';
  #isEnded = false;
  #isCorked = false;
  /** Something could not be written: the client is gone, or has ended its half. */
  #isLost = false;
  /** Writes whose bytes the system has not taken yet. */
  #writes = 0;
  #drainListener: (() => void) | undefined;

  #reader: BodyReader | undefined;
  /** Pieces of the body that came before anybody asked for them, or while they were held back. */
  #early: Buffer[] = [];
  #isPaused = false;
  #isDropping = false;
  #endTold = false;

  constructor(line: ExchangeLine, request: PlainRequest) {
    this.#line = line;
    this.#isHead = request.method === 'HEAD';
    this.isComplete = (request.length ?? 0) === 0;
    this.#closes = request.close;
  }

  get isGone(): boolean {
    return !this.#line.socket.writable;
  }

  get shouldClose(): boolean {
    return this.#closes || this.#line.shouldClose;
  }

  // --- the request's body ---

  /** A piece has come; `isLast`: with it the announced length is reached. */
  bodyCame(piece: Buffer, isLast: boolean): void {
    this.isComplete = isLast;
    if (this.#isDropping) return;
    if (this.#reader === undefined || this.#isPaused || this.#early.length > 0) {
      this.#early.push(piece);
      if (!isLast) this.#line.socket.pause();
      return;
    }
    this.#reader.data(piece);
    if (isLast) this.#tellEnd();
  }

  readBody(reader: BodyReader): void {
    this.#reader = reader;
    this.#flowSoon();
  }

  pauseBody(): void {
    this.#isPaused = true;
    if (!this.isComplete) this.#line.socket.pause();
  }

  resumeBody(): void {
    this.#isPaused = false;
    if (this.#reader === undefined) {
      this.#isDropping = true;
      this.#early = [];
    }
    this.#flowSoon();
  }

  #flowSoon(): void {
    if (this.#early.length > 0 || this.isComplete) process.nextTick(flow, this);
    else this.#line.socket.resume();
  }

  /** Brings what has waited, as far as the reader takes it. */
  flow(): void {
    while (this.#reader !== undefined && !this.#isPaused) {
      const piece = this.#early.shift();
      if (piece === undefined) break;
      this.#reader.data(piece);
    }
    if (this.#isPaused || this.#early.length > 0) return;
    if (this.isComplete) this.#tellEnd();
    else this.#line.socket.resume();
  }

  #tellEnd(): void {
    if (this.#endTold || this.#reader === undefined || this.#early.length > 0) return;
    this.#endTold = true;
    this.#reader.end(NO_TRAILERS);
  }

  // --- the answer ---

  interim(status: number, rawHeaders: readonly string[]): void {
    // A request that expects a 100 is no plain one, so nobody waits for it.
    if (status === 100) return;
    // As in a 204, there is no body and so no length.
    const headers = answerHeaders(rawHeaders, { status: 204, chunked: false, close: false });
    this.#writeText(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n${lines(headers)}\r\n`);
  }

  /** Header names and values come from our own parser of answers or are our own: nothing else may be given. */
  head({ status, statusMessage, headers, close, framing }: AnswerHead): void {
    this.hasBegun = true;
    this.#framing = framing;
    let text = `HTTP/1.1 ${status} ${statusMessage}\r\n${lines(headers)}`;
    if (close) this.#closes = true;
    else text += this.#line.keepAliveLines;
    if (framing === 'chunked') text += 'Transfer-Encoding: chunked\r\n';
    this.#head = `${text}\r\n`;
  }

  flushHead(): void {
    const head = this.#head;
    if (head === '') return;
    this.#head = '';
    this.#writeText(head);
  }

  write(chunk: Buffer): boolean {
    if (this.#framing === 'none' || chunk.length === 0) return true;
    const head = this.#head;
    this.#head = '';
    if (this.#framing === 'chunked') return this.#writeChunked(head, chunk);
    if (head === '') return this.#write(chunk);
    if (chunk.length <= JOIN_BYTES) return this.#write(joined(head, chunk));
    this.#cork();
    this.#writeText(head);
    return this.#write(chunk);
  }

  /** The end of the body often comes with its last piece: what is written within a tick goes out together. */
  #writeChunked(head: string, chunk: Buffer): boolean {
    this.#cork();
    const before = `${head}${chunk.length.toString(16)}\r\n`;
    if (chunk.length <= JOIN_BYTES) {
      const all = Buffer.allocUnsafe(before.length + chunk.length + 2);
      all.write(before, 0, 'latin1');
      chunk.copy(all, before.length);
      CRLF.copy(all, before.length + chunk.length);
      return this.#write(all);
    }
    this.#writeText(before);
    this.#write(chunk);
    return this.#write(CRLF);
  }

  onDrain(listener: () => void): void {
    this.#drainListener = listener;
  }

  drained(): void {
    this.#drainListener?.();
  }

  end(trailers?: readonly [name: string, value: string][]): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    let text = this.#head;
    this.#head = '';
    if (this.#framing === 'chunked') {
      text += '0\r\n';
      for (const [name, value] of trailers ?? []) text += `${name}: ${value}\r\n`;
      text += '\r\n';
    }
    if (text !== '') this.#writeText(text);
    else if (this.#writes === 0) process.nextTick(settle, this);
  }

  problem(problem: Problem, close: boolean): void {
    const body = problemBody(problem);
    const date = new Date(this.#line.now()).toUTCString();
    let text = `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? 'Error'}\r\n`;
    text += `Content-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
    text += `Cache-Control: no-store\r\n${lines(problem.headers ?? [])}`;
    if (close || this.#closes) {
      this.#closes = true;
      text += `Connection: close\r\nDate: ${date}\r\n\r\n`;
    } else text += `Date: ${date}\r\n${this.#line.keepAliveLines}\r\n`;
    this.hasBegun = true;
    this.#isEnded = true;
    this.#write(Buffer.from(this.#isHead ? text : text + body));
  }

  // --- writing ---

  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#line.socket.cork();
    process.nextTick(uncork, this);
  }

  uncork(): void {
    this.#isCorked = false;
    this.#line.socket.uncork();
  }

  #write(bytes: Buffer): boolean {
    const { socket } = this.#line;
    if (!this.#canWrite()) return true;
    this.#writes += 1;
    return socket.write(bytes, this.#onWritten);
  }

  #writeText(text: string): void {
    const { socket } = this.#line;
    if (!this.#canWrite()) return;
    this.#writes += 1;
    socket.write(text, 'latin1', this.#onWritten);
  }

  /** The answer of a client that is gone has nowhere to go; the end of its connection tells the rest. */
  #canWrite(): boolean {
    if (!this.#line.socket.writable) this.#isLost = true;
    return !this.#isLost;
  }

  readonly #onWritten = (error?: Error | null): void => {
    this.#writes -= 1;
    if (this.#isEnded && this.#writes === 0 && (error === undefined || error === null)) this.settle();
  };

  settle(): void {
    if (this.isFinished || this.#isLost || this.#line.socket.destroyed) return;
    this.isFinished = true;
    this.#line.exchangeOver(this.#closes);
  }

  // --- the connection ---

  endConnection(): void {
    this.#line.socket.end();
  }

  resetConnection(): void {
    this.#line.socket.resetAndDestroy();
  }

  destroy(): void {
    this.#line.socket.destroy();
  }
}

const NO_TRAILERS: readonly string[] = [];

function lines(headers: readonly string[]): string {
  let text = '';
  for (let at = 0; at + 1 < headers.length; at += 2) text += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return text;
}

function joined(head: string, chunk: Buffer): Buffer {
  const all = Buffer.allocUnsafe(head.length + chunk.length);
  all.write(head, 0, 'latin1');
  chunk.copy(all, head.length);
  return all;
}

function flow(exchange: FastExchange): void {
  exchange.flow();
}

function settle(exchange: FastExchange): void {
  exchange.settle();
}

function uncork(exchange: FastExchange): void {
  exchange.uncork();
}

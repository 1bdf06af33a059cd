import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AnswerHead, BodyReader, ClientExchange } from './client-exchange.ts';
import { relayInformational } from './interim.ts';
import { type Problem, sendProblem } from './problem.ts';
import { resetConnection } from './reset-connection.ts';

/** A request that `node:http` has parsed, and its response. */
export class NodeExchange implements ClientExchange {
  readonly #connection: { readonly shouldClose: boolean };
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(connection: { readonly shouldClose: boolean }, request: IncomingMessage, response: ServerResponse) {
    this.#connection = connection;
    this.#request = request;
    this.#response = response;
  }

  get isModern(): boolean {
    return this.#request.httpVersion === '1.1';
  }

  get isComplete(): boolean {
    return this.#request.complete;
  }

  get hasBegun(): boolean {
    return this.#response.headersSent;
  }

  get isGone(): boolean {
    return this.#response.destroyed;
  }

  get isFinished(): boolean {
    return this.#response.writableFinished;
  }

  get shouldClose(): boolean {
    return this.#connection.shouldClose;
  }

  readBody(reader: BodyReader): void {
    this.#request.on('data', (chunk: Buffer) => reader.data(chunk));
    this.#request.once('end', () => reader.end(this.#request.rawTrailers));
  }

  pauseBody(): void {
    this.#request.pause();
  }

  resumeBody(): void {
    this.#request.resume();
  }

  interim(status: number, rawHeaders: readonly string[], expected: boolean): void {
    relayInformational(this.#response, { status, rawHeaders }, { expectsContinue: expected });
  }

  head({ status, statusMessage, headers }: AnswerHead): void {
    this.#response.sendDate = false; // the upstream's passes
    this.#response.writeHead(status, statusMessage, headers);
  }

  flushHead(): void {
    this.#response.flushHeaders();
  }

  write(chunk: Buffer): boolean {
    return this.#response.write(chunk);
  }

  onDrain(listener: () => void): void {
    this.#response.on('drain', listener);
  }

  end(trailers?: readonly [name: string, value: string][]): void {
    // Node takes pairs and does not write to them.
    if (trailers !== undefined) this.#response.addTrailers(trailers as [string, string][]);
    this.#response.end();
  }

  problem(problem: Problem, close: boolean): void {
    sendProblem(this.#response, problem, close);
  }

  endConnection(): void {
    this.#request.socket.end();
  }

  resetConnection(): void {
    resetConnection(this.#request.socket);
  }

  destroy(): void {
    this.#request.socket.destroy();
  }
}

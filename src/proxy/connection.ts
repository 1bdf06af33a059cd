import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Peer } from './forwarded.ts';
import { type Problem, rawProblem } from './problem.ts';

/** A request that is being served. */
export interface ActiveRequest {
  /** The answer has ended, or the client is gone. Called once. */
  closed(): void;
  /** The rest of the request's body is not HTTP. True: the request was still being read, and has ended itself. */
  inputBroken(problem: Problem): boolean;
}

/** Requests a client may pipeline behind the one being served; what comes after is not answered, which RFC 9112 section 9.3.2 allows. */
const MAX_WAITING = 64;
/** How long a refused client gets to read its answer before the connection is cut. */
const LINGER_MS = 1_000;

/** Serves what `node:http` has parsed. */
export type Serve = (connection: Connection, request: IncomingMessage, response: ServerResponse) => ActiveRequest;

interface Incoming {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What follows it on the connection cannot be believed. */
  readonly isLast: boolean;
}

/** One client connection. Pipelined requests wait for the one before: two unsafe ones must not run at the same time. */
export class Connection {
  readonly socket: Socket;
  readonly peer: Peer;
  readonly #listener: { readonly isDraining: boolean };
  #active: ActiveRequest | undefined;
  #waiting: Incoming[] = [];
  #broken: Problem | undefined;
  #isTunnel = false;
  #isLast = false;

  constructor(socket: Socket, peer: Peer, listener: { readonly isDraining: boolean }) {
    this.socket = socket;
    this.peer = peer;
    this.#listener = listener;
  }

  get isBusy(): boolean {
    return this.#active !== undefined || this.#isTunnel;
  }

  /** Whether the next answer should carry `Connection: close`: it is the last one, or the process drains and nothing waits behind it. */
  get shouldClose(): boolean {
    return this.#isLast || (this.#listener.isDraining && this.#waiting.length === 0);
  }

  /**
   * Serves a request, or lets it wait for the one before.
   * Where an answer has said `close`, as every refusal does, nothing that follows is served: it was framed by a request
   * that is not believed, and nobody would get its answer.
   */
  enqueue(incoming: Incoming, serve: Serve): void {
    if (!this.socket.writable) return;
    if (this.#active !== undefined) {
      if (this.#waiting.length < MAX_WAITING) this.#waiting.push(incoming);
      else this.#broken ??= TOO_MANY;
      return;
    }
    this.#serve(incoming, serve);
  }

  /** Runs the request; only when its response has closed may the next one begin. */
  #serve({ request, response, isLast }: Incoming, serve: Serve): void {
    this.#isLast = isLast;
    response.once('close', () => {
      this.finished();
      this.#next(serve);
    });
    this.begin(serve(this, request, response));
  }

  /** A request is being served from now on; there must be none. */
  begin(active: ActiveRequest): void {
    this.#active = active;
  }

  /** Its answer has ended, or the client is gone. */
  finished(): void {
    const ended = this.#active;
    this.#active = undefined;
    ended?.closed();
  }

  /** The input cannot be followed any more, and the answer that was in flight has ended. */
  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  sayLastWords(): void {
    if (this.#broken !== undefined) lastWords(this.socket, this.#broken);
  }

  #next(serve: Serve): void {
    if (this.socket.destroyed || this.#active !== undefined) return;
    if (!this.socket.writable) {
      this.#waiting = [];
      return;
    }
    const next = this.#waiting.shift();
    // A request whose body is known to be broken is not begun.
    const isWhole = next !== undefined && (this.#broken === undefined || next.request.complete);
    if (isWhole) this.#serve(next, serve);
    else if (this.#broken !== undefined) lastWords(this.socket, this.#broken);
  }

  /** F3: an answer in flight on this connection is finished first. */
  inputBroken(problem: Problem): void {
    this.#broken = problem;
    if (this.#active === undefined) lastWords(this.socket, problem);
    else if (this.#waiting.length === 0 && this.#active.inputBroken(problem)) this.#broken = undefined;
  }

  tunnel(): void {
    this.#isTunnel = true;
  }

  gone(): void {
    this.#waiting = [];
    this.#isTunnel = false;
  }
}

const TOO_MANY: Problem = { status: 429, code: 'REQUEST_REFUSED', detail: 'Too many pipelined requests.' };

/** The last answer on a connection whose input cannot be followed any more. */
function lastWords(socket: Socket, problem: Problem): void {
  if (socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  // Unread input would turn the close into a reset, which can take the answer with it.
  socket.resume();
  socket.on('error', () => socket.destroy());
  socket.end(rawProblem(problem));
  const limit = setTimeout(() => socket.destroy(), LINGER_MS);
  limit.unref();
  socket.once('close', () => clearTimeout(limit));
}

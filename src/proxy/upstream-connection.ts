import type { Socket } from 'node:net';
import type { FailureKind } from '../core/observation.ts';
import type { Clock } from '../core/ports.ts';
import { type ParserLimits, ResponseParser, type ResponseSink } from './response-parser.ts';
import type { ResponseHead, UpstreamRequest } from './upstream.ts';
import type { UpstreamDialer } from './upstream-dialer.ts';

/** The request a connection carries, as far as the connection knows it. */
export interface ConnectionCall {
  readonly request: UpstreamRequest;
  /** The connection is ready: send. Called at once where it already is. */
  connected(): void;
  informational(head: ResponseHead): void;
  head(head: ResponseHead): void;
  /** False: stop reading until `resume`. */
  data(chunk: Buffer): boolean;
  drained(): void;
  /** The answer is complete; the connection already serves others or is closed. */
  complete(rawTrailers: string[]): void;
  upgraded(head: ResponseHead, socket: Socket, first: Buffer): void;
  /** The connection is gone before the answer was complete. */
  lost(loss: ConnectionLoss): void;
}

export interface ConnectionLoss {
  readonly kind: FailureKind;
  readonly message: string;
  /** The connection was never established. */
  readonly connecting: boolean;
  /** Nothing of the request was handed to the socket. */
  readonly unsent: boolean;
  /** A kept connection that ended before a byte of the answer: most likely closed for idleness while we wrote. */
  readonly stale: boolean;
}

/** Who keeps connections. */
export interface ConnectionOwner {
  readonly clock: Clock;
  readonly limits: ParserLimits;
  readonly timeouts: { readonly connectMs: number; readonly firstByteMs: number; readonly idleMs: number };
  /** The answer is complete, and the connection may carry another request. */
  released(connection: UpstreamConnection): void;
  /** The connection is gone, or left HTTP by an upgrade. Called once. */
  closed(connection: UpstreamConnection): void;
}

/** One read brings at most this much, as Node's own streams do. Kept per connection: 128 of them hold 8 MiB. */
const SLAB_BYTES = 65_536;
/** A new slab is made when less is left. 16 KiB: three reads of 16 KiB, or some forty small answers, share a slab. */
const MIN_READ_BYTES = 16_384;
/** Up to here head and body are copied into one write; beyond, a gathering write is cheaper than the copy. */
const JOIN_BYTES = 16_384;

const CRLF = Buffer.from('\r\n');

/**
 * One connection to a target; carries one request at a time (no pipelining: RFC 9112 9.3.2 makes retries unsafe).
 * `raw` connections can be handed over after a 101; the others read into buffers of their own, which costs less.
 */
export class UpstreamConnection implements ResponseSink {
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  readonly #parser: ResponseParser;
  #state: 'connecting' | 'open' | 'closed' = 'connecting';
  #call: ConnectionCall | undefined;
  #deadline = Number.POSITIVE_INFINITY;

  /** A head that waits for the first bytes of its body until the end of the tick. */
  #head = '';
  #sent = false;
  #uploading = false;
  #bodyBegun = false;
  #blocked = false;
  #paused = false;

  #slab: Buffer;
  #slabAt = 0;
  #view: Buffer;
  /** Whether a part of `#view` was given away in the present read, so that it must not be read into again. */
  #gaveAway = false;

  /** Answers completed on this connection. */
  answers = 0;
  /** Set by the pool while the connection is idle (monotonic clock). */
  idleSince = 0;
  idleUntil = 0;
  /** Set by the pool: it carries no new request from then on (monotonic clock). */
  retiresAt = Number.POSITIVE_INFINITY;

  constructor(dialer: UpstreamDialer, owner: ConnectionOwner, mode: 'http' | 'raw') {
    this.#owner = owner;
    this.#parser = new ResponseParser(this, owner.limits);
    const direct = mode === 'http' && !dialer.address.tls;
    this.#slab = Buffer.allocUnsafeSlow(direct ? SLAB_BYTES : 0);
    this.#view = this.#slab;
    this.#socket = dialer.open(
      direct ? { buffer: () => this.#view, callback: (bytes) => this.#readIntoView(bytes) } : undefined,
    );
    const socket = this.#socket;
    if (!direct) socket.on('data', this.#readChunk);
    socket.once(dialer.address.tls ? 'secureConnect' : 'connect', () => this.#connected());
    socket.on('drain', () => this.#drained());
    socket.on('end', () => this.#ended());
    socket.on('error', (error) => this.#broke(dialer.explain(error)));
    socket.on('close', () => this.#broke('connection closed'));
    this.#deadline = owner.clock.monotonic() + owner.timeouts.connectMs;
  }

  get keepAliveSeconds(): number | undefined {
    return this.#parser.keepAliveSeconds;
  }

  /** Gives the connection a request; it must be new or released. */
  carry(call: ConnectionCall): void {
    this.#call = call;
    this.#sent = false;
    this.#head = '';
    this.#bodyBegun = false;
    this.#parser.begin(call.request.method, call.request.upgrade ? 'upgrade' : 'plain');
    if (this.#state === 'open') call.connected();
  }

  /** Writes the head; with a body to come, together with its first bytes if they come within this tick. */
  sendHead(text: string, body: 'none' | 'follows'): void {
    this.#uploading = body === 'follows';
    if (this.#uploading) {
      this.#head = text;
      process.nextTick(flushHead, this, this.#call);
    } else {
      this.#send(text);
    }
    this.#rearm();
  }

  /** Sends the waiting head of `call` by itself. */
  flushHead(call: ConnectionCall): void {
    if (this.#call !== call || this.#head === '') return;
    const head = this.#head;
    this.#head = '';
    this.#send(head);
  }

  /** Writes a piece of the body; false: the connection is full, `drained` follows. */
  write(chunk: Buffer, framing: 'chunked' | 'length'): boolean {
    let before = this.#head;
    this.#head = '';
    this.#bodyBegun = true;
    if (framing === 'chunked') before += `${chunk.length.toString(16)}\r\n`;
    const ok = this.#sendPiece(before, chunk, framing === 'chunked');
    if (!ok) this.#blocked = true;
    this.#rearm();
    return ok;
  }

  /** The body is complete; `tail` is what its framing still needs. */
  endBody(tail: string): void {
    const rest = this.#head + tail;
    this.#head = '';
    this.#uploading = false;
    if (rest !== '') this.#send(rest);
    this.#rearm();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#rearm();
    this.#socket.resume();
  }

  /** Closes at once and tells the call nothing. */
  abort(): void {
    this.#call = undefined;
    this.#close();
  }

  /** Applies the time limits; idle connections are the pool's. */
  expire(now: number): void {
    if (this.#call === undefined || now < this.#deadline) return;
    const { connectMs, firstByteMs, idleMs } = this.#owner.timeouts;
    if (this.#state === 'connecting') this.#lose('timeout', `no connection within ${connectMs} ms`);
    else if (this.#parser.headSeen) this.#lose('timeout', `no piece of the answer for ${idleMs} ms`);
    else this.#lose('timeout', `no answer within ${firstByteMs} ms`);
  }

  /** Our own event loop stood still for so long: nobody else is to blame for it. */
  postpone(ms: number): void {
    this.#deadline += ms;
  }

  onInformational(head: ResponseHead): void {
    this.#rearm();
    this.#call?.informational(head);
  }

  onHead(head: ResponseHead): void {
    this.#call?.head(head);
  }

  onData(chunk: Buffer): void {
    this.#gaveAway = true;
    if (this.#call?.data(chunk) === false) this.#paused = true;
  }

  #connected(): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'open';
    this.#call?.connected();
  }

  #drained(): void {
    this.#blocked = false;
    if (this.#call === undefined) return;
    this.#rearm();
    if (this.#uploading) this.#call.drained();
  }

  #send(text: string): void {
    this.#sent = true;
    if (!this.#socket.write(text, 'latin1')) this.#blocked = true;
  }

  #sendPiece(before: string, chunk: Buffer, chunked: boolean): boolean {
    this.#sent = true;
    const socket = this.#socket;
    if (before === '') return socket.write(chunk);
    if (chunk.length <= JOIN_BYTES) {
      const joined = Buffer.allocUnsafe(before.length + chunk.length + (chunked ? 2 : 0));
      joined.write(before, 0, 'latin1');
      chunk.copy(joined, before.length);
      if (chunked) joined.write('\r\n', before.length + chunk.length, 'latin1');
      return socket.write(joined);
    }
    socket.cork();
    socket.write(before, 'latin1');
    let ok = socket.write(chunk);
    if (chunked) ok = socket.write(CRLF);
    socket.uncork();
    return ok;
  }

  /** Sets the next time limit by what is being waited for. */
  #rearm(): void {
    const { firstByteMs, idleMs } = this.#owner.timeouts;
    const ours = this.#paused || (this.#uploading && this.#bodyBegun && !this.#blocked);
    // While the receiver is full or the client's next piece is awaited, silence is not the target's doing.
    this.#deadline = ours
      ? Number.POSITIVE_INFINITY
      : this.#owner.clock.monotonic() + (this.#parser.headSeen ? idleMs : firstByteMs);
  }

  #readIntoView(bytes: number): boolean {
    this.#gaveAway = false;
    const goOn = this.#received(this.#view, bytes);
    if (this.#gaveAway) this.#advance(bytes);
    return goOn;
  }

  /** The next read must not touch what was given away: it goes behind it, or into a new slab. */
  #advance(bytes: number): void {
    this.#slabAt += (bytes + 7) & ~7;
    if (SLAB_BYTES - this.#slabAt < MIN_READ_BYTES) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#slabAt = 0;
    }
    this.#view = this.#slab.subarray(this.#slabAt);
  }

  readonly #readChunk = (chunk: Buffer): void => {
    if (!this.#received(chunk, chunk.length) && this.#state === 'open') this.#socket.pause();
  };

  /** Gives whether reading goes on. */
  #received(bytes: Buffer, end: number): boolean {
    const call = this.#call;
    if (call === undefined || this.#state !== 'open') {
      // An answer nobody asked for would become the next request's: the connection is poisoned.
      this.#close();
      return false;
    }
    const next = this.#parser.execute(bytes, 0, end);
    if (this.#call !== call) return false;
    if (this.#parser.done) {
      this.#finish(call, next < end);
      return true;
    }
    if (this.#parser.upgraded) {
      this.#handOver(call, bytes.subarray(next, end));
      return true;
    }
    if (this.#parser.failed) {
      this.#lose(
        this.#parser.headSeen ? 'truncated' : 'reset',
        `answer is not valid HTTP/1.1: ${this.#parser.failure}`,
      );
      return false;
    }
    // Before the head every byte on its own would push the limit on; a head must be complete in time.
    if (this.#parser.headSeen) this.#rearm();
    return !this.#paused;
  }

  #finish(call: ConnectionCall, excess: boolean): void {
    const parser = this.#parser;
    const trailers = parser.trailers;
    this.#call = undefined;
    this.#paused = false;
    this.answers += 1;
    // An answer that came before the request was complete leaves the connection in the middle of a body.
    if (parser.keepAlive && !excess && !this.#uploading && !this.#blocked) this.#owner.released(this);
    else this.#close();
    call.complete(trailers);
  }

  #handOver(call: ConnectionCall, first: Buffer): void {
    const head = this.#parser.upgradeHead;
    const socket = this.#socket;
    this.#call = undefined;
    this.#state = 'closed';
    // The other listeners stay: in state `closed` they do nothing, and without one an early error would end the process.
    socket.removeListener('data', this.#readChunk);
    socket.pause();
    this.#owner.closed(this);
    if (head !== undefined) call.upgraded(head, socket, first);
  }

  #ended(): void {
    const call = this.#call;
    if (this.#state === 'closed') return;
    if (call !== undefined && this.#parser.finish()) this.#finish(call, false);
    else this.#broke('connection ended before the answer was complete');
  }

  #broke(message: string): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'connecting') this.#lose('refused', message);
    else this.#lose(this.#parser.headSeen ? 'truncated' : 'reset', message);
  }

  #lose(kind: FailureKind, message: string): void {
    const call = this.#call;
    this.#call = undefined;
    const loss: ConnectionLoss = {
      kind,
      message,
      connecting: this.#state === 'connecting',
      unsent: !this.#sent,
      stale: kind === 'reset' && this.answers > 0 && !this.#parser.begun,
    };
    this.#close();
    call?.lost(loss);
  }

  #close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#parser.stop();
    this.#socket.destroy();
    this.#owner.closed(this);
  }
}

function flushHead(connection: UpstreamConnection, call: ConnectionCall): void {
  connection.flushHead(call);
}

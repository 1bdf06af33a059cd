import type { FailureKind } from '../core/observation.ts';
import type { HealthChange } from '../core/ports.ts';

/**
 * The proxy's door to one side: a pool of connections to its targets.
 * Handlers are called on the event loop, in order: `informational`* , then `head`, `data`*, `end`; or `failed` at any point before `end`.
 * After `end` or `failed` nothing more is called.
 */
export interface Upstream {
  /** Starts a request on the target with the fewest outstanding ones. Never throws; what goes wrong comes to `handler.failed`. */
  request(request: UpstreamRequest, handler: UpstreamHandler): UpstreamCall;
  targets(): readonly TargetStatus[];
  /** Requests in flight on all targets. */
  outstanding(): number;
  /** Ends idle connections and health checks; in-flight requests finish. */
  close(): void;
}

export interface UpstreamRequest {
  readonly method: string;
  /** Sent as it is: path and query. */
  readonly target: string;
  /** With `hostHeader: upstream` the upstream sets `host` itself. Name, value, name, value …: the final header block, hop-by-hop headers already removed, framing (`content-length` or `transfer-encoding: chunked`) and `connection` are added by the upstream. */
  readonly rawHeaders: readonly string[];
  /** `none`; a length in bytes; or `chunked`. */
  readonly body: 'none' | 'chunked' | number;
  /** True: `Connection: Upgrade` is sent with the request's own `upgrade` header; a 101 comes to `handler.upgraded`. */
  readonly upgrade: boolean;
  /** True: the body was not begun and the request may be sent again on another connection if a reused one died before a byte came back. */
  readonly retryable: boolean;
}

export interface UpstreamHandler {
  /** 1xx other than 101; `100` means the client may go on. */
  informational(status: number, rawHeaders: string[]): void;
  head(head: ResponseHead): void;
  /** `chunk` may be kept: the upstream does not reuse it; it is a view of a 64 KiB buffer, so copy what you keep for long. Gives false when the receiver is full; the upstream then stops reading until `call.resume()`. */
  data(chunk: Buffer): boolean;
  /** Trailers as flat name, value list; empty mostly. */
  end(rawTrailers: string[]): void;
  failed(failure: UpstreamFailure): void;
  /** The request's body may go on after `call.write` gave false. */
  drained(): void;
  /** After 101: the raw connection, paused (`pipe` or `resume` starts it), and the bytes that came with the head. Only when `upgrade` was asked for. */
  upgraded?(head: ResponseHead, socket: import('node:net').Socket, first: Buffer): void;
}

export interface ResponseHead {
  readonly status: number;
  readonly statusMessage: string;
  /** As received, hop-by-hop headers included. */
  readonly rawHeaders: string[];
  /** Declared length, or undefined for chunked and close-delimited bodies. */
  readonly contentLength: number | undefined;
}

export interface UpstreamFailure {
  readonly kind: FailureKind;
  /** True: not a byte of the request reached the wire of this connection, so that even an unsafe request may be sent elsewhere. */
  readonly unsent: boolean;
  /** For the log, without secrets: `connect ECONNREFUSED 127.0.0.1:3000`. */
  readonly message: string;
}

export interface UpstreamCall {
  /** A piece of the request's body, unframed. Gives false when the connection is full; wait for `handler.drained`. */
  write(chunk: Buffer): boolean;
  /** The request's body is complete. Only where a body was announced. */
  end(rawTrailers?: readonly string[]): void;
  resume(): void;
  /** Gives up: closes the connection unless the answer was complete. `failed` is not called. */
  abort(): void;
}

export interface TargetStatus {
  readonly target: string;
  readonly healthy: boolean;
  readonly outstanding: number;
  readonly connections: number;
  /** Why it is in this state. */
  readonly reason: string;
}

export type OnHealthChange = (change: HealthChange) => void;

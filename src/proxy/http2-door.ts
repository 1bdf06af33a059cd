import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { LimitSettings } from '../config/settings.ts';
import type { Log } from '../core/ports.ts';
import type { ActiveRequest } from './connection.ts';
import type { Peer } from './forwarded.ts';
import { Http2Exchange } from './http2-exchange.ts';
import type { RawRequest } from './request-guard.ts';

/** Serves one request; the exchange tells what becomes of it. */
export type ServeStream = (peer: Peer, request: RawRequest, exchange: Http2Exchange) => ActiveRequest;

export interface Http2DoorOptions {
  readonly limits: LimitSettings;
  readonly log: Log;
  readonly serve: ServeStream;
}

/** Requests at once on one connection; RFC 9113 section 6.5.2 asks for no fewer. */
export const MAX_STREAMS = 100;
/** What Node may keep for one connection, its header table and queued frames included, in MB. */
const SESSION_MEMORY_MB = 10;
/** Streams a client may reset in a burst and per second; beyond it the connection is closed (CVE-2023-44487). */
const RESET_BURST = 200;
const RESETS_PER_SECOND = 33;
/** Streams refused, and frames that are none, until a connection is closed. */
const MAX_REJECTED_STREAMS = 100;
const MAX_INVALID_FRAMES = 100;
/** A client's connection of HTTP/2: each of its streams is a request of its own. */
export class Http2Connection {
  readonly #options: Http2DoorOptions;
  readonly #peer: Peer;
  readonly #session: ServerHttp2Session;
  /** Requests under way. */
  streams = 0;

  constructor(socket: TLSSocket, peer: Peer, options: Http2DoorOptions) {
    this.#options = options;
    this.#peer = peer;
    const { limits } = options;
    this.#session = performServerHandshake(socket, {
      maxSessionMemory: SESSION_MEMORY_MB,
      maxHeaderListPairs: limits.headerCount + PSEUDO_FIELDS,
      maxSessionRejectedStreams: MAX_REJECTED_STREAMS,
      maxSessionInvalidFrames: MAX_INVALID_FRAMES,
      streamResetBurst: RESET_BURST,
      streamResetRate: RESETS_PER_SECOND,
      // An answer may repeat fields that ought to come once; the client gets what the service said.
      strictSingleValueFields: false,
      settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: limits.headBytes, enablePush: false },
    });
    this.#session.on('error', (error) => options.log.debug('http2.failed', { message: error.message }));
    this.#session.on('stream', (stream, _headers, flags, rawHeaders) => this.#take(stream, flags, rawHeaders));
    this.#session.setTimeout(limits.keepAliveTimeoutMs, () => {
      if (this.streams === 0) this.#session.close();
    });
  }

  /** Takes no new requests: those that come are refused as never begun, which clients send again (RFC 9113 section 8.7). Ends with the last. */
  drain(): void {
    if (!this.#session.closed && !this.#session.destroyed) this.#session.close();
  }

  #take(stream: ServerHttp2Stream, flags: number, rawFields: readonly string[]): void {
    const hasBody = (flags & constants.NGHTTP2_FLAG_END_STREAM) === 0;
    const exchange = new Http2Exchange(stream, hasBody);
    stream.on('error', (error) => this.#options.log.debug('http2.streamFailed', { message: error.message }));
    const request = asRequest(rawFields, hasBody);
    if (request === undefined) {
      exchange.problem({ status: 400, code: 'REQUEST_REFUSED', detail: 'The request names no one target and host.' });
      return;
    }
    this.streams += 1;
    // Before it is served: what ends at once must be heard of.
    let active: ActiveRequest | undefined;
    stream.once('close', () => {
      this.streams -= 1;
      active?.closed();
    });
    active = this.#options.serve(this.#peer, { ...request, trusted: this.#peer.trusted }, exchange);
  }
}

/** `:method`, `:scheme`, `:authority`, `:path`. */
const PSEUDO_FIELDS = 4;

/**
 * The request as HTTP/1.1 would say it (RFC 9113 section 8.3.1): `Host` of `:authority`, one `Cookie` (8.2.3), and
 * `Transfer-Encoding: chunked` for a body without length. Undefined: it cannot be said unambiguously.
 * What speaks of connections, malformed names and lengths that are not kept nghttp2 has refused.
 */
export function asRequest(rawFields: readonly string[], hasBody: boolean): Omit<RawRequest, 'trusted'> | undefined {
  const pseudo = new Map<string, string>();
  const rawHeaders: string[] = [];
  const cookies: string[] = [];
  let host: string | undefined;
  let hasLength = false;
  for (let at = 0; at + 1 < rawFields.length; at += 2) {
    const [name, value] = [rawFields[at] as string, rawFields[at + 1] as string]; // the bounds were checked
    if (name.startsWith(':')) pseudo.set(name, value);
    else if (name === 'cookie') cookies.push(value);
    else if (name === 'host') {
      if (host !== undefined) return undefined;
      host = value;
    } else {
      hasLength ||= name === 'content-length';
      rawHeaders.push(name, value);
    }
  }
  const [method, target, authority] = [pseudo.get(':method'), pseudo.get(':path'), pseudo.get(':authority')];
  if (method === undefined || target === undefined || !/^(?:\/|\*$)/.test(target)) return undefined;
  if (host !== undefined && authority !== undefined && host.toLowerCase() !== authority.toLowerCase()) return undefined;
  const named = authority ?? host;
  if (named === undefined) return undefined;
  rawHeaders.unshift('host', named);
  if (cookies.length > 0) rawHeaders.push('cookie', cookies.join('; '));
  if (hasBody && !hasLength) rawHeaders.push('transfer-encoding', 'chunked');
  return { method, target, httpVersion: '1.1', rawHeaders };
}

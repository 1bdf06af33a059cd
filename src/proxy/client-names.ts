import type { Socket } from 'node:net';
import { type CredentialMap, withClientCookies } from './credentials.ts';
import type {
  ResponseHead,
  TargetStatus,
  Upstream,
  UpstreamCall,
  UpstreamFailure,
  UpstreamHandler,
  UpstreamRequest,
} from './upstream.ts';

/**
 * The same door, whose answers set cookies under the client's names: whoever serves, captures or asks again behind it
 * sees no others. Requests pass as they are; `headersForSide` has mapped them.
 */
export class ClientNamesUpstream implements Upstream {
  readonly #inner: Upstream;
  readonly #map: CredentialMap;

  constructor(inner: Upstream, map: CredentialMap) {
    this.#inner = inner;
    this.#map = map;
  }

  request(request: UpstreamRequest, handler: UpstreamHandler): UpstreamCall {
    return this.#inner.request(request, new ClientNamesHandler(handler, this.#map));
  }

  targets(): readonly TargetStatus[] {
    return this.#inner.targets();
  }

  outstanding(): number {
    return this.#inner.outstanding();
  }

  close(): void {
    this.#inner.close();
  }
}

class ClientNamesHandler implements UpstreamHandler {
  readonly #inner: UpstreamHandler;
  readonly #map: CredentialMap;

  constructor(inner: UpstreamHandler, map: CredentialMap) {
    this.#inner = inner;
    this.#map = map;
  }

  informational(status: number, rawHeaders: string[]): void {
    this.#inner.informational(status, withClientCookies(rawHeaders, this.#map));
  }

  head(head: ResponseHead): void {
    this.#inner.head(this.#named(head));
  }

  data(chunk: Buffer): boolean {
    return this.#inner.data(chunk);
  }

  end(rawTrailers: string[]): void {
    this.#inner.end(rawTrailers);
  }

  failed(failure: UpstreamFailure): void {
    this.#inner.failed(failure);
  }

  drained(): void {
    this.#inner.drained();
  }

  upgraded(head: ResponseHead, socket: Socket, first: Buffer): void {
    if (this.#inner.upgraded === undefined) socket.destroy();
    else this.#inner.upgraded(this.#named(head), socket, first);
  }

  #named(head: ResponseHead): ResponseHead {
    const rawHeaders = withClientCookies(head.rawHeaders, this.#map);
    return rawHeaders === head.rawHeaders ? head : { ...head, rawHeaders };
  }
}

import type { Socket } from 'node:net';
import type { LimitSettings, ServerTlsSettings } from '../config/settings.ts';
import type { Clock, Log } from '../core/ports.ts';
import { type Peer, plainAddress, type TrustedNetworks } from './forwarded.ts';
import { MAX_V2, type ProxiedConnection, readProxyHeader } from './proxy-protocol.ts';
import { ServerTls } from './server-tls.ts';

export interface EntranceOptions {
  /** Absent: clients speak plain HTTP. */
  readonly tls?: ServerTlsSettings;
  /** Connections from trusted networks begin with a PROXY header. */
  readonly proxyProtocol: boolean;
  readonly networks: TrustedNetworks;
  readonly limits: LimitSettings;
  readonly clock: Clock;
  readonly log: Log;
}

/** A wrong header is logged at most once in this time, with how many there were. */
const COMPLAIN_MS = 60_000;

/** What comes before a connection's first request: a PROXY header, a TLS handshake. */
export class Entrance {
  readonly #options: EntranceOptions;
  readonly #ready: (socket: Socket, peer: Peer) => void;
  readonly #tls: ServerTls | undefined;
  /** Those whose first request is not yet awaited; bounded by the listener's limit of connections. */
  readonly #pending = new Map<Socket, { cancel(): void }>();
  /** Whose the handshakes under way are, by both ends' addresses and ports. */
  readonly #peers = new Map<string, { readonly socket: Socket; readonly peer: Peer }>();
  #complaints = 0;
  #complainedAt = Number.NEGATIVE_INFINITY;

  /**
   * Throws CONFIG_UNREADABLE where a certificate cannot be used.
   * @param ready Gets each connection on which a request may come, with who is at its other end.
   */
  constructor(options: EntranceOptions, ready: (socket: Socket, peer: Peer) => void) {
    this.#options = options;
    this.#ready = ready;
    const { tls, clock, log, limits } = options;
    this.#tls =
      tls === undefined
        ? undefined
        : new ServerTls(
            {
              settings: tls,
              alpn: tls.http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
              handshakeMs: limits.headTimeoutMs,
              clock,
              log,
            },
            (socket) => this.#secured(socket),
          );
  }

  /** Connections that are still on their way in. */
  get pending(): number {
    return this.#pending.size;
  }

  /** A connection was made. */
  take(socket: Socket): void {
    const { networks, proxyProtocol, clock, limits } = this.#options;
    const address = plainAddress(socket.remoteAddress);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#leave(socket));
    this.#pending.set(
      socket,
      clock.after(limits.headTimeoutMs, () => socket.destroy()),
    );
    const peer: Peer = {
      address,
      trusted: networks.includes(address),
      localPort: String(socket.localPort ?? ''),
      proto: this.#tls === undefined ? 'http' : 'https',
    };
    if (proxyProtocol && peer.trusted) this.#readHeader(socket, peer);
    else this.#secure(socket, peer);
  }

  /** Ends those that are on their way in. */
  cutAll(): void {
    for (const socket of this.#pending.keys()) socket.destroy();
  }

  close(): void {
    this.cutAll();
    this.#tls?.close();
  }

  #readHeader(socket: Socket, peer: Peer): void {
    let bytes: Buffer = Buffer.alloc(0);
    const read = (): void => {
      for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) {
        bytes = Buffer.concat([bytes, chunk]);
        const header = readProxyHeader(bytes);
        if (header.kind === 'more' && bytes.length <= MAX_V2) continue;
        socket.removeListener('readable', read);
        if (header.kind !== 'header') {
          this.#refuse(socket, peer, header.kind === 'wrong' ? header.why : `longer than ${MAX_V2} bytes`);
          return;
        }
        const rest = bytes.subarray(header.length);
        if (rest.length > 0) socket.unshift(rest);
        this.#secure(socket, this.#behind(peer, header.connection));
        return;
      }
    };
    socket.on('readable', read);
    socket.once('end', () => {
      if (this.#pending.has(socket)) socket.destroy();
    });
  }

  /** The client that a proxy speaks for. */
  #behind(peer: Peer, { source, isSecure }: ProxiedConnection): Peer {
    const proto = isSecure ? 'https' : peer.proto;
    if (source === undefined) return { ...peer, proto };
    const address = plainAddress(source.address);
    return {
      address,
      trusted: this.#options.networks.includes(address),
      localPort: String(source.localPort),
      proto,
    };
  }

  #refuse(socket: Socket, peer: Peer, why: string): void {
    socket.destroy();
    const { clock, log } = this.#options;
    this.#complaints += 1;
    if (clock.monotonic() - this.#complainedAt < COMPLAIN_MS) return;
    log.warn('proxyProtocol.refused', {
      address: peer.address,
      why,
      connections: this.#complaints,
      hint: 'Let the load balancer send the PROXY protocol, or take it out of trust.networks, or set trust.proxyProtocol: false.',
    });
    this.#complaints = 0;
    this.#complainedAt = clock.monotonic();
  }

  #secure(socket: Socket, peer: Peer): void {
    const key = this.#tls === undefined ? undefined : endsOf(socket);
    if (this.#tls === undefined) {
      this.#enter(socket, socket, peer);
    } else if (key === undefined) {
      socket.destroy(); // the client is gone
    } else {
      this.#peers.set(key, { socket, peer });
      this.#tls.take(socket);
    }
  }

  #secured(secure: Socket): void {
    const key = endsOf(secure);
    const found = key === undefined ? undefined : this.#peers.get(key);
    if (found === undefined) secure.destroy();
    else this.#enter(found.socket, secure, found.peer);
  }

  #enter(socket: Socket, ready: Socket, peer: Peer): void {
    this.#leave(socket);
    this.#ready(ready, peer);
  }

  #leave(socket: Socket): void {
    this.#pending.get(socket)?.cancel();
    this.#pending.delete(socket);
    const key = endsOf(socket);
    if (key !== undefined) this.#peers.delete(key);
    else for (const [at, { socket: known }] of this.#peers) if (known === socket) this.#peers.delete(at);
  }
}

/** Both ends of a connection: no two that stand at a time have the same. Undefined once it is gone. */
function endsOf(socket: Socket): string | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  return remoteAddress === undefined ? undefined : `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import net, { type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Address, LimitSettings, ServerTlsSettings } from '../config/settings.ts';
import { CutoverError } from '../core/errors.ts';
import type { Clock, Log, Timer } from '../core/ports.ts';
import { Connection, type Serve } from './connection.ts';
import { Entrance } from './entrance.ts';
import { FastConnection, type FastLane } from './fast/fast-connection.ts';
import { type Peer, plainAddress, type TrustedNetworks } from './forwarded.ts';
import { Http2Connection, type ServeStream } from './http2-door.ts';
import type { Problem } from './problem.ts';
import { METHOD_REFUSED } from './request-guard.ts';

export interface ListenerHandlers {
  readonly request: Serve;
  /** Absent: every request is read by `node:http`. */
  readonly fast?: Pick<FastLane, 'guard' | 'serve'>;
  /** Requests of HTTP/2, which comes over TLS alone. */
  readonly stream: ServeStream;
  /** A WebSocket handshake; the socket is the handler's from now on. */
  upgrade(connection: Connection, request: IncomingMessage, socket: Socket, first: Buffer): void;
}

export interface ListenerOptions {
  readonly address: Address;
  readonly limits: LimitSettings;
  readonly networks: TrustedNetworks;
  readonly clock: Clock;
  readonly log: Log;
  /** Absent: clients speak plain HTTP. */
  readonly tls?: ServerTlsSettings;
  /** Connections from trusted networks begin with a PROXY header. */
  readonly proxyProtocol: boolean;
  /** False: upgrades other than WebSocket are handed back as plain requests, as Node before 24.9 needs it. Default true. */
  readonly upgradeCallback?: boolean;
}

/** Connections whose head is late are looked for this often; Node's 30 s would make the limit meaningless. */
const CHECK_INTERVAL_MS = 1_000;

/** The server towards clients: one request at a time per connection, strict parsing, and a drain that loses nothing. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #handlers: ListenerHandlers;
  /** Takes the connections: `#server` itself where nothing comes before `node:http`, neither a header, a handshake nor the fast lane. */
  readonly #front: net.Server;
  readonly #server: http.Server;
  readonly #entrance: Entrance | undefined;
  readonly #lane: { readonly whole: FastLane; readonly keepAliveLines: string } | undefined;
  readonly #connections = new Map<Socket, Connection>();
  /** Those of them whose requests have all been plain ones. */
  readonly #fast = new Map<Socket, FastConnection>();
  /** Those of them that speak HTTP/2. */
  readonly #http2 = new Map<Socket, Http2Connection>();
  #sweep: Timer | undefined;
  /** From listening until the last connection is gone. */
  #isOpen = false;
  isDraining = false;

  constructor(options: ListenerOptions, handlers: ListenerHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#server = this.#createServer();
    const { tls, proxyProtocol } = options;
    this.#lane = handlers.fast === undefined ? undefined : this.#laneOf(handlers.fast);
    const hasEntrance = tls !== undefined || proxyProtocol;
    this.#entrance = hasEntrance ? new Entrance(options, (socket, peer) => this.#begin(socket, peer)) : undefined;
    this.#front = hasEntrance || this.#lane !== undefined ? this.#createFront() : this.#server;
    this.#front.maxConnections = options.limits.connections;
  }

  get connections(): ReadonlyMap<Socket, Connection> {
    return this.#connections;
  }

  /** Nobody is connected, nor on the way in. */
  get isEmpty(): boolean {
    return this.#connections.size === 0 && (this.#entrance?.pending ?? 0) === 0;
  }

  listen(): Promise<{ host: string; port: number }> {
    const { host, port } = this.#options.address;
    return new Promise((resolve, reject) => {
      const refused = (cause: Error): void =>
        reject(
          new CutoverError('LISTEN_FAILED', `Cannot listen on ${host}:${port}: ${cause.message}.`, {
            hint: 'Is another Cutover or another server running there? Choose another address with listen (--listen).',
            cause,
          }),
        );
      this.#front.once('error', refused);
      this.#front.listen(port, host, () => {
        this.#front.off('error', refused);
        this.#front.on('error', (error) => this.#options.log.error('listener.fault', { message: error.message }));
        this.#isOpen = true;
        if (this.#front !== this.#server) this.#startChecking();
        this.#front.once('close', () => {
          this.#isOpen = false;
        });
        const bound = this.#front.address();
        resolve({ host, port: typeof bound === 'object' && bound !== null ? bound.port : port });
      });
    });
  }

  /**
   * Accepts no new connections and keeps all there are.
   * `http.Server.close` would also close idle ones, and so race with the request a client is just sending on one of them.
   */
  stopListening(): void {
    this.isDraining = true;
    for (const connection of this.#http2.values()) connection.drain();
    if (this.#front.listening) net.Server.prototype.close.call(this.#front);
  }

  /** Cuts every connection; gives how many of them had a request in flight or a tunnel. */
  cutAll(): number {
    let cut = 0;
    this.#entrance?.cutAll();
    for (const [socket, connection] of this.#connections) {
      if (connection.isBusy) cut += 1;
      cut += this.#http2.get(socket)?.streams ?? 0;
      socket.destroy();
    }
    return cut;
  }

  /** Cuts what is left; resolves when the port is free and every connection is closed. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        // Ends the server's own interval; there is nothing else left.
        this.#server.close();
        this.#sweep?.cancel();
        this.#entrance?.close();
        resolve();
      };
      if (this.#isOpen) this.#front.once('close', done);
      else done();
      this.stopListening();
      this.cutAll();
    });
  }

  #createFront(): net.Server {
    return net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      if (this.#entrance === undefined) this.#begin(socket, this.#peerOf(socket));
      else this.#entrance.take(socket);
    });
  }

  /** The first request may come. Plain ones are read by the fast lane, those over TLS by `#server` (`emit('connection')` is its documented door). */
  #begin(socket: Socket, peer: Peer): void {
    const connection = this.#accept(socket, peer);
    if (socket instanceof TLSSocket && socket.alpnProtocol === 'h2') {
      this.#beginHttp2(socket, peer);
      return;
    }
    const lane = socket instanceof TLSSocket ? undefined : this.#lane;
    if (lane === undefined) this.#server.emit('connection', socket);
    else this.#fast.set(socket, new FastConnection(connection, lane.whole, lane.keepAliveLines));
  }

  #beginHttp2(socket: TLSSocket, peer: Peer): void {
    const { limits, log } = this.#options;
    const connection = new Http2Connection(socket, peer, { limits, log, serve: this.#handlers.stream });
    this.#http2.set(socket, connection);
    socket.once('close', () => this.#http2.delete(socket));
    if (this.isDraining) connection.drain();
  }

  #laneOf(lane: Pick<FastLane, 'guard' | 'serve'>): { readonly whole: FastLane; readonly keepAliveLines: string } {
    const { limits, clock } = this.#options;
    const seconds = Math.floor(limits.keepAliveTimeoutMs / 1_000);
    const whole: FastLane = {
      limits,
      clock,
      guard: lane.guard,
      serve: lane.serve,
      handOver: (socket, bytes) => this.#handOver(socket, bytes),
    };
    return { whole, keepAliveLines: `Connection: keep-alive\r\nKeep-Alive: timeout=${seconds}\r\n` };
  }

  #handOver(socket: Socket, bytes: Buffer): void {
    this.#fast.delete(socket);
    socket.pause();
    socket.unshift(bytes);
    this.#server.emit('connection', socket);
    socket.resume();
  }

  #startChecking(): void {
    // It does not listen itself, and its check for late heads begins with this event.
    this.#server.emit('listening');
    const { clock } = this.#options;
    const look = (): void => {
      const now = clock.monotonic();
      for (const connection of this.#fast.values()) connection.expire(now);
      this.#sweep = clock.after(CHECK_INTERVAL_MS, look);
    };
    this.#sweep = clock.after(CHECK_INTERVAL_MS, look);
  }

  #createServer(): http.Server {
    const { limits } = this.#options;
    const useCallback = this.#options.upgradeCallback ?? true;
    const server = http.createServer({
      maxHeaderSize: limits.headBytes,
      headersTimeout: limits.headTimeoutMs,
      requestTimeout: 0, // uploads may take long; a stalled one is ended by `bodyIdleTimeoutMs`
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      requireHostHeader: false, // the guard asks for it, and answers in our own form
      insecureHTTPParser: false,
      ...(useCallback ? { shouldUpgradeCallback: (request: IncomingMessage) => this.#comesAsUpgrade(request) } : {}),
    });
    server.maxHeadersCount = 0; // Node would drop headers beyond its limit in silence; the guard counts and refuses
    server.on('connection', (socket) => this.#accept(socket));
    const take = (request: IncomingMessage, response: ServerResponse): void => this.#take(request, response);
    server.on('request', take);
    server.on('checkContinue', take);
    server.on('checkExpectation', take);
    server.on('clientError', (error, socket) => this.#inputBroken(error, socket as Socket)); // we listen on TCP only
    server.on('connect', (_request, socket) => this.#accept(socket as Socket).inputBroken(METHOD_REFUSED));
    server.on('upgrade', (request, socket, first) => this.#upgrade(request, socket as Socket, first));
    return server;
  }

  /** @param peer Absent: who is at the other end of the socket. */
  #accept(socket: Socket, peer = this.#peerOf(socket)): Connection {
    const known = this.#connections.get(socket);
    if (known !== undefined) return known;
    const connection = new Connection(socket, peer, this);
    this.#connections.set(socket, connection);
    // Node takes its own listener away from a connection that turns into a tunnel, while an answer may still be on its way:
    // a client that leaves then must not end the process. The socket destroys itself.
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#connections.delete(socket);
      this.#fast.get(socket)?.gone();
      this.#fast.delete(socket);
      connection.gone();
    });
    return connection;
  }

  #peerOf(socket: Socket): Peer {
    const address = plainAddress(socket.remoteAddress);
    const trusted = this.#options.networks.includes(address);
    return { address, trusted, localPort: String(socket.localPort ?? ''), proto: 'http' };
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#accept(request.socket);
    // Node drops what came in one piece with the head of such a request, and reads on with the next piece: nothing behind
    // it may be taken for a request.
    const isLast = isBareUpgrade(request) && this.#options.upgradeCallback !== false;
    connection.enqueue({ request, response, isLast }, this.#handlers.request);
  }

  /**
   * WebSockets, and other upgrades without a body, which then go back to the parser as plain requests with all that is
   * behind them. Behind a request that is being served that is not possible: there they are served, and are the last.
   */
  #comesAsUpgrade(request: IncomingMessage): boolean {
    return isWebSocketOffer(request) || (isBareUpgrade(request) && !this.#accept(request.socket).isBusy);
  }

  #inputBroken(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined || socket.destroyed || !socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    connection.inputBroken(problemOf(error.code));
  }

  #upgrade(request: IncomingMessage, socket: Socket, first: Buffer): void {
    const connection = this.#accept(socket);
    // Pipelined behind a request that is being served: nobody honest does it, and the two answers would mix.
    if (connection.isBusy) {
      connection.inputBroken(problemOf(undefined));
      return;
    }
    if (!isWebSocketOffer(request)) {
      this.#reinject(request, socket, first);
      return;
    }
    connection.tunnel();
    this.#handlers.upgrade(connection, request, socket, first);
  }

  /** F2: before Node 24.9 every `Upgrade` comes here. The head goes back to the parser without it, and is served as a plain request. */
  #reinject(request: IncomingMessage, socket: Socket, first: Buffer): void {
    let head = `${request.method} ${request.url} HTTP/${request.httpVersion}\r\n`;
    const raw = request.rawHeaders;
    for (let at = 0; at + 1 < raw.length; at += 2) {
      const name = (raw[at] as string).toLowerCase(); // the bounds were checked
      if (name !== 'upgrade' && name !== 'http2-settings') head += `${raw[at]}: ${raw[at + 1]}\r\n`;
    }
    socket.unshift(Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), first]));
    this.#server.emit('connection', socket);
  }
}

function problemOf(code: string | undefined): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, code: 'REQUEST_REFUSED', detail: 'The request head is too large.' };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, code: 'REQUEST_REFUSED', detail: 'The request head did not arrive in time.' };
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { status: 413, code: 'REQUEST_REFUSED', detail: 'The chunk extensions are too large.' };
    default:
      return { status: 400, code: 'REQUEST_REFUSED', detail: 'The request is not well-formed HTTP/1.1.' };
  }
}

/** An upgrade without a body, as `node:http` sees one: whatever follows it is left to us. */
function isBareUpgrade({ headers }: IncomingMessage): boolean {
  return (
    headers.upgrade !== undefined &&
    /(?:^|,)\s*upgrade\s*(?:,|$)/i.test(headers.connection ?? '') &&
    headers['transfer-encoding'] === undefined &&
    (headers['content-length'] ?? '0') === '0'
  );
}

/** What may become a tunnel; everything else that says `Upgrade` is a plain request (RFC 9110 section 7.8 lets a server ignore it). */
function isWebSocketOffer(request: IncomingMessage): boolean {
  const { headers } = request;
  return (
    request.method === 'GET' &&
    request.httpVersion === '1.1' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['transfer-encoding'] === undefined &&
    (headers['content-length'] ?? '0') === '0'
  );
}

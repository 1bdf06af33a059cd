import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** How it treats requests; `answer` is 200 with the id of the request. */
export type Manner = 'answer' | 'hang' | 'status 500' | 'reset';

export interface Seen {
  readonly id: string;
  readonly method: string;
  readonly target: string;
  /** `performance.now()` when the head was there. */
  readonly at: number;
}

export interface UpstreamOptions {
  /** Gives the answer's body; default: `{"id": …}` of the request's `x-id`. */
  readonly respond?: (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;
}

/** A real HTTP server that counts what reaches it, can misbehave, and can be gone and back on the same port. */
export class TestUpstream {
  manner: Manner = 'answer';
  readonly seen: Seen[] = [];
  readonly #side: string;
  readonly #options: UpstreamOptions;
  readonly #sockets = new Set<Socket>();
  #server: http.Server;
  port = 0;

  private constructor(side: string, options: UpstreamOptions) {
    this.#side = side;
    this.#options = options;
    this.#server = this.#create();
  }

  /** Listens on a free port until the test ends. */
  static async start(side: string, options: UpstreamOptions = {}): Promise<TestUpstream> {
    const upstream = new TestUpstream(side, options);
    await upstream.#listen(0);
    onTestFinished(() => upstream.vanish());
    return upstream;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Connections open now. */
  get open(): number {
    return this.#sockets.size;
  }

  /** How often each id came, for requests that pass `filter`. */
  timesSeen(filter: (seen: Seen) => boolean): Map<string, number> {
    const times = new Map<string, number>();
    for (const one of this.seen) if (filter(one)) times.set(one.id, (times.get(one.id) ?? 0) + 1);
    return times;
  }

  /** As if killed: connections are reset, new ones refused. */
  async vanish(): Promise<void> {
    const server = this.#server;
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }

  async comeBack(): Promise<void> {
    this.#server = this.#create();
    await this.#listen(this.port);
  }

  #create(): http.Server {
    const server = http.createServer({ keepAliveTimeout: 120_000 }, (request, response) =>
      this.#take(request, response),
    );
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    return server;
  }

  async #listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => resolve());
    });
    this.port = (this.#server.address() as AddressInfo).port; // a TCP server that listens has one
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const id = String(request.headers['x-id'] ?? '');
    this.seen.push({ id, method: request.method ?? '', target: request.url ?? '', at: performance.now() });
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    if (this.manner === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (this.manner === 'hang') return;
      response.setHeader('x-side', this.#side);
      if (this.manner === 'status 500') response.writeHead(500).end('broken');
      else if (this.#options.respond !== undefined) this.#options.respond(request, response, Buffer.concat(chunks));
      else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id }));
    });
  }
}

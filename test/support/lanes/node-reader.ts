import http from 'node:http';
import { Duplex } from 'node:stream';

/** A request as a reader understood it. */
export interface Understood {
  readonly method: string;
  readonly target: string;
  readonly rawHeaders: readonly string[];
  body: Buffer;
  readonly isComplete: boolean;
}

/** What Node's own parser makes of a connection's bytes. */
export interface NodeReading {
  readonly requests: readonly Understood[];
  /** Code of the error at which it stopped; empty where there was none. */
  readonly error: string;
}

/** Node's parser with the limits of a proxy, fed without sockets. */
export class NodeReader {
  readonly #server: http.Server;
  #requests: Understood[] = [];
  #error = '';

  constructor(headBytes: number) {
    this.#server = http.createServer({ maxHeaderSize: headBytes, requireHostHeader: false, insecureHTTPParser: false });
    this.#server.maxHeadersCount = 0;
    const take = (request: http.IncomingMessage, response: http.ServerResponse): void => this.#take(request, response);
    this.#server.on('request', take);
    this.#server.on('checkContinue', take);
    this.#server.on('checkExpectation', take);
    this.#server.on('connect', (_request, socket) => socket.destroy());
    // The socket stays until the bodies before the error have been read.
    this.#server.on('clientError', (error: NodeJS.ErrnoException) => {
      this.#error ||= error.code ?? 'unknown';
    });
  }

  /** One connection at a time. */
  async read(bytes: Buffer): Promise<NodeReading> {
    this.#requests = [];
    this.#error = '';
    const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
    socket.on('error', () => undefined);
    this.#server.emit('connection', socket);
    socket.push(bytes);
    // Bodies come by streams, which need a few turns; the end then tells what is cut off.
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    const requests = this.#requests;
    const error = this.#error;
    socket.destroy();
    return { requests, error };
  }

  #take(request: http.IncomingMessage, response: http.ServerResponse): void {
    const understood: Understood = {
      method: request.method ?? '',
      target: request.url ?? '',
      rawHeaders: request.rawHeaders,
      body: Buffer.alloc(0),
      get isComplete() {
        return request.complete;
      },
    };
    this.#requests.push(understood);
    request.on('data', (chunk: Buffer) => {
      understood.body = Buffer.concat([understood.body, chunk]);
    });
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    response.end();
  }
}

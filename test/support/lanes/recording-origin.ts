import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { type RawServer, rawServer } from '../raw-server.ts';

/** A head as an upstream may be sent one: one line end, no blank where none belongs, no control bytes. */
const HEAD =
  /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [\x21-\x7e\x80-\xff]+ HTTP\/1\.1\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [\t\x20-\x7e\x80-\xff]*\r\n)+\r\n$/;

/** One request as it came over the wire. */
export interface Recorded {
  readonly head: string;
  /** Chunks of a chunked body joined. */
  readonly body: string;
  readonly trailers: string;
  /** Every byte of it. */
  readonly raw: string;
}

/**
 * A server of a few strict lines that writes down what reaches it, byte by byte, and answers in several ways.
 * Anything it cannot follow is malformed: nobody may forward it.
 */
export class RecordingOrigin {
  readonly #server: RawServer;
  requests: Recorded[] = [];
  malformed: string[] = [];

  private constructor(server: RawServer) {
    this.#server = server;
  }

  static async start(): Promise<RecordingOrigin> {
    let own: RecordingOrigin | undefined;
    const server = await rawServer((socket) => own?.serve(socket));
    own = new RecordingOrigin(server);
    return own;
  }

  get url(): string {
    return this.#server.url;
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  serve(socket: Socket): void {
    let text = '';
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      for (;;) {
        const taken = this.#take(text);
        if (taken === undefined) return;
        text = text.slice(taken.raw.length);
        this.requests.push(taken);
        this.#answer(socket, taken);
      }
    });
  }

  #take(text: string): Recorded | undefined {
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const head = text.slice(0, end + 4);
    const lengths = [...head.matchAll(/\r\ncontent-length:([^\r]*)/gi)];
    const codings = [...head.matchAll(/\r\ntransfer-encoding:([^\r]*)/gi)];
    const isFramed = lengths.length + codings.length <= 1 && [...head.matchAll(/\r\nhost:/gi)].length === 1;
    if (!HEAD.test(head) || !isFramed) return this.#wrong(text);
    if (codings.length === 1) return this.#takeChunked(text, head);
    const length = Number(lengths[0]?.[1]?.trim() ?? 0);
    if (!Number.isSafeInteger(length) || length < 0) return this.#wrong(text);
    if (text.length < head.length + length) return undefined;
    const body = text.slice(head.length, head.length + length);
    return { head, body, trailers: '', raw: head + body };
  }

  #takeChunked(text: string, head: string): Recorded | undefined {
    let body = '';
    let at = head.length;
    for (;;) {
      const line = /^([0-9a-f]{1,8})\r\n/.exec(text.slice(at, at + 12));
      if (line === null) return text.length - at < 10 ? undefined : this.#wrong(text);
      const size = Number.parseInt(line[1] ?? '', 16);
      at += line[0].length;
      if (size === 0) break;
      if (text.length < at + size + 2) return undefined;
      body += text.slice(at, at + size);
      at += size + 2;
      if (text.slice(at - 2, at) !== '\r\n') return this.#wrong(text);
    }
    const trailers = /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [\t\x20-\x7e\x80-\xff]*\r\n)*\r\n/.exec(text.slice(at));
    if (trailers === null) return undefined;
    return { head, body, trailers: trailers[0], raw: text.slice(0, at + trailers[0].length) };
  }

  #wrong(text: string): undefined {
    this.malformed.push(text.slice(0, 500));
    return undefined;
  }

  /** In one of several ways, which the request alone decides. */
  #answer(socket: Socket, { head, body }: Recorded): void {
    const line = head.slice(0, head.indexOf(' HTTP/'));
    const digest = createHash('sha1').update(line).update(body).digest('hex');
    const isHead = line.startsWith('HEAD ');
    const echo = `<${digest}>`;
    const fields = 'X-Origin: recorder\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n';
    switch (Number.parseInt(digest.slice(0, 4), 16) % 10) {
      case 0:
        socket.write(`HTTP/1.1 204 No Content\r\n${fields}\r\n`);
        return;
      case 1:
        socket.write(`HTTP/1.1 200 OK\r\n${fields}Transfer-Encoding: chunked\r\n\r\n`);
        if (!isHead) socket.write(`${echo.length.toString(16)}\r\n${echo}\r\n3\r\nabc\r\n0\r\nX-Trailer: t\r\n\r\n`);
        return;
      case 2:
        socket.write(`HTTP/1.1 404 Not Found\r\n${fields}Connection: close\r\n\r\n${isHead ? '' : echo}`);
        socket.end();
        return;
      case 3:
        socket.write(
          `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n${fields}Content-Length: 0\r\n\r\n`,
        );
        return;
      case 4:
        socket.write(`HTTP/1.1 500 Internal Server Error\r\n${fields}Content-Length: 0\r\n\r\n`);
        return;
      case 5:
        socket.end('HTTP/1.1 no number\r\n\r\n');
        return;
      case 6:
        socket.end(`HTTP/1.1 200 OK\r\n${fields}Content-Length: 100\r\n\r\n${isHead ? '' : echo}`);
        return;
      default: {
        const filler = 'f'.repeat(Number.parseInt(digest.slice(4, 8), 16));
        const whole = isHead ? '' : `${echo}${filler}`;
        socket.write(`HTTP/1.1 200 OK\r\n${fields}Content-Length: ${echo.length + filler.length}\r\n\r\n${whole}`);
      }
    }
  }
}

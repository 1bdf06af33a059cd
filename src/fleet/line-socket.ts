import type { Duplex } from 'node:stream';

/** What waits to be sent beyond which the other end does not keep up. */
const MAX_WAITING_BYTES = 512 * 1_024 * 1_024;

export interface LineSocketOptions {
  readonly maxLineBytes: number;
  /** A line that is JSON; any other ends the connection. */
  readonly onMessage: (message: unknown) => void;
  /** Called once. */
  readonly onClose: (why: string) => void;
}

/** JSON objects, one a line, over one connection. */
export class LineSocket {
  readonly #socket: Duplex;
  readonly #options: LineSocketOptions;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #isClosed = false;

  constructor(socket: Duplex, options: LineSocketOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('data', (piece: Buffer) => this.#take(piece));
    socket.on('error', (error) => this.close(error.message));
    socket.on('close', () => this.close('closed by the other end'));
    socket.on('end', () => this.close('closed by the other end'));
  }

  send(message: object): void {
    this.sendLine(JSON.stringify(message));
  }

  /** One JSON text that several are sent is made once. */
  sendLine(line: string): void {
    if (this.#isClosed) return;
    this.#socket.write(`${line}\n`);
    if (this.#socket.writableLength > MAX_WAITING_BYTES) this.close('the other end does not keep up');
  }

  close(why: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.destroy();
    this.#options.onClose(why);
  }

  #take(piece: Buffer): void {
    let rest = piece;
    for (let end = rest.indexOf(10); end >= 0 && !this.#isClosed; end = rest.indexOf(10)) {
      const line = Buffer.concat([...this.#pieces, rest.subarray(0, end)]);
      this.#pieces = [];
      this.#bytes = 0;
      rest = rest.subarray(end + 1);
      this.#tell(line);
    }
    this.#bytes += rest.length;
    if (rest.length > 0) this.#pieces.push(rest);
    if (this.#bytes > this.#options.maxLineBytes) this.close('a line is too long');
  }

  #tell(line: Buffer): void {
    let message: unknown;
    try {
      message = JSON.parse(line.toString());
    } catch {
      this.close('a line is no JSON');
      return;
    }
    this.#options.onMessage(message);
  }
}

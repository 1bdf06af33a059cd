import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

export interface RawServer {
  readonly url: string;
  readonly port: number;
  /** Sockets accepted so far, in order. */
  readonly sockets: readonly Socket[];
  /** Sockets open now. */
  open(): number;
  close(): Promise<void>;
}

/** A TCP server on a free loopback port that does with each connection what the test says. */
export async function rawServer(onSocket: (socket: Socket, index: number) => void): Promise<RawServer> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    onSocket(socket, sockets.length - 1);
  });
  const port = await listening(server);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    sockets,
    open: () => sockets.filter((socket) => !socket.destroyed).length,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Listens on a free loopback port and gives it. */
export function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    // A TCP server's address is an AddressInfo.
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

/** Calls `onRequest` with each request head (and bodies of known length) that a raw connection brings. */
export function onRequests(socket: Socket, onRequest: (text: string, count: number) => unknown): void {
  let text = '';
  let count = 0;
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    for (;;) {
      const headEnd = text.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, headEnd + 2))?.[1] ?? 0);
      if (text.length < headEnd + 4 + length) return;
      const request = text.slice(0, headEnd + 4 + length);
      text = text.slice(request.length);
      count += 1;
      onRequest(request, count);
    }
  });
}

/** Waits until `condition` holds; fails after `withinMs`. */
export async function until(condition: () => boolean, withinMs = 5_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * The server behind every contender while it is measured: `node origin.ts BODY_BYTES`; prints `listening PORT`.
 * Raw sockets, so that it takes as little of the load's processor as may be. Understands what proxies send for GET and for
 * bodies of known length; answers with the end of the path, so that mixed-up answers are seen.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';

const size = Math.max(16, Number(process.argv[2] ?? '1024'));
const HEAD = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${size}\r\ncache-control: no-store\r\nx-origin: bench\r\n\r\n`,
);
const FILLER = Buffer.alloc(size, 'x');
const ID_BYTES = 15;

function answer(path: string): Buffer {
  const whole = Buffer.concat([HEAD, FILLER]);
  whole.write(`${path.slice(-ID_BYTES).padEnd(ID_BYTES)}\n`, HEAD.length, 'latin1');
  return whole;
}

/** Takes one request off the front of `text`; undefined where it is not all there. */
function takeRequest(text: string): { readonly path: string; readonly bytes: number } | undefined {
  const head = text.indexOf('\r\n\r\n');
  if (head < 0) return undefined;
  const fields = text.slice(0, head + 2);
  if (/\r\ntransfer-encoding:/i.test(fields)) throw new Error('a body without a length');
  const bytes = head + 4 + Number(/\r\ncontent-length: *(\d+)/i.exec(fields)?.[1] ?? 0);
  if (text.length < bytes) return undefined;
  const target = text.slice(text.indexOf(' ') + 1);
  return { path: target.slice(0, target.indexOf(' ')), bytes };
}

function serve(socket: Socket): void {
  let text = '';
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    for (;;) {
      const request = takeRequest(text);
      if (request === undefined) return;
      text = text.slice(request.bytes);
      socket.write(answer(request.path));
    }
  });
}

const server = createServer(serve);
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening ${(server.address() as AddressInfo).port}\n`); // a TCP server that listens has one
});
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();

/** The server behind every contender: `node origin.ts BODY_BYTES`; prints `listening PORT`. Echoes the path's id so that mixed-up answers are seen. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const size = Number(process.argv[2] ?? '1024');
const filler = 'x'.repeat(Math.max(0, size - 16));
const server = createServer((request, response) => {
  request.resume();
  const body = `${(request.url ?? '').slice(-15).padEnd(15)}\n${filler}`;
  response.writeHead(200, {
    'content-type': 'text/plain',
    'content-length': body.length,
    'cache-control': 'no-store',
    'x-origin': 'bench',
  });
  response.end(body);
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening ${(server.address() as AddressInfo).port}\n`); // a TCP server that listens has one
});
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();

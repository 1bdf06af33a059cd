/** The server behind a contender that has to prove itself: `node proof-origin.ts`; prints `listening PORT`. Its answers are in `proof.ts`. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** `size` bytes that say where they stand. */
function bytes(size: number): Buffer {
  const whole = Buffer.alloc(size);
  for (let at = 0; at < size; at += 1) whole[at] = 33 + ((at + Math.floor(at / 94)) % 94);
  return whole;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer); // no encoding is set
  return Buffer.concat(chunks);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://origin');
  const [, kind = '', size = '0'] = url.pathname.split('/');
  const body = await bodyOf(request);
  response.setHeader('x-origin', 'proof');
  response.setHeader(
    'x-saw',
    `${request.method} ${request.url} ${request.headers.host} ${request.headers['x-asked'] ?? ''}`,
  );
  response.setHeader('x-body', `${body.length} ${createHash('sha1').update(body).digest('hex')}`);
  if (kind === 'length') {
    response.setHeader('content-length', Number(size));
    response.end(bytes(Number(size)));
  } else if (kind === 'chunked') {
    const whole = bytes(Number(size));
    for (let at = 0; at < whole.length; at += 3_001) response.write(whole.subarray(at, at + 3_001));
    response.end();
  } else if (kind === 'until-close') {
    response.setHeader('connection', 'close');
    response.removeHeader('transfer-encoding');
    response.useChunkedEncodingByDefault = false;
    response.end(bytes(Number(size)));
  } else if (kind === 'status') {
    response.statusCode = Number(size);
    response.end(response.statusCode === 204 || response.statusCode === 304 ? undefined : `status ${size}`);
  } else if (kind === 'fields') {
    response.setHeader('set-cookie', ['a=1; Path=/', 'b=2; Path=/', 'a=3']);
    response.setHeader('x-empty', '');
    response.setHeader('x-long', 'v'.repeat(Number(size)));
    response.end('fields');
  } else {
    response.end('ok');
  }
}

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening ${(server.address() as AddressInfo).port}\n`); // a TCP server that listens has one
});
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();

/** One of the npm proxies as its documentation sets it up, with a keep-alive agent: `node npm-proxy.ts NAME ORIGIN_PORT`. */
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ForwarderOptions {
  readonly target: string;
  readonly agent: Agent;
  readonly xfwd: boolean;
}

/** What `npm/NAME.ts` exports as `forwarder(options)`. Where the origin fails the client gets a 502 or a broken connection. */
export interface Forwarder {
  web(request: IncomingMessage, response: ServerResponse): unknown;
}

const [name, origin] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 256 });
const made: { forwarder(options: ForwarderOptions): Forwarder | Promise<Forwarder> } = await import(`./npm/${name}.ts`);
const proxy = await made.forwarder({ target: `http://127.0.0.1:${origin}`, agent, xfwd: true });
const server = createServer((request, response) => {
  // Some give a promise, some nothing.
  void proxy.web(request, response);
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening ${(server.address() as AddressInfo).port}\n`); // a TCP server that listens has one
});
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();

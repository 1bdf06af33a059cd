import { createServer } from 'node:http';
import httpProxy from '@fastify/http-proxy';
import fastify, { type FastifyServerFactory } from 'fastify';
import type { Forwarder, ForwarderOptions } from '../npm-proxy.ts';

/** `@fastify/http-proxy` in a Fastify without logs; keeps its connections alive by undici. The server is ours, as for the others. */
export async function forwarder({ target }: ForwarderOptions): Promise<Forwarder> {
  const taken: { web?: Parameters<FastifyServerFactory>[0] } = {};
  const app = fastify({
    serverFactory: (handler) => {
      taken.web = handler;
      return createServer();
    },
  });
  await app.register(httpProxy, {
    upstream: target,
    // The others leave the name that the client asked for, which it would replace.
    replyOptions: { rewriteRequestHeaders: ({ headers: { host } }, headers) => ({ ...headers, host }) },
  });
  await app.ready();
  const { web } = taken;
  if (web === undefined) throw new Error('Fastify asked for no server');
  return { web };
}

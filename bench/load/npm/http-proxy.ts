import { ServerResponse } from 'node:http';
import httpProxy from 'http-proxy';
import type { Forwarder, ForwarderOptions } from '../npm-proxy.ts';

export function forwarder(options: ForwarderOptions): Forwarder {
  const proxy = httpProxy.createProxyServer(options);
  proxy.on('error', (_error, _request, response) => {
    if (response instanceof ServerResponse) response.writeHead(502).end();
  });
  return proxy;
}

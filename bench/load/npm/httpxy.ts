import { createProxyServer } from 'httpxy';
import type { Forwarder, ForwarderOptions } from '../npm-proxy.ts';

export function forwarder(options: ForwarderOptions): Forwarder {
  const proxy = createProxyServer(options);
  return {
    web: (request, response) =>
      proxy.web(request, response).catch(() => {
        if (response.headersSent) response.destroy();
        else response.writeHead(502).end();
      }),
  };
}

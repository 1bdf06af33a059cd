/** The package brings no types; this is what is used of it. */
declare module 'fast-proxy' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  function fastProxy(options: { readonly base: string }): {
    proxy(request: IncomingMessage, response: ServerResponse, url: string, options: object): void;
  };
  export = fastProxy;
}

/** The package brings no types; this is what is used of it. */
declare module 'fast-proxy' {
  import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

  function fastProxy(options: { readonly base: string }): {
    proxy(
      request: IncomingMessage,
      response: ServerResponse,
      url: string,
      options: {
        readonly rewriteRequestHeaders: (request: IncomingMessage, headers: IncomingHttpHeaders) => IncomingHttpHeaders;
      },
    ): void;
  };
  export = fastProxy;
}

import fastProxy from 'fast-proxy';
import type { Forwarder, ForwarderOptions } from '../npm-proxy.ts';

/** Answers 502 or 503 by itself where the origin fails; keeps its connections alive with an agent of its own. */
export function forwarder({ target }: ForwarderOptions): Forwarder {
  const { proxy } = fastProxy({ base: target });
  return {
    web: (request, response) =>
      proxy(request, response, request.url ?? '/', {
        // The others leave the name that the client asked for, which it would replace.
        rewriteRequestHeaders: ({ headers: { host } }, headers) => ({ ...headers, host }),
      }),
  };
}

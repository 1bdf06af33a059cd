import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { CutoverError } from '../core/errors.ts';

export interface StandbyOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** One sentence for whoever asks: who leads, and what keeps this one from it. */
  readonly why: () => string;
}

export interface Standby {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * What listens at the control API's address while another controller leads: it says so to everyone, and that it lives.
 * @throws CutoverError LISTEN_FAILED
 */
export async function listenStandby({ listen, why }: StandbyOptions): Promise<Standby> {
  const server = createServer((request, response) => {
    request.resume();
    const answer = (status: number, type: string, body: unknown): void => {
      response.writeHead(status, { 'content-type': type, connection: 'close' }).end(JSON.stringify(body));
    };
    const path = (request.url ?? '').split('?')[0];
    if (path === '/healthz') answer(200, 'application/json', { status: 'ok' });
    else if (path === '/readyz') answer(503, 'application/json', { ready: false, reasons: [why()] });
    else
      answer(503, 'application/problem+json', {
        type: 'urn:cutover:error:STORE_FENCED',
        title: 'This controller stands by.',
        status: 503,
        detail: why(),
        code: 'STORE_FENCED',
        hint: 'Ask the one that leads: --api names it. In an emergency every proxy can be rolled back at its own door.',
        id: randomBytes(8).toString('hex'),
      });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new CutoverError(
          'LISTEN_FAILED',
          `The control API cannot listen on ${listen.host}:${listen.port}: ${error.message}.`,
          {
            hint: 'Give another address: api.listen in the configuration.',
            cause: error,
          },
        ),
      ),
    );
    server.listen(listen.port, listen.host, resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : listen.port;
  return {
    url: `http://${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

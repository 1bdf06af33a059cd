import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { CutoverError } from '../core/errors.ts';
import type { Scope } from '../core/routing.ts';
import { hasToken } from './token.ts';

/** What is done at the door of a proxy. */
export interface DoorWork {
  /** Takes a scope back; gives the answer of the control API. Throws a CutoverError for a scope that is none. */
  readonly rollback: (scope: Scope, who: { readonly actor: string; readonly reason: string }) => Promise<unknown>;
  readonly look: () => unknown;
  readonly metrics: () => string;
  /** Empty: ready. */
  readonly notReady: () => readonly string[];
}

export interface DoorOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly token: string;
  readonly work: DoorWork;
}

export interface Door {
  readonly url: string;
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 64 * 1_024;
const ACTOR = /^(?:cli|api)(?::[\w.@+-]{1,64})?$/;

/**
 * A door of the proxy itself: for a rollback where no controller can be reached (I6), for probes and for metrics.
 * It takes the calls of the control API that make sense here: `cutover rollback --api URL` works.
 * @throws CutoverError LISTEN_FAILED
 */
export async function openDoor({ listen, token, work }: DoorOptions): Promise<Door> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
    void answer(request, { token, work }).then(
      (said) => {
        response.writeHead(said.status, { 'content-type': said.type, 'cache-control': 'no-store' });
        response.end(typeof said.body === 'string' ? said.body : JSON.stringify(said.body));
      },
      () => response.destroy(),
    );
  });
  server.maxConnections = 64;
  await listening(server, listen);
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

interface Said {
  readonly status: number;
  readonly type: string;
  readonly body: unknown;
}

const JSON_TYPE = 'application/json';

async function answer(
  request: IncomingMessage,
  { token, work }: { readonly token: string; readonly work: DoorWork },
): Promise<Said> {
  const path = (request.url ?? '').split('?')[0] ?? '';
  const route = `${request.method} ${path}`;
  if (route === 'GET /healthz') return { status: 200, type: JSON_TYPE, body: { status: 'ok' } };
  if (route === 'GET /readyz') {
    const reasons = work.notReady();
    return {
      status: reasons.length === 0 ? 200 : 503,
      type: JSON_TYPE,
      body: { ready: reasons.length === 0, reasons },
    };
  }
  if (route === 'GET /metrics')
    return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: work.metrics() };
  // Whatever page a browser shows: nothing here may be called from another one.
  if (request.headers.origin !== undefined) return problem(403, 'FORBIDDEN', 'This door is not for browsers.');
  if (!hasToken(request.headers.authorization, token)) return problem(401, 'UNAUTHORIZED', 'The token is wrong.');
  try {
    if (route === 'GET /api/v1/fleet') return { status: 200, type: JSON_TYPE, body: work.look() };
    if (route === 'POST /api/v1/rollback') return { status: 200, type: JSON_TYPE, body: await rollback(request, work) };
  } catch (error) {
    if (error instanceof CutoverError) return problem(400, error.code, error.message, error.hint);
    return problem(500, 'FAULT', 'The proxy could not answer this; it is a fault of its own.');
  }
  return problem(
    404,
    'NOT_FOUND',
    `There is no ${route.slice(0, 200)} at the door of a proxy.`,
    "It takes rollbacks, and tells what it obeys (GET /api/v1/fleet); everything else is the controller's.",
  );
}

async function rollback(request: IncomingMessage, work: DoorWork): Promise<unknown> {
  const given = await readJson(request);
  const { scope = {}, reason = '' } = given as { scope?: unknown; reason?: unknown };
  if (typeof reason !== 'string' || reason.length > 500)
    throw new CutoverError('INPUT_INVALID', 'The reason is no text of at most 500 characters.');
  const named = String(request.headers['cutover-actor'] ?? '');
  return work.rollback(readScope(scope), { actor: ACTOR.test(named) ? named : 'api', reason });
}

/** Names are taken as they are: one that was never seen takes nothing back, and a rollback must not fail for it. */
function readScope(given: unknown): Scope {
  const isScope =
    typeof given === 'object' &&
    given !== null &&
    Object.entries(given).every(
      ([key, value]) =>
        ['tenant', 'endpoint', 'cohort'].includes(key) &&
        typeof value === 'string' &&
        value.length > 0 &&
        value.length <= 2_048,
    );
  if (isScope) return given as Scope; // looked at just now
  throw new CutoverError('INPUT_INVALID', 'The scope is none.', {
    hint: 'Give tenant, endpoint or cohort as texts, or nothing for everything.',
  });
}

async function readJson(request: IncomingMessage): Promise<object> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request) {
    bytes += (piece as Buffer).length;
    if (bytes > MAX_BODY_BYTES) throw new CutoverError('INPUT_INVALID', 'The body is larger than 64 KiB.');
    pieces.push(piece as Buffer);
  }
  try {
    const value: unknown = JSON.parse(bytes === 0 ? '{}' : Buffer.concat(pieces).toString());
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Told below, like anything else that is no object.
  }
  throw new CutoverError('INPUT_INVALID', 'The body is no JSON object.');
}

function problem(status: number, code: string, detail: string, hint?: string): Said {
  const id = randomBytes(8).toString('hex');
  const type = `urn:cutover:error:${code}`;
  return {
    status,
    type: 'application/problem+json',
    body: { type, title: detail, status, detail, code, ...(hint === undefined ? {} : { hint }), id },
  };
}

async function listening(server: Server, listen: DoorOptions['listen']): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new CutoverError(
          'LISTEN_FAILED',
          `The door of the proxy cannot listen on ${listen.host}:${listen.port}: ${error.message}.`,
          {
            hint: 'Give another address: --door HOST:PORT.',
            cause: error,
          },
        ),
      ),
    );
    server.listen(listen.port, listen.host, resolve);
  });
}

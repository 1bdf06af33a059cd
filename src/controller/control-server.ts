import { createServer, type Server } from 'node:http';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import { Hono } from 'hono';
import { ROUTE_NAMES, ROUTES, type Route } from '../api/routes.ts';
import { CutoverError, isCutoverError } from '../core/errors.ts';
import type { Timer } from '../core/ports.ts';
import type { Events } from '../telemetry/events.ts';
import { actorOf, type HeaderOf, HostGuard, type SignedIn, TokenGuard } from './api-guard.ts';
import { type EventStream, openEventStream } from './event-stream.ts';
import { createHandlers, documentOf, type HandlerSources, viewSources } from './handlers.ts';
import { statusView } from './ledger-views.ts';
import { readPageFiles } from './page-files.ts';
import { ApiError, asApiError, invalidInput, problemOf } from './problems.ts';
import { RACE_HEADERS, RACE_PAGES, type RacePage } from './race.ts';

export interface ControlServerOptions extends HandlerSources {
  readonly listen: { readonly host: string; readonly port: number };
  /** More names the API answers to, besides loopback ones; without port. */
  readonly hosts: readonly string[];
  readonly token: string;
  /** Who has a token of their own; absent: nobody. */
  readonly people?: readonly SignedIn[];
  readonly events: Events;
  /** Folder of the built page; undefined or absent: a sentence says how to build it. */
  readonly dashboardDir?: string | undefined;
}

export interface ControlServer {
  /**
   * Begins to listen; gives the address.
   * @throws CutoverError LISTEN_FAILED
   */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** Ends event streams, lets other answers finish for a second, then closes. */
  close(): Promise<void>;
}

/** Bodies are a scope, a number and a reason. */
const MAX_BODY_BYTES = 64 * 1024;
const MAX_CONNECTIONS = 256;
const HEAD_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const CLOSE_MS = 1_000;
/** How often watchers get the status. */
const STATUS_MS = 2_000;

/** Nothing but the page's own files runs, loads or connects, but for the answers of a race in frames; nobody may frame it. */
const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
} as const;

type Env = { Bindings: HttpBindings; Variables: { actor: string } };

/** The control API and the page. Serving clients depends on none of it. */
export function createControlServer(options: ControlServerOptions): ControlServer {
  const streams = new Streams(options);
  const app = new Hono<Env>();
  const guards = {
    host: new HostGuard({ listenHost: options.listen.host, hosts: options.hosts }),
    token: new TokenGuard(options),
  };
  app.use('*', async (c, next) => {
    await next();
    const headers = isRacePage(c.req.path) ? { ...SECURITY_HEADERS, ...RACE_HEADERS } : SECURITY_HEADERS;
    for (const [name, value] of Object.entries(headers)) c.res.headers.set(name, value);
    if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store');
    options.events.apiAnswered(c.res.status);
  });
  app.use('*', async (c, next) => {
    c.set('actor', actorOf(headerOf(c), checkCaller(c, guards), options.people));
    await next();
  });
  addRoutes(app, options, streams);
  addRacePages(app, options);
  addPage(app, options.dashboardDir);
  const answerError = (error: unknown, c: Context<Env>): Response => problemResponse(error, c, options.events);
  app.notFound((c) => answerError(noSuchPath(c.req.path), c));
  app.onError((error, c) => answerError(error, c));
  return serverOf(app, options, streams);
}

/** Answers to any Host and Origin: probes call by address, and what they get tells nothing. */
const PROBES: readonly string[] = [ROUTES.healthz.path, ROUTES.readyz.path];
const OPEN_PATHS: ReadonlySet<string> = new Set(
  Object.values<Route>(ROUTES)
    .filter((route) => route.open)
    .map((route) => route.path),
);

/** Who signed in with a token of their own; undefined: nobody, or with that of the process. */
function checkCaller(
  c: Context<Env>,
  guards: { readonly host: HostGuard; readonly token: TokenGuard },
): string | undefined {
  const header = headerOf(c);
  const { path } = c.req;
  if (PROBES.includes(path)) return undefined;
  guards.host.checkHost(header);
  const isApi = path === '/api' || path.startsWith('/api/');
  // A link on another page may lead to this one; only what answers with data, or acts, is closed to other origins.
  if (isApi || OPEN_PATHS.has(path) || isRacePage(path) || !isRead(c)) guards.host.checkOrigin(header);
  return isApi ? guards.token.check(header, addressOf(c)) : undefined;
}

function isRacePage(path: string): boolean {
  return path.startsWith(RACE_PAGES);
}

function isRead(c: Context<Env>): boolean {
  return c.req.method === 'GET' || c.req.method === 'HEAD';
}

/** Headers as the connection brought them: what a guard looks at is what arrived. */
function headerOf(c: Context<Env>): HeaderOf {
  const { headers } = c.env.incoming;
  return (name) => {
    const value = headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  };
}

function addressOf(c: Context<Env>): string {
  return c.env.incoming.socket?.remoteAddress ?? 'unknown';
}

function addRoutes(app: Hono<Env>, options: ControlServerOptions, streams: Streams): void {
  const handlers = createHandlers(options);
  const methods = new Map<string, string[]>();
  // Made before anything is served: it takes some 30 ms, in which no request would be answered.
  const document = JSON.stringify(documentOf(options));
  for (const name of ROUTE_NAMES) {
    const route: Route = ROUTES[name];
    const path = route.path.replace(/\{(\w+)\}/g, ':$1');
    methods.set(path, [...(methods.get(path) ?? []), route.method]);
    if (name === 'events') app.get(path, (c) => streams.answer(c));
    else if (name === 'metrics') app.get(path, (c) => c.body(options.registry.render(), 200, METRICS_TYPE));
    else if (name === 'openapi') app.get(path, (c) => c.body(document, 200, { 'content-type': 'application/json' }));
    else {
      // The checks of `callOf` make what this very route's handler takes; the table ties both to one name.
      const handler = handlers[name] as (call: unknown) => unknown;
      app.on(route.method, path, async (c) => respond(c, route, await handler(await callOf(c, route))));
    }
  }
  for (const [path, allowed] of methods) app.all(path, () => wrongMethod(allowed));
}

const METRICS_TYPE = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' };

function wrongMethod(allowed: readonly string[]): never {
  throw new ApiError('INPUT_INVALID', `This path takes ${allowed.join(' and ')} only.`, {
    status: 405,
    hint: 'The OpenAPI document lists every route.',
    headers: { allow: allowed.join(', ') },
  });
}

function noSuchPath(path: string): ApiError {
  return new ApiError('NOT_FOUND', `There is nothing at ${path.slice(0, 200)}.`, {
    hint: 'The API lies under /api/v1; /api/v1/openapi.json lists every route.',
  });
}

async function callOf(c: Context<Env>, route: Route): Promise<unknown> {
  return {
    params: checked('path', route.params, c.req.param()),
    query: checked('query', route.query, c.req.query()),
    body:
      route.body === undefined
        ? undefined
        : checked('body', route.body, await readJson(c, route.bodyBytes ?? MAX_BODY_BYTES)),
    actor: c.get('actor'),
  };
}

function checked(place: string, type: Route['body'], value: unknown): unknown {
  if (type === undefined) return undefined;
  const result = type.safeParse(value);
  if (!result.success) throw invalidInput(place, result.error);
  return result.data;
}

async function readJson(c: Context<Env>, maxBytes: number): Promise<unknown> {
  if (c.req.method === 'DELETE' && hasNoBody(c)) return {};
  const type = c.req.header('content-type') ?? '';
  if (!/^application\/json(?:\s*;|\s*$)/i.test(type)) {
    throw new ApiError('INPUT_INVALID', 'The body must be JSON.', {
      status: 415,
      hint: 'Send `Content-Type: application/json`, and `{}` where there is nothing to say.',
    });
  }
  const text = await readText(c.req.raw, maxBytes).catch((error: unknown) => {
    if (isCutoverError(error) || c.env.incoming.complete) throw error;
    // The client went away: nobody reads this answer, but it must not be counted as a fault of ours.
    throw new ApiError('INPUT_INVALID', 'The connection ended within the body.', { cause: error });
  });
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError('INPUT_INVALID', 'The body is not well-formed JSON.', { hint: 'Check quotes and commas.' });
  }
}

/** RFC 9112, section 6.3: a request without either field has no body. */
function hasNoBody(c: Context<Env>): boolean {
  const { headers } = c.env.incoming;
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
}

async function readText(request: Request, maxBytes: number): Promise<string> {
  if (request.body === null) return '';
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of request.body) {
    bytes += piece.byteLength;
    if (bytes > maxBytes) {
      throw new ApiError('INPUT_INVALID', `The body is larger than ${maxBytes / 1024} KiB.`, {
        status: 413,
        hint: 'Shorten the reason.',
        headers: { connection: 'close' },
      });
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function respond(c: Context<Env>, route: Route, value: unknown): Response {
  const isUnready = route.path === ROUTES.readyz.path && !(value as { ready: boolean }).ready; // of that route's type
  const next = nextOf(value);
  if (next !== undefined) {
    const address = new URL(c.req.url);
    address.searchParams.set('cursor', next);
    c.header('link', `<${address.pathname}${address.search}>; rel="next"`);
  }
  return c.body(JSON.stringify(value), isUnready ? 503 : route.status, { 'content-type': 'application/json' });
}

function nextOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('items' in value) || !('next' in value)) return undefined;
  return typeof value.next === 'string' ? value.next : undefined;
}

/** A frame sends no token: the ticket, which only the caller of the API was given, opens these. */
function addRacePages(app: Hono<Env>, { races }: ControlServerOptions): void {
  const path = `${RACE_PAGES}:ticket/:side{control|candidate}`;
  app.get(path, (c) => {
    const { ticket, side } = c.req.param();
    const page: RacePage | undefined = races.page(ticket, side === 'control' ? 'control' : 'candidate');
    if (page === undefined)
      throw new ApiError('NOT_FOUND', 'There is no such race, or no longer.', { hint: 'Race again.' });
    return c.body(page.bytes, 200, { 'content-type': page.type });
  });
  app.all(path, () => wrongMethod(['GET']));
}

function addPage(app: Hono<Env>, dir: string | undefined): void {
  const files = readPageFiles(dir);
  for (const [path, file] of files) {
    const cache = file.isHashed ? 'public, max-age=31536000, immutable' : 'no-cache';
    app.get(path, (c) => c.body(file.bytes, 200, { 'content-type': file.type, 'cache-control': cache }));
    app.all(path, () => wrongMethod(['GET']));
  }
  if (files.size > 0) return;
  const notBuilt =
    'The page was not built: `npm run build:dashboard` makes it. The API and the command line work without it.\n';
  app.get('/', (c) => c.text(notBuilt, 404));
}

function problemResponse(error: unknown, c: Context<Env>, events: Events): Response {
  const known = asApiError(error);
  const problem = problemOf(known);
  events.apiProblem({
    id: problem.id,
    method: c.req.method,
    path: c.req.path.slice(0, 500),
    status: known.status,
    code: known.code,
    ...(known.code === 'FAULT' ? { error: known.cause ?? known } : {}),
  });
  return new Response(JSON.stringify(problem), {
    status: known.status,
    headers: { ...known.headers, 'content-type': 'application/problem+json' },
  });
}

/** The event streams that are open, and the status they are told while there are any. */
class Streams {
  readonly #options: ControlServerOptions;
  readonly #open = new Set<EventStream>();
  #ticker: Timer | undefined;
  #status: { readonly at: number; readonly revision: number; readonly json: string } | undefined;
  #closed = false;

  constructor(options: ControlServerOptions) {
    this.#options = options;
  }

  answer(c: Context<Env>): Response {
    // A HEAD would open a stream that nobody reads, and so never ends.
    if (c.req.method !== 'GET') wrongMethod(['GET']);
    const { feed } = this.#options.controller;
    const lastEventId = headerOf(c)('last-event-id');
    const stream = this.#closed
      ? undefined
      : openEventStream({ feed, clock: this.#options.clock, lastEventId, status: () => this.#statusJson() });
    if (stream === undefined) {
      throw new ApiError('RATE_LIMITED', 'Too many watch the events already.', {
        hint: 'Close other pages, or ask for the status instead.',
        headers: { 'retry-after': '5' },
      });
    }
    this.#open.add(stream);
    c.env.outgoing.once('close', () => {
      this.#open.delete(stream);
      stream.end();
    });
    this.#tick();
    return c.body(stream.body, 200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
  }

  #tick(): void {
    if (this.#ticker !== undefined || this.#open.size === 0 || this.#closed) return;
    this.#ticker = this.#options.clock.after(STATUS_MS, () => {
      this.#ticker = undefined;
      this.#options.controller.feed.publish('status', undefined);
      this.#tick();
    });
  }

  /** One status for all watchers of a moment: made at most four times a second for each table. */
  #statusJson(): string {
    const sources = viewSources(this.#options);
    const { revision } = sources.table.data;
    const known = this.#status;
    if (known !== undefined && known.revision === revision && Math.abs(sources.now - known.at) < 250) return known.json;
    this.#status = { at: sources.now, revision, json: JSON.stringify(statusView(sources)) };
    return this.#status.json;
  }

  close(): void {
    this.#closed = true;
    this.#ticker?.cancel();
    for (const stream of this.#open) stream.end();
    this.#open.clear();
  }
}

function serverOf(app: Hono<Env>, options: ControlServerOptions, streams: Streams): ControlServer {
  const { listen, events, clock } = options;
  const listener = getRequestListener(app.fetch, {
    // The process is not ours alone: no global is replaced.
    overrideGlobalObjects: false,
    hostname: listen.host,
    errorHandler: (error) => unreadable(error, events),
  });
  const server = createServer(
    { headersTimeout: HEAD_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: 16 * 1024 },
    (incoming, outgoing) => void listener(incoming, outgoing),
  );
  server.maxConnections = MAX_CONNECTIONS;
  return {
    listen: () => startListening(server, listen),
    close: async () => {
      streams.close();
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const timer = clock.after(CLOSE_MS, () => server.closeAllConnections());
      await closed;
      timer.cancel();
    },
  };
}

/** A request that could not be made into one: a Host that is no name, for example. */
function unreadable(error: unknown, events: Events): Response {
  const refused = new ApiError('INPUT_INVALID', 'The request could not be read.', { cause: error });
  const problem = problemOf(refused);
  events.apiProblem({ id: problem.id, method: '', path: '', status: problem.status, code: refused.code });
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { ...SECURITY_HEADERS, 'cache-control': 'no-store', 'content-type': 'application/problem+json' },
  });
}

function startListening(
  server: Server,
  { host, port }: ControlServerOptions['listen'],
): Promise<{ host: string; port: number }> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new CutoverError('LISTEN_FAILED', `The control API cannot listen on ${host}:${port}: ${cause.message}.`, {
          hint: 'Is another Cutover running? Choose another address with api.listen.',
          cause,
        }),
      );
    });
    server.listen(port, host, () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new CutoverError('LISTEN_FAILED', 'No address.'));
      else resolve({ host: address.address, port: address.port });
    });
  });
}

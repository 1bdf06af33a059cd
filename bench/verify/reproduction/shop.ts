import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a side keeps of its visitors. Sides that serve together share one, as shops behind one database do. */
export interface Visits {
  readonly bySession: Map<string, Visit>;
}

interface Visit {
  readonly cart: string;
  readonly csrf: string;
  readonly cursor: string;
  readonly order: number;
}

export const BEARER = 'Bearer reader-4711-0815';

/** Answers by path; every one of them can be wrong in its own way. */
export type Bug = (body: Record<string, unknown>, n: number) => Record<string, unknown> | undefined;

/** Faults of the rewrite, one for each product number modulo their count; undefined: 404. */
export const BUGS: readonly Bug[] = [
  (body) => ({ ...body, total: Number(body['total']) + 1 }),
  (body) => ({ ...body, total: String(body['total']) }),
  ({ name: _, ...rest }) => rest,
  (body) => ({ ...body, note: null }),
  (body) => ({ ...body, name: String(body['name']).toUpperCase() }),
  (body) => ({ ...body, lines: [...(body['lines'] as unknown[])].reverse() }),
  (body) => ({ ...body, lines: (body['lines'] as unknown[]).slice(1) }),
  () => undefined,
  (body) => ({ ...body, at: '2001-02-03T04:05:06.000Z' }),
  (body) => ({ ...body, debug: true }),
  (body) => ({ ...body, paid: !body['paid'] }),
  (body) => ({ ...body, total: Math.round(Number(body['total']) * 10) / 10 + 0.001 }),
];

export interface ShopOptions {
  readonly visits: Visits;
  readonly isWrong: boolean;
}

export interface Shop {
  readonly url: string;
  close(): Promise<void>;
}

/** A shop with pages for everybody, for who is signed in, and for visits that begin with a server-made cookie and ids. */
export async function openShop(options: ShopOptions): Promise<Shop> {
  const server = createServer((request, response) => answer(request, response, options));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, // listens on TCP
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(request: IncomingMessage, response: ServerResponse, { visits, isWrong }: ShopOptions): void {
  const url = new URL(request.url ?? '/', 'http://shop.example');
  const [place = '', id = ''] = url.pathname.split('/').slice(1);
  if (place === 'begin') {
    begin(id, visits, response);
    return;
  }
  const [status, body] = pageOf(request, url, visits);
  const n = status === 200 ? Number(body['number']) : -1;
  const shown = isWrong && n >= 0 ? BUGS[n % BUGS.length]?.(body, n) : body;
  response.writeHead(shown === undefined ? 404 : status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(shown ?? { error: 'not found' }));
}

function pageOf(request: IncomingMessage, url: URL, visits: Visits): [status: number, body: Record<string, unknown>] {
  const [place = '', id = ''] = url.pathname.split('/').slice(1);
  if (place === 'products') return [200, thing(Number(id))];
  if (place === 'account')
    return request.headers.authorization === BEARER ? [200, thing(Number(id))] : [401, { error: 'sign in' }];
  const visit = visits.bySession.get(/(?:^|;\s*)sid=([^;]+)/.exec(request.headers.cookie ?? '')?.[1] ?? '');
  if (visit === undefined) return [401, { error: 'no session' }];
  const known: Readonly<Record<string, boolean>> = {
    carts: id === visit.cart,
    orders: id === String(visit.order),
    checkout: url.searchParams.get('form_key') === visit.csrf,
    list: url.searchParams.get('cursor') === visit.cursor,
    me: true,
  };
  if (known[place] !== true) return [403, { error: 'unknown here' }];
  const own = place === 'carts' ? { id: visit.cart } : place === 'orders' ? { id: visit.order } : {};
  return [200, { ...thing(Number(url.searchParams.get('kind') ?? 0)), ...own }];
}

/** A page or a document that begins a visit: a cookie, and ids in fields, links and forms. */
function begin(form: string, visits: Visits, response: ServerResponse): void {
  const sid = randomBytes(18).toString('base64url');
  const visit: Visit = {
    cart: randomUUID(),
    csrf: randomBytes(16).toString('hex'),
    cursor: randomBytes(12).toString('base64url'),
    order: 100_000 + visits.bySession.size,
  };
  visits.bySession.set(sid, visit);
  const isPage = form === 'page';
  response.writeHead(200, {
    'content-type': isPage ? 'text/html' : 'application/json',
    'set-cookie': `sid=${sid}; Path=/; HttpOnly`,
  });
  response.end(
    isPage
      ? `<!doctype html><title>Welcome</title><form action="/checkout"><input type="hidden" name="form_key" value="${visit.csrf}"></form><p><a href="/carts/${visit.cart}">cart</a> <a href="/orders/${visit.order}">order</a> <a href="/list?cursor=${visit.cursor}">more</a></p>`
      : JSON.stringify({
          cart: { id: visit.cart },
          formKey: visit.csrf,
          order: { id: visit.order },
          next: `/list?cursor=${visit.cursor}`,
        }),
  );
}

/** The same for the same number, but for what changes by itself. */
function thing(n: number): Record<string, unknown> {
  return {
    number: n,
    name: `Thing number ${n}`,
    total: 10 + n * 1.25,
    paid: n % 2 === 0,
    note: 'as ordered',
    lines: [1, 2, 3].map((line) => ({ sku: `S-${n}-${line}`, count: line })),
    trace: randomUUID(),
    at: new Date().toISOString(),
  };
}

import http from 'node:http';
import { Random } from '../random.ts';

/** How a shop names what it makes. */
export type IdStyle = 'uuid' | 'int' | 'nanoid';

export interface Shop {
  readonly url: string;
  /** Answers that held what belongs to somebody else: who got it, at which endpoint, and whose it is. */
  readonly mixedUp: readonly MixUp[];
  /** Values of all its sessions. */
  secrets(): readonly string[];
  /** From now on this share of what may be mixed up is. */
  mixUp(share: number): void;
  close(): Promise<void>;
}

export interface MixUp {
  readonly visitor: string;
  readonly endpoint: string;
  readonly owner: string;
}

interface Session {
  readonly id: string;
  csrf: string;
  user: string;
  readonly orders: Order[];
}

interface Order {
  readonly id: string;
  readonly invoice: string;
  readonly item: string;
  readonly total: number;
}

const WORD = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/**
 * A shop that keeps sessions, tokens against forgery, orders, invoices and cursors of its own: nothing it hands out means
 * anything to another shop. Two of them with different seeds answer alike but for the names they give.
 */
export async function startShop(seed: string, firstNumber: number): Promise<Shop> {
  const makes = new Maker(seed, firstNumber);
  const shop = new ShopServer(makes);
  const server = http.createServer((request, response) => void shop.serve(request, response));
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    mixedUp: shop.mixedUp,
    secrets: () => shop.secrets(),
    mixUp: (share) => {
      shop.mixShare = share;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

class Maker {
  readonly random: Random;
  #number: number;

  constructor(seed: string, firstNumber: number) {
    this.random = new Random('shop', seed);
    this.#number = firstNumber;
  }

  token(length: number): string {
    return this.random.text(WORD, length);
  }

  id(style: IdStyle): string {
    this.#number += 1;
    if (style === 'int') return String(this.#number);
    if (style === 'nanoid') return this.random.text(`${WORD}_-`, 21);
    const hex = this.random.text('0123456789abcdef', 32);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
  }
}

class ShopServer {
  mixShare = 0;
  readonly mixedUp: MixUp[] = [];
  readonly #makes: Maker;
  readonly #sessions = new Map<string, Session>();
  /** Where a reader of a list is: meaningless to anybody else. */
  readonly #cursors = new Map<string, number>();

  constructor(makes: Maker) {
    this.#makes = makes;
  }

  secrets(): string[] {
    return [...this.#sessions.keys()];
  }

  async serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const visit: Visit = {
      method: request.method ?? 'GET',
      url: new URL(request.url ?? '/', 'http://shop'),
      cookie: /(?:^|;\s*)sid=([^;]*)/.exec(request.headers.cookie ?? '')?.[1] ?? '',
      csrf: String(request.headers['x-csrf-token'] ?? ''),
      visitor: String(request.headers['x-visitor'] ?? ''),
      body: Buffer.concat(chunks).toString(),
      response,
    };
    this.#route(visit);
  }

  #route(visit: Visit): http.ServerResponse {
    const { method, url } = visit;
    const [, first = '', second = ''] = url.pathname.split('/');
    if (method === 'GET' && first === '') return this.#front(visit);
    if (method === 'POST' && first === 'login') return this.#login(visit);
    const session = this.#sessions.get(visit.cookie);
    if (session === undefined || session.user === '') return send(visit, 401, { error: 'not logged in' });
    if (method === 'GET' && first === 'account') return this.#account(visit, session);
    if (method === 'POST' && first === 'orders') return this.#order(visit, session);
    if (method === 'GET' && first === 'orders' && second === '') return this.#list(visit, session);
    if (method === 'GET' && first === 'orders') return this.#show(visit, session, second);
    if (method === 'GET' && first === 'invoices') return this.#invoice(visit, session, second);
    return send(visit, 404, { error: 'no such page' });
  }

  #front(visit: Visit): http.ServerResponse {
    const session = this.#open('');
    return page(
      visit,
      `<form action="/login" method="post"><input type="hidden" name="csrf" value="${session.csrf}"><input name="user"></form>`,
      {
        'set-cookie': `sid=${session.id}; Path=/; HttpOnly`,
      },
    );
  }

  #login(visit: Visit): http.ServerResponse {
    const before = this.#sessions.get(visit.cookie);
    const form = new URLSearchParams(visit.body);
    if (before === undefined || form.get('csrf') !== before.csrf) return send(visit, 403, { error: 'forged' });
    this.#sessions.delete(before.id);
    const session = this.#open(form.get('user') ?? '');
    const given = this.#mixed(visit, 'POST /login', session) ?? session;
    return visit.response
      .writeHead(303, { location: '/account', 'set-cookie': `sid=${given.id}; Path=/; HttpOnly` })
      .end();
  }

  #account(visit: Visit, session: Session): http.ServerResponse {
    const links = session.orders.map(({ id, item }) => `<li><a href="/orders/${id}">${item}</a></li>`).join('');
    return page(
      visit,
      `<meta name="csrf-token" content="${session.csrf}"><h1>${session.user}</h1><ul>${links}</ul><a href="/orders?limit=2">all</a>`,
    );
  }

  #order(visit: Visit, session: Session): http.ServerResponse {
    if (visit.csrf !== session.csrf) return send(visit, 403, { error: 'forged' });
    const asked = JSON.parse(visit.body) as { item: string; orderId?: string | number }; // the bench's own client
    const known =
      asked.orderId === undefined ? undefined : session.orders.find(({ id }) => id === String(asked.orderId));
    if (asked.orderId !== undefined && known === undefined) return send(visit, 422, { error: 'no such order' });
    const style = styleOf(session.user);
    const order: Order = {
      id: this.#makes.id(style),
      invoice: this.#makes.id('nanoid'),
      item: asked.item,
      total: asked.item.length * 100,
    };
    session.orders.push(order);
    return send(
      visit,
      201,
      { ...shown(order, style), copyOfId: known === undefined ? null : shownId(known.id, style) },
      { location: `/orders/${order.id}` },
    );
  }

  #list(visit: Visit, session: Session): http.ServerResponse {
    const cursor = visit.url.searchParams.get('cursor');
    const from = cursor === null ? 0 : this.#cursors.get(cursor);
    if (from === undefined) return send(visit, 400, { error: 'no such cursor' });
    const given = from > 0 ? session : (this.#mixed(visit, 'GET /orders', session) ?? session);
    const orders = given.orders.slice(from, from + 2).map((order) => shown(order, styleOf(given.user)));
    const next = session.orders.length > from + 2 ? this.#makes.token(24) : null;
    if (next !== null) this.#cursors.set(next, from + 2);
    return send(visit, 200, { orders, next });
  }

  #show(visit: Visit, session: Session, id: string): http.ServerResponse {
    const order = session.orders.find((one) => one.id === id);
    if (order === undefined) return send(visit, 404, { error: 'no such order' });
    const other = this.#mixed(visit, 'GET /orders/{id}', session);
    const given = other?.orders[0] ?? order;
    return send(visit, 200, { ...shown(given, styleOf(session.user)), customer: session.user });
  }

  #invoice(visit: Visit, session: Session, id: string): http.ServerResponse {
    const order = session.orders.find((one) => one.invoice === id);
    if (order === undefined) return send(visit, 404, { error: 'no such invoice' });
    const text = `Invoice ${order.invoice} for order #${order.id}.\n${order.item}: ${order.total}\n`;
    return visit.response.writeHead(200, { 'content-type': 'text/plain' }).end(text);
  }

  #open(user: string): Session {
    const session: Session = { id: this.#makes.token(32), csrf: this.#makes.token(32), user, orders: [] };
    this.#sessions.set(session.id, session);
    return session;
  }

  /** Somebody else with as many orders, where this answer is to be mixed up. */
  #mixed(visit: Visit, endpoint: string, session: Session): Session | undefined {
    if (this.mixShare === 0 || !this.#makes.random.chance(this.mixShare)) return undefined;
    const style = styleOf(session.user);
    const isAlike = (other: Session): boolean =>
      other !== session &&
      other.user !== '' &&
      styleOf(other.user) === style &&
      other.orders.length === session.orders.length;
    for (const other of [...this.#sessions.values()].reverse().slice(0, 400)) {
      if (!isAlike(other)) continue;
      this.mixedUp.push({ visitor: visit.visitor, endpoint, owner: other.user.replace('user', 'v') });
      return other;
    }
    return undefined;
  }
}

interface Visit {
  readonly method: string;
  readonly url: URL;
  readonly cookie: string;
  readonly csrf: string;
  readonly visitor: string;
  readonly body: string;
  readonly response: http.ServerResponse;
}

/** A third of the users each. */
export function styleOf(user: string): IdStyle {
  return (['uuid', 'int', 'nanoid'] as const)[Number(user.replace(/\D/g, '')) % 3] ?? 'uuid';
}

function shownId(id: string, style: IdStyle): string | number {
  return style === 'int' ? Number(id) : id;
}

function shown({ id, invoice, item, total }: Order, style: IdStyle) {
  return { id: shownId(id, style), item, total, invoice: `/invoices/${invoice}` };
}

function send(
  { response }: Visit,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): http.ServerResponse {
  return response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

function page({ response }: Visit, body: string, headers: Readonly<Record<string, string>> = {}): http.ServerResponse {
  const text = `<!doctype html><html><head><title>Shop</title></head><body>${body}</body></html>`;
  return response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...headers }).end(text);
}

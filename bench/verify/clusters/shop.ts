import type { EndpointId } from '../../../src/core/cell.ts';
import { Random } from '../random.ts';

/** What an endpoint answers, before it is written: a tree for JSON, a list of blocks for a page. */
export interface Draft {
  status: number;
  readonly headers: Map<string, string>;
  body: Json;
  page: Page | undefined;
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export interface Page {
  title: string;
  nav: string[];
  main: { tag: string; className: string; text: string }[];
  footer: string[];
}

export interface Place {
  readonly endpoint: EndpointId;
  /** What it is about: bugs name it. */
  readonly kind: string;
  readonly make: (n: number, random: Random) => Draft;
}

/** Noise of every answer: a clock, an id, a token, and how long it took. */
interface Now {
  readonly at: number;
  readonly random: Random;
}

function id(endpoint: string): EndpointId {
  return endpoint as EndpointId; // made here
}

function product(n: number): { [key: string]: Json } {
  const random = new Random('product', n);
  return {
    id: n,
    name: `${random.pick(['Red', 'Blue', 'Old', 'New'])} ${random.pick(['chair', 'table', 'lamp', 'shelf'])} ${n}`,
    price: random.integer(100, 99_900) / 100,
    description: n % 5 === 0 ? null : `It is made of ${random.pick(['wood', 'steel', 'glass'])} & lasts.`,
    available: n % 3 !== 0,
    tags: ['home', random.pick(['sale', 'new']), 'indoor'],
    createdAt: new Date(Date.UTC(2025, n % 12, 1 + (n % 28), n % 24, n % 60)).toISOString(),
    seller: { id: `s${n % 7}`, name: `Seller ${n % 7}`, rating: random.integer(10, 50) / 10 },
  };
}

function order(n: number): { [key: string]: Json } {
  const random = new Random('order', n);
  const lines = Array.from({ length: 1 + (n % 4) }, (_, i) => ({
    sku: `SKU-${n}-${i}`,
    quantity: 1 + (i % 3),
    price: 10 + i,
  }));
  return {
    id: n,
    status: random.pick(['open', 'paid', 'shipped']),
    total: lines.reduce((sum, line) => sum + line.quantity * line.price, 0),
    lines,
    customer: { id: n % 50, email: `c${n % 50}@example.com` },
    note: n % 2 === 0 ? '' : `Leave it at door ${n}`,
    placedAt: new Date(Date.UTC(2026, 1, 1 + (n % 28), n % 24)).toISOString(),
  };
}

function customer(n: number): { [key: string]: Json } {
  return {
    id: n,
    name: `Ann ${n}`,
    email: `c${n}@example.com`,
    vip: n % 4 === 0,
    phone: `+4930${100_000 + n}`,
    city: 'Berlin',
  };
}

function review(n: number): { [key: string]: Json } {
  return { id: n, stars: 1 + (n % 5), text: `Nice thing number ${n}, I would buy it again`, author: `Bob ${n % 9}` };
}

const range = (n: number, size: number): number[] => Array.from({ length: size }, (_, i) => n * size + i);

function json(body: Json): Draft {
  return { status: 200, headers: baseHeaders('application/json'), body, page: undefined };
}

function baseHeaders(type: string): Map<string, string> {
  return new Map([
    ['content-type', type],
    ['cache-control', 'private, max-age=60'],
    ['x-frame-options', 'DENY'],
    ['content-language', 'en'],
    ['vary', 'accept-encoding'],
  ]);
}

function page(title: string, main: Page['main']): Draft {
  const made = { title, nav: ['Home', 'Products', 'Cart'], main, footer: ['Imprint', 'Terms', 'Made in Berlin'] };
  return { status: 200, headers: baseHeaders('text/html; charset=utf-8'), body: null, page: made };
}

function block(tag: string, className: string, text: unknown): Page['main'][number] {
  return { tag, className, text: String(text) };
}

/** Eighteen endpoints of a shop: lists and single things, pages, and some that stand alone. */
export const PLACES: readonly Place[] = [
  {
    endpoint: id('GET /api/products'),
    kind: 'products',
    make: (n) => json({ items: range(n, 6).map(product), total: 600 }),
  },
  { endpoint: id('GET /api/products/{id}'), kind: 'product', make: (n) => json(product(n)) },
  { endpoint: id('GET /api/orders'), kind: 'orders', make: (n) => json({ items: range(n, 4).map(order), total: 400 }) },
  { endpoint: id('GET /api/orders/{id}'), kind: 'order', make: (n) => json(order(n)) },
  { endpoint: id('GET /api/customers'), kind: 'customers', make: (n) => json({ data: range(n, 5).map(customer) }) },
  { endpoint: id('GET /api/customers/{id}'), kind: 'customer', make: (n) => json(customer(n)) },
  { endpoint: id('GET /api/reviews'), kind: 'reviews', make: (n) => json(range(n, 5).map(review)) },
  { endpoint: id('GET /api/reviews/{id}'), kind: 'review', make: (n) => json(review(n)) },
  {
    endpoint: id('GET /api/cart'),
    kind: 'cart',
    make: (n) =>
      json({
        currency: 'EUR',
        items: range(n, 2).map((i) => ({ sku: `K${i}`, amount: i * 3 + 1 })),
        shipping: 4.9 + (n % 3),
      }),
  },
  {
    endpoint: id('GET /api/search'),
    kind: 'search',
    make: (n) =>
      json({
        query: `chair ${n}`,
        hits: range(n, 5).map((i) => ({ id: i, score: i / 7 })),
        facets: { color: ['red', 'blue'], size: ['s', 'm'] },
      }),
  },
  {
    endpoint: id('GET /api/settings'),
    kind: 'settings',
    make: () => json({ theme: 'dark', locale: 'en-GB', features: { wishlist: true, chat: false }, limit: 25 }),
  },
  {
    endpoint: id('GET /api/stores/{id}'),
    kind: 'store',
    make: (n) =>
      json({
        id: n,
        name: `Store ${n}`,
        opensAt: `2026-03-0${1 + (n % 9)}T08:00:00Z`,
        geo: { lat: 52 + n / 100, lon: 13 + n / 100 },
      }),
  },
  {
    endpoint: id('GET /api/shipments/{id}'),
    kind: 'shipment',
    make: (n) =>
      json({
        id: n,
        carrier: 'Post',
        events: range(n, 3).map((i) => ({ at: `2026-03-01T0${i % 9}:00:00Z`, what: 'moved' })),
        weight: 1000 + n,
      }),
  },
  {
    endpoint: id('GET /'),
    kind: 'home',
    make: (n) =>
      page('Welcome', [block('h1', 'hello', 'Welcome'), ...range(n, 3).map((i) => block('p', 'teaser', `Offer ${i}`))]),
  },
  {
    endpoint: id('GET /products/{id}'),
    kind: 'productPage',
    make: (n) =>
      page(`Product ${n}`, [
        block('h1', 'name', `Product ${n}`),
        block('p', 'price', `${n}.50`),
        block('p', 'stock', n % 2 === 0 ? 'in stock' : 'sold out'),
      ]),
  },
  {
    endpoint: id('GET /categories/{name}'),
    kind: 'category',
    make: (n) =>
      page(`Category ${n}`, [
        block('h1', 'name', `Category ${n}`),
        ...range(n, 4).map((i) => block('p', 'entry', `Thing ${i}`)),
      ]),
  },
  {
    endpoint: id('GET /about'),
    kind: 'about',
    make: () => page('About us', [block('h1', 'name', 'About us'), block('p', 'story', 'We began in 1990.')]),
  },
  {
    endpoint: id('GET /help/{topic}'),
    kind: 'help',
    make: (n) => page(`Help ${n}`, [block('h1', 'name', `Help ${n}`), block('p', 'answer', `Ask us about ${n}.`)]),
  },
];

/** Writes an answer, with the noise that every answer of the shop has. */
export function written(
  draft: Draft,
  { at, random }: Now,
): { status: number; headers: [string, string][]; text: string } {
  const headers: [string, string][] = [...draft.headers];
  headers.push(['date', new Date(at).toUTCString()], ['x-request-id', uuid(random)]);
  if (draft.page !== undefined) return { status: draft.status, headers, text: html(draft.page, random) };
  const isObject = draft.body !== null && typeof draft.body === 'object' && !Array.isArray(draft.body);
  const body = isObject
    ? {
        ...(draft.body as { [key: string]: Json }),
        servedAt: new Date(at).toISOString(),
        trace: uuid(random),
        tookMs: random.integer(3, 900),
      } // checked above
    : draft.body;
  return { status: draft.status, headers, text: JSON.stringify(body) };
}

function html({ title, nav, main, footer }: Page, random: Random): string {
  const list = (texts: readonly string[]): string =>
    texts.map((text) => `<a href="/${text.toLowerCase()}">${text}</a>`).join('');
  const blocks = main.map(({ tag, className, text }) => `<${tag} class="${className}">${text}</${tag}>`).join('\n');
  return `<!doctype html><html><head><title>${title}</title><meta name="csrf" content="${random.text('0123456789abcdef', 32)}"></head>
<body><header><nav>${list(nav)}</nav></header><main>
${blocks}
</main><footer>${footer.map((text) => `<p>${text}</p>`).join('')}</footer></body></html>`;
}

function uuid(random: Random): string {
  const hex = (length: number): string => random.text('0123456789abcdef', length);
  return `${hex(8)}-${hex(4)}-4${hex(3)}-${random.pick(['8', '9', 'a', 'b'])}${hex(3)}-${hex(12)}`;
}

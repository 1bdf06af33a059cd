import type { Draft, Json, Page } from './shop.ts';

type Fields = { [key: string]: Json };

/** A mistake of the candidate. It changes the draft where it strikes, and leaves it where it does not. */
export interface Bug {
  readonly name: string;
  /** Kinds of places it strikes; `*`: all. */
  readonly at: readonly string[];
  /** Of how many requests it strikes, 0 to 1; absent: all. */
  readonly share?: number;
  /** It strikes only tenants whose number is divisible by this. */
  readonly everyTenant?: number;
  readonly strike: (draft: Draft) => void;
}

// What each casts to is what its places answer; see `shop.ts`.

/** Every object of an answer that could be the thing itself: the answer, its items, its rows. */
function things(body: Json): Fields[] {
  if (Array.isArray(body)) return body.flatMap(things);
  if (body === null || typeof body !== 'object') return [];
  const list = body['items'] ?? body['data'];
  return Array.isArray(list) ? things(list) : [body];
}

const each =
  (change: (thing: Fields) => void) =>
  ({ body }: Draft): void =>
    things(body).forEach(change);
const top =
  (change: (body: Fields) => void) =>
  ({ body }: Draft): void =>
    change(body as Fields); // used for objects only
const onPage =
  (change: (page: Page) => void) =>
  ({ page }: Draft): void => {
    if (page !== undefined) change(page);
  };
const text = (className: string, change: (text: string) => string) =>
  onPage((page) => {
    for (const one of page.main) if (one.className === className) one.text = change(one.text);
  });
const rename = (from: string, to: string) =>
  each((thing) => {
    const value = thing[from];
    if (value === undefined) return;
    delete thing[from];
    thing[to] = value;
  });

/** Thirty mistakes that rewrites make, some at one place, some at many. */
export const BUGS: readonly Bug[] = [
  {
    name: 'product price in cents',
    at: ['products', 'product'],
    strike: each((t) => (t['price'] = Math.round(Number(t['price']) * 100))),
  },
  {
    name: 'product description null is gone',
    at: ['products', 'product'],
    strike: each((t) => t['description'] === null && delete t['description']),
  },
  {
    name: 'product availability inverted',
    at: ['products', 'product'],
    share: 0.5,
    strike: each((t) => (t['available'] = t['available'] !== true)),
  },
  {
    name: 'product tags in another order',
    at: ['products', 'product'],
    strike: each((t) => Array.isArray(t['tags']) && t['tags'].reverse()),
  },
  {
    name: 'product time in local zone',
    at: ['products', 'product'],
    strike: each((t) => (t['createdAt'] = new Date(Date.parse(String(t['createdAt'])) + 7_200_000).toISOString())),
  },
  {
    name: 'seller rating as text',
    at: ['products', 'product'],
    strike: each((t) => ((t['seller'] as Fields)['rating'] = String((t['seller'] as Fields)['rating']))),
  },
  { name: 'order total renamed', at: ['orders', 'order'], strike: rename('total', 'sum') },
  {
    name: 'order lines lose their last',
    at: ['orders', 'order'],
    share: 0.3,
    strike: each((t) => Array.isArray(t['lines']) && t['lines'].length > 1 && t['lines'].pop()),
  },
  {
    name: 'order note empty becomes null',
    at: ['orders', 'order'],
    strike: each((t) => {
      if (t['note'] === '') t['note'] = null;
    }),
  },
  {
    name: 'order status upper case',
    at: ['orders', 'order'],
    strike: each((t) => (t['status'] = String(t['status']).toUpperCase())),
  },
  {
    name: 'order customer leaks a field',
    at: ['order', 'orders'],
    strike: each((t) => ((t['customer'] as Fields)['passwordHash'] = 'x1')),
  },
  {
    name: 'customer phone cut',
    at: ['customers', 'customer'],
    strike: each((t) => (t['phone'] = String(t['phone']).slice(0, -1))),
  },
  { name: 'customer vip always false', at: ['customers', 'customer'], strike: each((t) => (t['vip'] = false)) },
  {
    name: 'customer city wrong',
    at: ['customer', 'customers'],
    everyTenant: 3,
    strike: each((t) => (t['city'] = 'Bern')),
  },
  {
    name: 'review stars off by one',
    at: ['reviews', 'review'],
    strike: each((t) => (t['stars'] = Number(t['stars']) + 1)),
  },
  {
    name: 'review text escaped',
    at: ['review', 'reviews'],
    strike: each((t) => (t['author'] = `${String(t['author'])} &amp; Co`)),
  },
  {
    name: 'cart shipping rounded',
    at: ['cart'],
    strike: top((b) => (b['shipping'] = Math.round(Number(b['shipping'])))),
  },
  { name: 'cart currency wrong', at: ['cart'], everyTenant: 4, strike: top((b) => (b['currency'] = 'USD')) },
  { name: 'search facets gone', at: ['search'], strike: top((b) => delete b['facets']) },
  {
    name: 'search scores wrong',
    at: ['search'],
    strike: top((b) => {
      for (const hit of b['hits'] as Fields[]) hit['score'] = Number(hit['score']) + 0.5;
    }),
  },
  { name: 'settings limit wrong', at: ['settings'], strike: top((b) => (b['limit'] = 50)) },
  {
    name: 'store latitude other sign',
    at: ['store'],
    strike: top((b) => ((b['geo'] as Fields)['lat'] = -Number((b['geo'] as Fields)['lat']))),
  },
  { name: 'shipment not found', at: ['shipment'], share: 0.2, strike: (draft) => (draft.status = 404) },
  {
    name: 'shipment weight in grams',
    at: ['shipment'],
    strike: top((b) => (b['weight'] = Number(b['weight']) * 1000)),
  },
  { name: 'frame options missing everywhere', at: ['*'], strike: ({ headers }) => headers.delete('x-frame-options') },
  {
    name: 'language header wrong on pages',
    at: ['home', 'productPage', 'category', 'about', 'help'],
    strike: ({ headers }) => headers.set('content-language', 'de'),
  },
  {
    name: 'footer of last year on all pages',
    at: ['home', 'productPage', 'category', 'about', 'help'],
    strike: onPage((p) => (p.footer[2] = 'Made in Potsdam')),
  },
  {
    name: 'navigation lost an entry on all pages',
    at: ['home', 'productPage', 'category', 'about', 'help'],
    strike: onPage((p) => p.nav.pop()),
  },
  { name: 'page price without cents', at: ['productPage'], strike: text('price', (t) => t.replace('.50', '')) },
  { name: 'category loses its last entry', at: ['category'], share: 0.5, strike: onPage((p) => p.main.pop()) },
];

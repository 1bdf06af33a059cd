import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { Template } from '@huggingface/jinja';
import { ADAPTED_THEMES, ADAPTERS } from './adapted-themes.ts';
import { type Mistake, RELEASES, type Release, releaseNamed } from './releases.ts';
import { THEME_NAMES, THEMES, type Theme, type ThemeName } from './themes.ts';

/**
 * The rewrite: rendered by another engine, with a few joined queries a page, prepared once.
 * Routes are a table of functions that give a reply; one place writes it.
 * It changes its version while it runs; an answer is of the release its request found.
 */
interface Shop {
  readonly id: number;
  readonly name: string;
  readonly theme: ThemeName;
  readonly tagline: string;
  readonly currency: string;
}

interface Review {
  readonly author: string;
  readonly stars: number;
  readonly text: string;
  readonly ago: string;
}

interface Product {
  readonly id: number;
  readonly handle: string;
  readonly title: string;
  readonly description: string;
  readonly price: string;
  readonly cents: number;
  readonly stock: number;
  readonly available: boolean;
  readonly stocked: string;
  readonly tags: readonly string[];
  readonly reviews: readonly Review[];
}

interface Visit {
  readonly shop: Shop;
  readonly host: string;
  readonly url: URL;
  readonly cart: ReadonlyMap<number, number>;
  readonly body: string;
  readonly release: Release;
}

interface Reply {
  readonly status: number;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const html = (text: string): string => text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
const euros = (cents: number): string => `${Math.trunc(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;

function since(written: number): string {
  const hours = Math.trunc((Date.now() - written) / 3_600_000);
  const [count, unit] = hours < 24 ? [hours, 'hour'] : [Math.trunc(hours / 24), 'day'];
  if (count === 0) return 'just now';
  return `${count} ${unit}${count === 1 ? '' : 's'} ago`;
}

/** Everything the pages ask of the database. */
class Catalogue {
  private readonly database: DatabaseSync;
  private readonly shopByHost: StatementSync;
  private readonly navigation: StatementSync;
  private readonly image: StatementSync;
  private readonly newest: StatementSync;
  private readonly members: StatementSync;
  private readonly collection: StatementSync;
  private readonly idByHandle: StatementSync;
  private readonly search: StatementSync;
  private readonly first: StatementSync;
  private readonly anyFour: StatementSync;
  private readonly full: StatementSync;
  private readonly handles: StatementSync;

  constructor(file: string) {
    this.database = new DatabaseSync(file, { readOnly: true });
    const prepare = (sql: string): StatementSync => this.database.prepare(sql);
    this.shopByHost = prepare('SELECT id, name, theme, tagline, currency FROM shops WHERE host = ?');
    this.navigation = prepare('SELECT handle, title FROM collections WHERE shop = ? ORDER BY id');
    this.image = prepare('SELECT bytes FROM images WHERE product = ?');
    this.newest = prepare('SELECT id FROM products WHERE shop = ? ORDER BY added DESC, id LIMIT 8');
    this.collection = prepare('SELECT id, title FROM collections WHERE shop = ? AND handle = ?');
    this.members = prepare('SELECT product AS id FROM collection_products WHERE collection = ? ORDER BY position');
    this.idByHandle = prepare('SELECT id FROM products WHERE shop = ? AND handle = ?');
    this.search = prepare("SELECT id FROM products WHERE shop = ? AND title LIKE '%' || ? || '%' ORDER BY id LIMIT 20");
    this.first = prepare('SELECT id FROM products WHERE shop = ? ORDER BY id LIMIT ?');
    this.anyFour = prepare('SELECT id FROM products WHERE shop = ? ORDER BY random() LIMIT 4');
    this.handles = prepare('SELECT handle FROM products WHERE shop = ? ORDER BY id');
    this.full = prepare(`
      SELECT p.*,
        (SELECT json_group_array(tag) FROM (SELECT tag FROM product_tags WHERE product = p.id ORDER BY position)) AS tags,
        (SELECT json_group_array(json_object('author', author, 'stars', stars, 'text', text, 'written', written))
         FROM (SELECT * FROM reviews WHERE product = p.id ORDER BY id)) AS reviews
      FROM products p JOIN json_each(?) wanted ON wanted.value = p.id ORDER BY wanted.key`);
  }

  close(): void {
    this.database.close();
  }

  shop(host: string): Shop | undefined {
    return this.shopByHost.get(host) as Shop | undefined; // the columns named in the query
  }

  collections(shop: Shop): { handle: string; title: string }[] {
    return this.navigation.all(shop.id) as { handle: string; title: string }[]; // the columns named in the query
  }

  productImage(id: number): Uint8Array | undefined {
    return this.image.get(id)?.['bytes'] as Uint8Array | undefined; // a BLOB
  }

  collectionNamed(shop: Shop, handle: string): { id: number; title: string } | undefined {
    return this.collection.get(shop.id, handle) as { id: number; title: string } | undefined; // the columns named in the query
  }

  inCollection(id: number): Product[] {
    return this.load(this.members.all(id));
  }

  featured(shop: Shop): Product[] {
    return this.load(this.newest.all(shop.id));
  }

  picks(shop: Shop): Product[] {
    return this.load(this.anyFour.all(shop.id));
  }

  matching(shop: Shop, query: string): Product[] {
    return this.load(this.search.all(shop.id, query));
  }

  firstOf(shop: Shop, limit: number): Product[] {
    return this.load(this.first.all(shop.id, limit));
  }

  byHandle(shop: Shop, handle: string): Product | undefined {
    return this.load(this.idByHandle.all(shop.id, handle))[0];
  }

  byIds(ids: readonly number[]): Product[] {
    return this.load(ids.map((id) => ({ id })));
  }

  allHandles(shop: Shop): string[] {
    return this.handles.all(shop.id).map((row) => String(row['handle']));
  }

  private load(rows: readonly Record<string, unknown>[]): Product[] {
    const ids = JSON.stringify(rows.map((row) => row['id']));
    return this.full.all(ids).map((row) => ({
      id: Number(row['id']),
      handle: String(row['handle']),
      title: html(String(row['title'])),
      description: html(String(row['description'])),
      price: euros(Number(row['price'])),
      cents: Number(row['price']),
      stock: Number(row['stock']),
      available: Number(row['stock']) > 0,
      stocked: Number(row['stock']) > 0 ? 'yes' : 'no',
      tags: JSON.parse(String(row['tags'])) as string[], // made by json_group_array above
      reviews: (
        JSON.parse(String(row['reviews'])) as { author: string; stars: number; text: string; written: number }[]
      ).map((review) => ({
        author: html(review.author),
        stars: review.stars,
        text: html(review.text),
        ago: since(review.written),
      })),
    }));
  }
}

type Compiled = Readonly<Record<ThemeName, Readonly<Record<keyof Theme, Template>>>>;

function compile(themes: Readonly<Record<ThemeName, Theme>>): Compiled {
  return Object.fromEntries(
    THEME_NAMES.map((name) => [
      name,
      Object.fromEntries(Object.entries(themes[name]).map(([page, source]) => [page, new Template(source as string)])),
    ]),
  ) as Compiled; // the same keys as `themes`, mapped
}

const PLAIN = compile(THEMES);
const ADAPTED = compile(ADAPTED_THEMES);

function makes(visit: Visit, mistake: Mistake): boolean {
  return visit.release.mistakes.includes(mistake);
}

type Route = readonly [
  method: string,
  pattern: RegExp,
  reply: (catalogue: Catalogue, visit: Visit, part: string) => Reply,
];

const ROUTES: readonly Route[] = [
  [
    'GET',
    /^\/$/,
    (catalogue, visit) =>
      page(catalogue, visit, 'Home', 'index', {
        featured: catalogue.featured(visit.shop),
        picks: catalogue.picks(visit.shop),
      }),
  ],
  [
    'GET',
    /^\/collections\/([^/]+)$/,
    (catalogue, visit, handle) => {
      const found = catalogue.collectionNamed(visit.shop, handle);
      if (found === undefined) return notFound();
      return page(catalogue, visit, found.title, 'collection', {
        collection: found,
        products: catalogue.inCollection(found.id),
      });
    },
  ],
  [
    'GET',
    /^\/products\/([^/]+)$/,
    (catalogue, visit, handle) => {
      const product = catalogue.byHandle(visit.shop, handle);
      if (product === undefined) return notFound();
      if (!product.available && makes(visit, 'sold-out-fails')) return failed();
      const price = makes(visit, 'price-in-cents') ? `${product.cents}.00` : product.price;
      return page(catalogue, visit, product.title, 'product', {
        product: { ...product, price },
        picks: catalogue.picks(visit.shop),
      });
    },
  ],
  [
    'GET',
    /^\/search$/,
    (catalogue, visit) => {
      const started = performance.now();
      const query = visit.url.searchParams.get('q') ?? '';
      const found = catalogue.matching(visit.shop, query);
      const results = makes(visit, 'search-drops-last-result') ? found.slice(0, -1) : found;
      return page(catalogue, visit, 'Search', 'search', {
        results,
        query: html(query),
        seconds: ((performance.now() - started) / 1000).toFixed(4),
      });
    },
  ],
  [
    'GET',
    /^\/cart$/,
    (catalogue, visit) => {
      const lines = catalogue.byIds([...visit.cart.keys()]).map((product) => {
        const quantity = visit.cart.get(product.id) ?? 0;
        return { ...product, quantity, sum: euros(product.cents * quantity), total: product.cents * quantity };
      });
      const exact = lines.reduce((sum, line) => sum + line.total, 0);
      const total = makes(visit, 'cart-total-rounded') ? Math.round(exact / 10) * 10 : exact;
      return page(catalogue, visit, 'Cart', 'cart', { lines, total: euros(total) });
    },
  ],
  [
    'GET',
    /^\/images\/(\d+)\.png$/,
    (catalogue, _visit, id) => {
      const bytes = catalogue.productImage(Number(id));
      if (bytes === undefined) return { status: 404, type: 'text/plain', body: 'No image\n' };
      return { status: 200, type: 'image/png', headers: { 'cache-control': 'public, max-age=86400' }, body: bytes };
    },
  ],
  [
    'GET',
    /^\/sitemap\.xml$/,
    (catalogue, visit) => {
      const urls = catalogue
        .allHandles(visit.shop)
        .map((handle) => `  <url><loc>http://${visit.host}/products/${handle}</loc></url>`);
      return {
        status: 200,
        type: 'application/xml',
        body: [
          '<?xml version="1.0" encoding="UTF-8"?>',
          '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">',
          ...urls,
          '</urlset>',
          '',
        ].join('\n'),
      };
    },
  ],
  [
    'GET',
    /^\/api\/products$/,
    (catalogue, visit) => {
      const limit = Math.min(50, Number(visit.url.searchParams.get('limit') ?? '10') || 10);
      return json(200, {
        products: catalogue.firstOf(visit.shop, limit).map((product) => publicProduct(visit, product)),
        generated_at: new Date().toISOString(),
      });
    },
  ],
  [
    'GET',
    /^\/api\/products\/(\d+)$/,
    (catalogue, visit, id) => {
      const shopOf = Math.trunc(Number(id) / 1000);
      const product = shopOf === visit.shop.id ? catalogue.byIds([Number(id)])[0] : undefined;
      if (product === undefined) return json(404, { error: 'not_found' });
      return json(200, { product: publicProduct(visit, product), generated_at: new Date().toISOString() });
    },
  ],
  [
    'POST',
    /^\/cart\/add$/,
    (_catalogue, visit) => {
      const id = Number(new URLSearchParams(visit.body).get('id'));
      const lines = [...visit.cart].filter(([line]) => line !== id).slice(0, 9);
      const cart = [...lines, [id, 1]].map((line) => line.join('-')).join('.');
      return {
        status: 303,
        headers: { location: '/cart', 'set-cookie': `cart=${cart}; Path=/; HttpOnly; SameSite=Lax` },
      };
    },
  ],
  [
    'POST',
    /^\/checkout$/,
    () => ({ status: 303, headers: { location: '/', 'set-cookie': 'cart=; Path=/; Max-Age=0' } }),
  ],
];

function publicProduct(visit: Visit, product: Product): object {
  const { id, handle, title, price, available, tags } = product;
  if (!available && makes(visit, 'api-omits-unavailable')) return { id, handle, title, price, tags };
  return { id, handle, title, price, available, tags };
}

function json(status: number, value: object): Reply {
  return { status, type: 'application/json', body: JSON.stringify(value) };
}

function notFound(): Reply {
  return { status: 404, type: 'text/html; charset=utf-8', body: '<h1>Not found</h1>\n' };
}

function failed(): Reply {
  return { status: 500, type: 'text/plain', body: 'Something went wrong\n' };
}

function page(
  catalogue: Catalogue,
  visit: Visit,
  title: string,
  name: keyof Theme,
  data: Record<string, unknown>,
): Reply {
  const engine = (visit.release.adaptsThemes ? ADAPTED : PLAIN)[visit.shop.theme];
  const content = engine[name].render({
    ...ADAPTERS,
    ...data,
    section_id: randomBytes(4).toString('hex'),
    csrf: randomBytes(16).toString('hex'),
  });
  const now = new Date();
  const body = engine.layout.render({
    ...ADAPTERS,
    shop: { ...visit.shop, tagline: html(visit.shop.tagline) },
    collections: catalogue.collections(visit.shop),
    cart_count: [...visit.cart.values()].reduce((sum, quantity) => sum + quantity, 0),
    page_title: title,
    canonical: `http://${visit.host}${visit.url.pathname}`,
    content,
    csrf: randomBytes(16).toString('hex'),
    nonce: randomBytes(18).toString('base64'),
    visit: randomUUID(),
    now_iso: now.toISOString(),
    now_text: now.toUTCString(),
  });
  return { status: 200, type: 'text/html; charset=utf-8', headers: { 'cache-control': 'private, no-store' }, body };
}

function readCart(cookies: string): Map<number, number> {
  const cart = new Map<number, number>();
  const found = cookies.split(/;\s*/).find((cookie) => cookie.startsWith('cart='));
  for (const line of found?.slice(5).split('.') ?? []) {
    const [id, quantity] = line.split('-').map(Number);
    if (Number.isInteger(id) && quantity !== undefined && quantity > 0) cart.set(id ?? 0, quantity);
  }
  return cart;
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length; // no encoding is set, so chunks are buffers
    if (size > 4096) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function answer(catalogue: Catalogue, release: Release, request: IncomingMessage): Promise<Reply> {
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  const url = new URL(request.url ?? '/', 'http://storefront.invalid');
  if (url.pathname === '/health') return { status: 200, type: 'text/plain', body: 'ok\n' };
  const shop = catalogue.shop(host);
  if (shop === undefined) return { status: 404, type: 'text/plain', body: `No shop at ${host}\n` };
  const body = await readBody(request);
  if (body === undefined) return { status: 413, type: 'text/plain', body: 'Too large\n' };
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const visit: Visit = { shop, host, url, cart: readCart(request.headers.cookie ?? ''), body, release };
  for (const [routeMethod, pattern, reply] of ROUTES) {
    const match = routeMethod === method ? pattern.exec(url.pathname) : null;
    if (match !== null) return reply(catalogue, visit, match[1] ?? '');
  }
  return method === 'GET' ? notFound() : { status: 405, type: 'text/plain', body: 'Not allowed\n' };
}

function write(request: IncomingMessage, response: ServerResponse, reply: Reply, release: Release): void {
  const headers: Record<string, string | number> = {
    ...reply.headers,
    'x-request-id': randomUUID(),
    'x-app-version': release.version,
  };
  let bytes: Uint8Array = typeof reply.body === 'string' ? Buffer.from(reply.body) : (reply.body ?? new Uint8Array());
  if (reply.type !== undefined) {
    headers['content-type'] = reply.type;
    if (!reply.type.startsWith('image/')) {
      headers['vary'] = 'accept-encoding';
      const accepted = request.headers['accept-encoding'] ?? '';
      if (bytes.length > 500 && /\bbr\b/.test(accepted)) {
        bytes = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } });
        headers['content-encoding'] = 'br';
      } else if (bytes.length > 500 && /\bgzip\b/.test(accepted)) {
        bytes = gzipSync(bytes);
        headers['content-encoding'] = 'gzip';
      }
    }
  }
  headers['content-length'] = bytes.length;
  response.writeHead(reply.status, headers);
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

/** Starts the first release of the rewrite on a loopback port; 0 is any free one. */
export async function startCandidate(options: { readonly catalogue: string; readonly port: number }): Promise<{
  readonly port: number;
  /** Changes the release from the next request on; gives its version, or undefined where there is none of that name. */
  deploy(version: string): string | undefined;
  close(): Promise<void>;
}> {
  const catalogue = new Catalogue(options.catalogue);
  let current: Release = RELEASES[0];
  const server = createServer((request, response) => {
    const release = current;
    answer(catalogue, release, request).then(
      (reply) => write(request, response, reply, release),
      (error: unknown) => {
        process.stderr.write(`candidate: ${String(error)}\n`);
        write(request, response, failed(), release);
      },
    );
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port, // a TCP server that listens has one
    deploy: (version) => {
      current = releaseNamed(version) ?? current;
      return current.version === version ? version : undefined;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          catalogue.close();
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

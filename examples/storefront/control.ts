import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { gzipSync } from 'node:zlib';
import nunjucks from 'nunjucks';
import { THEMES, type ThemeName } from './themes.ts';

/**
 * The monolith: rendered by nunjucks, slow in the honest way, with a query for every product it shows.
 * It has grown for years, and reads like it: one class, one switch.
 */
class Monolith {
  private readonly database: DatabaseSync;
  private readonly engine = new nunjucks.Environment(null, { autoescape: false, trimBlocks: true, lstripBlocks: true });
  private readonly compiled = new Map<string, nunjucks.Template>();

  constructor(catalogue: string) {
    this.database = new DatabaseSync(catalogue, { readOnly: true });
  }

  close(): void {
    this.database.close();
  }

  private one(sql: string, ...values: SQLInputValue[]): Record<string, unknown> | undefined {
    return this.database.prepare(sql).get(...values);
  }

  private all(sql: string, ...values: SQLInputValue[]): Record<string, unknown>[] {
    return this.database.prepare(sql).all(...values);
  }

  private escape(text: unknown): string {
    return String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
  }

  private money(cents: unknown): string {
    return (Number(cents) / 100).toFixed(2);
  }

  private ago(written: number): string {
    const hours = Math.floor((Date.now() - written) / 3_600_000);
    if (hours < 1) return 'just now';
    if (hours < 24) return hours === 1 ? '1 hour ago' : `${hours} hours ago`;
    const days = Math.floor(hours / 24);
    return days === 1 ? '1 day ago' : `${days} days ago`;
  }

  /** Loads a product with everything, one query for each part. */
  private product(id: unknown): Record<string, unknown> {
    const row = this.one('SELECT * FROM products WHERE id = ?', Number(id));
    if (row === undefined) throw new Error(`no product ${String(id)}`);
    const tags = this.all('SELECT tag FROM product_tags WHERE product = ? ORDER BY position', Number(id)).map(
      (tag) => tag['tag'],
    );
    const reviews = this.all('SELECT * FROM reviews WHERE product = ? ORDER BY id', Number(id)).map((review) => ({
      author: this.escape(review['author']),
      stars: review['stars'],
      text: this.escape(review['text']),
      ago: this.ago(Number(review['written'])),
    }));
    return {
      id: row['id'],
      handle: row['handle'],
      title: this.escape(row['title']),
      description: this.escape(row['description']),
      price: this.money(row['price']),
      cents: row['price'],
      stock: row['stock'],
      available: Number(row['stock']) > 0,
      stocked: Number(row['stock']) > 0 ? 'yes' : 'no',
      tags,
      reviews,
    };
  }

  private picks(shop: number): Record<string, unknown>[] {
    const ids = this.all('SELECT id FROM products WHERE shop = ?', shop);
    const chosen: Record<string, unknown>[] = [];
    while (chosen.length < 4) {
      const at = ids[Math.floor(Math.random() * ids.length)];
      if (at !== undefined && !chosen.some((product) => product['id'] === at['id']))
        chosen.push(this.product(at['id']));
    }
    return chosen;
  }

  private render(theme: ThemeName, page: keyof (typeof THEMES)[ThemeName], data: object): string {
    const key = `${theme}/${page}`;
    let template = this.compiled.get(key);
    if (template === undefined) {
      template = new nunjucks.Template(THEMES[theme][page], this.engine, key, true);
      this.compiled.set(key, template);
    }
    return template.render(data);
  }

  private cart(request: IncomingMessage): { id: number; quantity: number }[] {
    const cookie = /(?:^|;\s*)cart=([^;]*)/.exec(request.headers.cookie ?? '');
    if (cookie?.[1] === undefined) return [];
    return cookie[1]
      .split('.')
      .map((part) => ({ id: Number(part.split('-')[0]), quantity: Number(part.split('-')[1]) }))
      .filter((line) => Number.isInteger(line.id) && line.quantity > 0);
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('x-request-id', randomUUID());
    response.setHeader('x-app-version', '7.41');
    const host = (request.headers.host ?? '').split(':')[0] ?? '';
    const shop = this.one('SELECT * FROM shops WHERE host = ?', host);
    const url = new URL(request.url ?? '/', 'http://storefront.invalid');
    const path = url.pathname;
    if (path === '/health') return this.send(request, response, 200, 'text/plain', 'ok\n');
    if (shop === undefined) return this.send(request, response, 404, 'text/plain', `No shop at ${host}\n`);
    const shopId = Number(shop['id']);

    if (request.method === 'POST' && path === '/cart/add') return this.addToCart(request, response);
    if (request.method === 'POST' && path === '/checkout') {
      request.resume();
      response.setHeader('set-cookie', 'cart=; Path=/; Max-Age=0');
      return this.redirect(response, '/');
    }
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return this.send(request, response, 405, 'text/plain', 'Not allowed\n');

    if (path.startsWith('/images/')) {
      const image = this.one('SELECT bytes FROM images WHERE product = ?', Number(path.slice(8).replace('.png', '')));
      if (image === undefined) return this.send(request, response, 404, 'text/plain', 'No image\n');
      response.setHeader('cache-control', 'public, max-age=86400');
      return this.send(request, response, 200, 'image/png', image['bytes'] as Uint8Array); // the column is a BLOB
    }
    if (path === '/sitemap.xml') {
      const urls = this.all('SELECT handle FROM products WHERE shop = ? ORDER BY id', shopId).map(
        (row) => `  <url><loc>http://${host}/products/${String(row['handle'])}</loc></url>\n`,
      );
      return this.send(
        request,
        response,
        200,
        'application/xml',
        `<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n${urls.join('')}</urlset>\n`,
      );
    }
    if (path === '/api/products') {
      const limit = Math.min(50, Number(url.searchParams.get('limit') ?? '10') || 10);
      const ids = this.all('SELECT id FROM products WHERE shop = ? ORDER BY id LIMIT ?', shopId, limit);
      return this.json(request, response, 200, {
        products: ids.map((row) => this.apiProduct(row['id'])),
        generated_at: new Date().toISOString(),
      });
    }
    if (path.startsWith('/api/products/')) {
      const row = this.one('SELECT id FROM products WHERE shop = ? AND id = ?', shopId, Number(path.slice(14)));
      if (row === undefined) return this.json(request, response, 404, { error: 'not_found' });
      return this.json(request, response, 200, {
        product: this.apiProduct(row['id']),
        generated_at: new Date().toISOString(),
      });
    }
    const page = this.page(request, url, shop);
    if (page === undefined)
      return this.send(request, response, 404, 'text/html; charset=utf-8', '<h1>Not found</h1>\n');
    const lines = this.cart(request);
    const now = new Date();
    const html = this.render(shop['theme'] as ThemeName, 'layout', {
      // the column holds theme names only
      shop: { ...shop, tagline: this.escape(shop['tagline']) },
      collections: this.all('SELECT * FROM collections WHERE shop = ? ORDER BY id', shopId),
      cart_count: lines.reduce((sum, line) => sum + line.quantity, 0),
      page_title: page.title,
      canonical: `http://${host}${path}`,
      content: page.html,
      csrf: randomBytes(16).toString('hex'),
      nonce: randomBytes(18).toString('base64'),
      visit: randomUUID(),
      now_iso: now.toISOString(),
      now_text: now.toUTCString(),
    });
    response.setHeader('cache-control', 'private, no-store');
    return this.send(request, response, 200, 'text/html; charset=utf-8', html);
  }

  private page(
    request: IncomingMessage,
    url: URL,
    shop: Record<string, unknown>,
  ): { title: string; html: string } | undefined {
    const shopId = Number(shop['id']);
    const theme = shop['theme'] as ThemeName; // the column holds theme names only
    const random = { section_id: randomBytes(4).toString('hex'), csrf: randomBytes(16).toString('hex') };
    if (url.pathname === '/') {
      const ids = this.all('SELECT id FROM products WHERE shop = ? ORDER BY added DESC, id LIMIT 8', shopId);
      const html = this.render(theme, 'index', {
        ...random,
        featured: ids.map((row) => this.product(row['id'])),
        picks: this.picks(shopId),
      });
      return { title: 'Home', html };
    }
    const collection = /^\/collections\/([^/]+)$/.exec(url.pathname);
    if (collection?.[1] !== undefined) {
      const row = this.one('SELECT * FROM collections WHERE shop = ? AND handle = ?', shopId, collection[1]);
      if (row === undefined) return undefined;
      const ids = this.all(
        'SELECT product FROM collection_products WHERE collection = ? ORDER BY position',
        Number(row['id']),
      );
      const html = this.render(theme, 'collection', {
        ...random,
        collection: row,
        products: ids.map((member) => this.product(member['product'])),
      });
      return { title: String(row['title']), html };
    }
    const product = /^\/products\/([^/]+)$/.exec(url.pathname);
    if (product?.[1] !== undefined) {
      const row = this.one('SELECT id FROM products WHERE shop = ? AND handle = ?', shopId, product[1]);
      if (row === undefined) return undefined;
      const full = this.product(row['id']);
      return {
        title: String(full['title']),
        html: this.render(theme, 'product', { ...random, product: full, picks: this.picks(shopId) }),
      };
    }
    if (url.pathname === '/search') {
      const started = performance.now();
      const query = url.searchParams.get('q') ?? '';
      const ids = this.all(
        "SELECT id FROM products WHERE shop = ? AND title LIKE '%' || ? || '%' ORDER BY id LIMIT 20",
        shopId,
        query,
      );
      const results = ids.map((row) => this.product(row['id']));
      const seconds = ((performance.now() - started) / 1000).toFixed(4);
      return {
        title: 'Search',
        html: this.render(theme, 'search', { ...random, results, query: this.escape(query), seconds }),
      };
    }
    if (url.pathname === '/cart') {
      let total = 0;
      const lines = this.cart(request).map((line) => {
        const found = this.product(line.id);
        total += Number(found['cents']) * line.quantity;
        return { ...found, quantity: line.quantity, sum: this.money(Number(found['cents']) * line.quantity) };
      });
      return { title: 'Cart', html: this.render(theme, 'cart', { ...random, lines, total: this.money(total) }) };
    }
    return undefined;
  }

  private apiProduct(id: unknown): object {
    const product = this.product(id);
    return {
      id: product['id'],
      handle: product['handle'],
      title: product['title'],
      price: product['price'],
      available: product['available'],
      tags: product['tags'],
    };
  }

  private async addToCart(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) {
      body += String(chunk);
      if (body.length > 4096) return this.send(request, response, 413, 'text/plain', 'Too large\n');
    }
    const id = Number(new URLSearchParams(body).get('id'));
    const lines = this.cart(request)
      .filter((line) => line.id !== id)
      .slice(0, 9);
    lines.push({ id, quantity: 1 });
    response.setHeader(
      'set-cookie',
      `cart=${lines.map((line) => `${line.id}-${line.quantity}`).join('.')}; Path=/; HttpOnly; SameSite=Lax`,
    );
    return this.redirect(response, '/cart');
  }

  private redirect(response: ServerResponse, location: string): void {
    response.writeHead(303, { location, 'content-length': 0 });
    response.end();
  }

  private json(request: IncomingMessage, response: ServerResponse, status: number, value: object): void {
    this.send(request, response, status, 'application/json', JSON.stringify(value));
  }

  private send(
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    type: string,
    body: string | Uint8Array,
  ): void {
    let bytes = Buffer.from(body as string); // both overloads take what `body` may be
    response.setHeader('content-type', type);
    if (!type.startsWith('image/')) {
      response.setHeader('vary', 'accept-encoding');
      if (bytes.length > 500 && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) {
        bytes = gzipSync(bytes);
        response.setHeader('content-encoding', 'gzip');
      }
    }
    response.writeHead(status, { 'content-length': bytes.length });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  }
}

/** Starts the monolith on a loopback port; 0 is any free one. */
export async function startControl(options: {
  readonly catalogue: string;
  readonly port: number;
}): Promise<{ readonly port: number; close(): Promise<void> }> {
  const monolith = new Monolith(options.catalogue);
  const server: Server = createServer((request, response) => {
    monolith.handle(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
      response.end('Something went wrong\n');
      process.stderr.write(`control: ${String(error)}\n`);
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port, // a TCP server that listens has one
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          monolith.close();
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

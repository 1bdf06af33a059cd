/**
 * Visitors of the shops: `node traffic.ts PORT RATE CATALOGUE [SECONDS]`.
 * Shops and products are chosen by Zipf's law, visitors keep their shop and their cart, requests arrive at random times
 * whether or not earlier ones were answered (an open loop, so that a stall is seen and not hidden).
 * They know what the products cost, and so notice a wrong price.
 * Prints one JSON line a second (`TrafficReport`). Ends on SIGTERM, when standard input closes, or after SECONDS.
 */
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import { SHOPS, shopHost } from './catalogue.ts';

const port = Number(process.argv[2]);
const rate = Number(process.argv[3] ?? '100');
const catalogue = process.argv[4];
const seconds = Number(process.argv[5] ?? '3600');
if (!Number.isInteger(port) || catalogue === undefined || !(rate > 0)) {
  process.stderr.write('usage: traffic.ts PORT RATE CATALOGUE [SECONDS]\n');
  process.exit(2);
}

/** What the visitors made of it until now. */
export interface TrafficReport {
  readonly requests: number;
  /** Errors, cut pages, pages of another shop. */
  readonly clientErrors: number;
  readonly inFlight: number;
  readonly errors: Readonly<Record<string, number>>;
  /** Product pages with a wrong price. */
  readonly wrong: {
    readonly answers: number;
    /** Visitors who saw one at least. */
    readonly visitors: number;
    /** Milliseconds since the epoch; null: none yet. */
    readonly firstAt: number | null;
    readonly lastAt: number | null;
  };
  /** Product pages by the version that made them. */
  readonly productPages: Readonly<Record<string, number>>;
}

const VISITORS = 400;
/** Share of the visitors who come back with a cart they filled before. */
const RETURNING = 0.5;
const MAX_IN_FLIGHT = 256;
const TIMEOUT_MS = 10_000;

/** Cumulative weights of ranks 1 to n under Zipf's law with exponent 1. */
function zipf(count: number): number[] {
  let sum = 0;
  const steps = Array.from({ length: count }, (_, rank) => {
    sum += 1 / (rank + 1);
    return sum;
  });
  return steps.map((step) => step / sum);
}

function rank(weights: readonly number[]): number {
  const at = Math.random();
  const found = weights.findIndex((weight) => at < weight);
  return found < 0 ? weights.length - 1 : found;
}

const database = new DatabaseSync(catalogue, { readOnly: true });
interface Offer {
  readonly id: number;
  readonly handle: string;
  /** As the page shows it. */
  readonly price: string;
}
const products = new Map<number, Offer[]>();
for (let shop = 1; shop <= SHOPS; shop += 1) {
  const rows = database.prepare('SELECT id, handle, price FROM products WHERE shop = ? ORDER BY id').all(shop);
  products.set(
    shop,
    rows.map((row) => ({
      id: Number(row['id']),
      handle: String(row['handle']),
      price: (Number(row['price']) / 100).toFixed(2),
    })),
  );
}
const collections = database
  .prepare('SELECT handle FROM collections WHERE shop = 1 ORDER BY id')
  .all()
  .map((row) => String(row['handle']));
database.close();

const SHOP_WEIGHTS = zipf(SHOPS);
const PRODUCT_WEIGHTS = zipf(48);
const QUERIES = ['oak', 'linen', 'mug', 'case', 'scarf', 'lamp', 'nothing like it'];

interface Visitor {
  readonly number: number;
  readonly shop: number;
  cart: string;
}

interface Step {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly path: string;
  readonly body?: string;
  /** What the page must show, where the visitor knows. */
  readonly price?: string;
}

const visitors: Visitor[] = Array.from({ length: VISITORS }, (_, number) => {
  const shop = rank(SHOP_WEIGHTS) + 1;
  return { number, shop, cart: Math.random() < RETURNING ? `cart=${someProduct(shop).id}-${1 + (number % 3)}` : '' };
});

function someProduct(shop: number): Offer {
  return products.get(shop)?.[rank(PRODUCT_WEIGHTS)] ?? { id: shop * 1000, handle: '', price: '' };
}

function choose(visitor: Visitor): Step {
  const product = someProduct(visitor.shop);
  const get = (path: string): Step => ({ method: 'GET', path });
  const roll = Math.random() * 100;
  if (roll < 18) return get('/');
  if (roll < 40) return get(`/collections/${collections[Math.floor(Math.random() * collections.length)] ?? ''}`);
  if (roll < 68) return { ...get(`/products/${product.handle}`), price: product.price };
  if (roll < 76)
    return get(`/search?q=${encodeURIComponent(QUERIES[Math.floor(Math.random() * QUERIES.length)] ?? '')}`);
  if (roll < 81) return get('/cart');
  if (roll < 84) return { method: 'POST', path: '/cart/add', body: `id=${product.id}` };
  if (roll < 88) return get(`/api/products?limit=${5 + Math.floor(Math.random() * 4) * 5}`);
  if (roll < 92) return get(`/api/products/${product.id}`);
  if (roll < 98) return get(`/images/${product.id}.png`);
  if (roll < 99) return get('/sitemap.xml');
  return { method: 'HEAD', path: '/' };
}

const agent = new Agent({ keepAlive: true, maxSockets: MAX_IN_FLIGHT });
const errors: Record<string, number> = {};
const productPages: Record<string, number> = {};
const misled = new Set<Visitor>();
let wrongAnswers = 0;
let firstWrongAt: number | null = null;
let lastWrongAt: number | null = null;
let requests = 0;
let clientErrors = 0;
let inFlight = 0;
let running = true;

function fault(kind: string): void {
  clientErrors += 1;
  errors[kind] = (errors[kind] ?? 0) + 1;
}

/** What a visitor would notice: an error page, a cut page, somebody else's shop. */
function inspect(visitor: Visitor, step: Step, response: IncomingMessage, body: string): void {
  const status = response.statusCode ?? 0;
  if (status >= 500) {
    fault(`status ${status}`);
    return;
  }
  const setCookie = response.headers['set-cookie']?.[0];
  if (setCookie?.startsWith('cart=')) visitor.cart = setCookie.slice(0, setCookie.indexOf(';'));
  const isPage =
    step.method === 'GET' && status === 200 && String(response.headers['content-type']).startsWith('text/html');
  if (!isPage) return;
  if (!body.trimEnd().endsWith('</html>')) fault('cut page');
  else if (!body.includes(`href="http://${shopHost(visitor.shop)}${step.path.split('?')[0] ?? ''}"`))
    fault("somebody else's page");
  else if (step.price !== undefined) inspectPrice(visitor, step.price, response, body);
}

function inspectPrice(visitor: Visitor, price: string, response: IncomingMessage, body: string): void {
  const version = String(response.headers['x-app-version']);
  productPages[version] = (productPages[version] ?? 0) + 1;
  if (body.includes(`<p class="price">${price}</p>`)) return;
  misled.add(visitor);
  wrongAnswers += 1;
  lastWrongAt = Date.now();
  firstWrongAt ??= lastWrongAt;
}

function visit(): void {
  const visitor = visitors[Math.floor(Math.random() * VISITORS)];
  if (visitor === undefined || inFlight >= MAX_IN_FLIGHT) return;
  const step = choose(visitor);
  requests += 1;
  inFlight += 1;
  let over = false;
  const done = (kind?: string): void => {
    if (over) return;
    over = true;
    inFlight -= 1;
    if (kind !== undefined && running) fault(kind);
  };
  const headers: Record<string, string | number> = {
    host: shopHost(visitor.shop),
    accept: '*/*',
    'user-agent': 'storefront-traffic',
    cookie: `visitor=v${visitor.number}${visitor.cart === '' ? '' : `; ${visitor.cart}`}`,
  };
  if (step.body !== undefined) {
    headers['content-type'] = 'application/x-www-form-urlencoded';
    headers['content-length'] = Buffer.byteLength(step.body);
  }
  const request = httpRequest(
    { host: '127.0.0.1', port, method: step.method, path: step.path, headers, agent, timeout: TIMEOUT_MS },
    (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => done('cut answer'));
      response.on('end', () => {
        if (!over) inspect(visitor, step, response, Buffer.concat(chunks).toString('utf8'));
        done();
      });
    },
  );
  request.on('timeout', () => request.destroy(new Error('timeout')));
  request.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
  request.end(step.body);
}

function arrive(): void {
  if (!running) return;
  visit();
  // Times between arrivals of a Poisson process.
  setTimeout(arrive, (-Math.log(1 - Math.random()) * 1000) / rate);
}

function report(): void {
  const wrong = { answers: wrongAnswers, visitors: misled.size, firstAt: firstWrongAt, lastAt: lastWrongAt };
  const line: TrafficReport = { requests, clientErrors, inFlight, errors, wrong, productPages };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function stop(): void {
  if (!running) return;
  running = false;
  clearInterval(reporting);
  // What is in flight gets a second to end; it was asked for and is still judged by its answer.
  const deadline = Date.now() + 1000;
  const wait = setInterval(() => {
    if (inFlight > 0 && Date.now() < deadline) return;
    clearInterval(wait);
    report();
    process.exit(0);
  }, 20);
}

const reporting = setInterval(report, 1000);
process.on('SIGTERM', stop);
process.stdin.on('end', stop);
process.stdin.on('error', stop);
process.stdin.resume();
setTimeout(stop, seconds * 1000);
arrive();

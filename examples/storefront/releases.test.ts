import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startCandidate } from './candidate.ts';
import { shopHost, writeCatalogue } from './catalogue.ts';
import { startControl } from './control.ts';
import { RELEASES } from './releases.ts';

const folder = mkdtempSync(join(tmpdir(), 'storefront-'));
const catalogue = join(folder, 'catalogue.db');
let control: Awaited<ReturnType<typeof startControl>>;
let candidate: Awaited<ReturnType<typeof startCandidate>>;

beforeAll(async () => {
  writeCatalogue(catalogue, Date.now());
  control = await startControl({ catalogue, port: 0 });
  candidate = await startCandidate({ catalogue, port: 0 });
});

afterAll(async () => {
  await control.close();
  await candidate.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

function ask(port: number, shop: number, path: string, cookie: string): Promise<{ version: string; body: string }> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, headers: { host: shopHost(shop), cookie } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ version: String(response.headers['x-app-version']), body }));
    }).on('error', reject);
  });
}

/** An answer without what changes from one rendering to the next. White space outside of words is the engines' own. */
function lasting(body: string): string {
  return body
    .replace(/<ul class="picks">.*?<\/ul>/gs, '')
    .replace(/[\da-f]{8}-[\da-f-]{27}|[\da-f]{32}|(?<=section-|product-)[\da-f]{8}/g, '…')
    .replace(/nonce="[^"]*"/g, '')
    .replace(/<time.*?<\/time>|<p class="timing">.*?<\/p>|"generated_at":"[^"]*"/gs, '')
    .replace(/\s+/g, '');
}

async function differs(shop: number, path: string, cookie = ''): Promise<boolean> {
  const [a, b] = await Promise.all([ask(control.port, shop, path, cookie), ask(candidate.port, shop, path, cookie)]);
  return lasting(a.body) !== lasting(b.body);
}

interface Listed {
  readonly id: number;
  readonly handle: string;
}

function products(shop: number): Listed[] {
  const database = new DatabaseSync(catalogue, { readOnly: true });
  const rows = database.prepare('SELECT id, handle FROM products WHERE shop = ? ORDER BY id').all(shop);
  database.close();
  return rows.map((row) => ({ id: Number(row['id']), handle: String(row['handle']) }));
}

const QUERIES = ['oak', 'linen', 'mug', 'case', 'scarf', 'lamp'];
const THEMED_SHOPS = [1, 2, 3, 4];

describe('a release in which the themes are adapted', () => {
  beforeEach(() => {
    candidate.deploy('1.5.1');
  });

  test.each(THEMED_SHOPS)('answers as the control does on every page of shop %i', async (shop) => {
    const shelf = products(shop);
    const paths = [
      '/',
      '/cart',
      '/sitemap.xml',
      '/api/products?limit=50',
      '/no-such-page',
      ...shelf.map(({ handle }) => `/products/${handle}`),
      ...shelf.slice(0, 10).map(({ id }) => `/api/products/${id}`),
      ...['new-arrivals', 'summer-sale', 'gifts-under-50', 'for-the-kitchen', 'outdoor', 'last-chance'].map(
        (handle) => `/collections/${handle}`,
      ),
      ...QUERIES.map((query) => `/search?q=${query}`),
    ];
    const cookie = `cart=${shelf
      .slice(0, 3)
      .map(({ id }) => `${id}-2`)
      .join('.')}`;
    const different: string[] = [];
    for (const path of paths) if (await differs(shop, path, cookie)) different.push(path);
    expect(different).toEqual([]);
  });
});

test('before that, the two engines render three of the four themes differently', async () => {
  candidate.deploy('1.3.0');
  const different: boolean[] = [];
  for (const shop of THEMED_SHOPS) {
    const pages = await Promise.all(products(shop).map(({ handle }) => differs(shop, `/products/${handle}`)));
    different.push(pages.includes(true));
  }
  expect(different).toEqual([true, true, true, false]);
});

describe('a mistake hits a good part of its endpoint until the release that puts it right', () => {
  const shop = 4; // its theme leans on no filter that the engines understand differently

  async function shareOf(paths: readonly string[], cookies: readonly string[] = ['']): Promise<number> {
    const asked = await Promise.all(
      paths.flatMap((path) => cookies.map(async (cookie) => ((await differs(shop, path, cookie)) ? 1 : 0))),
    );
    return asked.reduce<number>((sum, hit) => sum + hit, 0) / asked.length;
  }

  const cases = [
    {
      name: 'search drops the last result',
      from: '1.0.0',
      fixed: '1.1.0',
      share: () => shareOf(QUERIES.map((query) => `/search?q=${query}`)),
    },
    {
      name: 'the API says nothing of sold-out products',
      from: '1.1.0',
      fixed: '1.2.0',
      share: () => shareOf(products(shop).map(({ id }) => `/api/products/${id}`)),
    },
    {
      name: 'cart totals are rounded',
      from: '1.2.0',
      fixed: '1.3.0',
      share: () =>
        shareOf(
          ['/cart'],
          products(shop).map(({ id }) => `cart=${id}-1`),
        ),
    },
    {
      name: 'prices are in cents',
      from: '1.5.0',
      fixed: '1.5.1',
      share: () => shareOf(products(shop).map(({ handle }) => `/products/${handle}`)),
    },
  ];

  test.each(cases)('$name', async ({ from, fixed, share }) => {
    candidate.deploy(from);
    expect(await share()).toBeGreaterThanOrEqual(0.1);
    candidate.deploy(fixed);
    expect(await share()).toBe(0);
  });
});

test('every release is told by the header of its answers, and an unknown one changes nothing', async () => {
  for (const { version } of RELEASES) {
    expect(candidate.deploy(version)).toBe(version);
    expect((await ask(candidate.port, 1, '/', '')).version).toBe(version);
  }
  expect(candidate.deploy('9.9.9')).toBeUndefined();
  expect((await ask(candidate.port, 1, '/', '')).version).toBe('1.5.1');
});

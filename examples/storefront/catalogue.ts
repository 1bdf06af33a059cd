import { DatabaseSync } from 'node:sqlite';
import { deflateSync } from 'node:zlib';
import { THEME_NAMES, type ThemeName } from './themes.ts';

/** What the demo's catalogue holds. */
export const SHOPS = 40;
export const PRODUCTS_PER_SHOP = 48;
export const COLLECTIONS_PER_SHOP = 6;

const ADJECTIVES = [
  'linen',
  'oak',
  'merino',
  'ceramic',
  'brushed steel',
  'organic',
  'waxed',
  'folding',
  'hand-dyed',
  'recycled',
];
const NOUNS = [
  'T-shirt',
  'side table',
  'USB-C charger',
  'scarf',
  'mug',
  'backpack',
  'desk lamp',
  'notebook',
  'iPhone case',
  'rain jacket',
  'cutting board',
  'wall clock',
];
const TAGS = ['new', 'sale', 'gift', 'outdoor', 'kitchen', 'office', 'travel', 'bestseller'];
const COLLECTIONS = ['New Arrivals', 'summer sale', 'Gifts under 50', 'For the Kitchen', 'outdoor', 'Last Chance'];
const SHOP_WORDS = [
  'Harbour',
  'Maple',
  'Cobalt',
  'Juniper',
  'Lantern',
  'Quarry',
  'Saffron',
  'Willow',
  'Ember',
  'Tidal',
];
const SHOP_KINDS = ['Goods', 'Supply', 'House', 'Works'];
const PEOPLE = ['Ada', 'Björn', 'Chloé', 'Dmitri', 'Esther', 'Femi', 'Grace', 'Hiro'];

/** A small seeded generator (xorshift32), so that every catalogue is the same. */
function seeded(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** A value of a list that is known not to be empty. */
function pick<T>(list: readonly T[], at: number): T {
  const value = list[Math.floor(at * list.length) % list.length];
  if (value === undefined) throw new Error('an empty list has nothing to pick');
  return value;
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** A 32 × 32 picture of two colours as PNG (ISO/IEC 15948). */
function png(seed: number): Uint8Array {
  const size = 32;
  const rows = Buffer.alloc((size * 3 + 1) * size);
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const at = y * (size * 3 + 1) + 1 + x * 3;
      const on = ((x >> 3) ^ (y >> 3) ^ seed) & 1;
      rows[at] = on ? (seed * 37) & 255 : 240;
      rows[at + 1] = on ? (seed * 91) & 255 : 240;
      rows[at + 2] = on ? (seed * 53) & 255 : 235;
    }
  }
  const chunk = (type: string, data: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc32(body), body.length + 4);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', new Uint8Array()),
  ]);
}

const SCHEMA = `
CREATE TABLE shops (id INTEGER PRIMARY KEY, host TEXT UNIQUE, name TEXT, theme TEXT, tagline TEXT, currency TEXT);
CREATE TABLE products (id INTEGER PRIMARY KEY, shop INTEGER, handle TEXT, title TEXT, description TEXT, price INTEGER, stock INTEGER, added INTEGER);
CREATE TABLE product_tags (product INTEGER, position INTEGER, tag TEXT);
CREATE TABLE reviews (id INTEGER PRIMARY KEY, product INTEGER, author TEXT, stars INTEGER, text TEXT, written INTEGER);
CREATE TABLE collections (id INTEGER PRIMARY KEY, shop INTEGER, handle TEXT, title TEXT);
CREATE TABLE collection_products (collection INTEGER, position INTEGER, product INTEGER);
CREATE TABLE images (product INTEGER PRIMARY KEY, bytes BLOB);
CREATE UNIQUE INDEX product_handle ON products (shop, handle);
CREATE INDEX tag_product ON product_tags (product, position);
CREATE INDEX review_product ON reviews (product, id);
CREATE UNIQUE INDEX collection_handle ON collections (shop, handle);
CREATE INDEX collection_position ON collection_products (collection, position);
`;

/** Host name of the nth shop, 1 to 40. */
export function shopHost(number: number): string {
  return `shop-${String(number).padStart(2, '0')}.localhost`;
}

/** Theme of the nth shop. */
export function shopTheme(number: number): ThemeName {
  return pick(THEME_NAMES, ((number - 1) % THEME_NAMES.length) / THEME_NAMES.length);
}

/** Writes the catalogue into a new SQLite file. `now` dates products and reviews, milliseconds since the epoch. */
export function writeCatalogue(file: string, now: number): void {
  const database = new DatabaseSync(file);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;');
  database.exec(SCHEMA);
  database.exec('BEGIN');
  for (let shop = 1; shop <= SHOPS; shop += 1) writeShop(database, shop, now);
  database.exec('COMMIT');
  database.close();
}

function writeShop(database: DatabaseSync, shop: number, now: number): void {
  const random = seeded(shop * 7919);
  const name = `${pick(SHOP_WORDS, ((shop * 7) % 10) / 10)} ${pick(SHOP_KINDS, ((shop >> 2) % 4) / 4)}`;
  database
    .prepare('INSERT INTO shops VALUES (?, ?, ?, ?, ?, ?)')
    .run(
      shop,
      shopHost(shop),
      name,
      shopTheme(shop),
      `${pick(ADJECTIVES, random())} things & more since ${1950 + shop}`,
      pick(['EUR', 'USD', 'GBP'], random()),
    );
  const product = database.prepare('INSERT INTO products VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  const tag = database.prepare('INSERT INTO product_tags VALUES (?, ?, ?)');
  const review = database.prepare('INSERT INTO reviews (product, author, stars, text, written) VALUES (?, ?, ?, ?, ?)');
  const image = database.prepare('INSERT INTO images VALUES (?, ?)');
  for (let n = 0; n < PRODUCTS_PER_SHOP; n += 1) {
    const id = shop * 1000 + n;
    const title = `${pick(ADJECTIVES, random())} ${pick(NOUNS, random())}`;
    const handle = `${title.toLowerCase().replace(/[^a-z0-9]+/g, '-')}-${n}`;
    const text = `A ${title} that lasts. Made in batches of ${10 + Math.floor(random() * 90)}, "as good as new" after years & easy to repair.`;
    product.run(
      id,
      shop,
      handle,
      title,
      text,
      500 + Math.floor(random() * 20_000),
      Math.floor(random() * 12) - 2,
      now - Math.floor(random() * 90) * 86_400_000,
    );
    const tags = Math.floor(random() * 4);
    for (let t = 0; t < tags; t += 1) tag.run(id, t, pick(TAGS, random()));
    const reviews = Math.floor(random() * 4);
    for (let r = 0; r < reviews; r += 1) {
      review.run(
        id,
        pick(PEOPLE, random()),
        1 + Math.floor(random() * 5),
        `Bought it ${pick(['twice', 'for a friend', 'on a whim'], random())}; would again.`,
        now - Math.floor(random() * 30 * 86_400_000),
      );
    }
    image.run(id, png(id));
  }
  const collection = database.prepare('INSERT INTO collections VALUES (?, ?, ?, ?)');
  const member = database.prepare('INSERT INTO collection_products VALUES (?, ?, ?)');
  COLLECTIONS.forEach((title, c) => {
    const id = shop * 10 + c;
    collection.run(id, shop, title.toLowerCase().replace(/[^a-z0-9]+/g, '-'), title);
    for (let position = 0; position < 12; position += 1) {
      member.run(id, position, shop * 1000 + ((c * 8 + position * 3) % PRODUCTS_PER_SHOP));
    }
  });
}

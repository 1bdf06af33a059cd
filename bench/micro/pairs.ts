/** Pairs of bodies as services send them, made from a seed: no two of one kind are alike, so that nothing can be remembered between them. */
import type { Observation } from '../../src/core/observation.ts';

export interface BodyPair {
  readonly type: string;
  readonly control: string;
  readonly candidate: string;
}

export interface PairKind {
  readonly name: string;
  /** Differences the comparer must tell, which proves that it did the work; of noisy pairs some are accounted for. */
  readonly differences: number;
  make(random: () => number): BodyPair;
}

/** Numbers from 0 to 1 (mulberry32), the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const WORDS =
  'amber basin cedar delta ember fjord grove harbour iris juniper kelp linen maple north olive prairie quartz river slate timber umber valley willow yarrow zephyr'.split(
    ' ',
  );

const below = (random: () => number, limit: number): number => Math.floor(random() * limit);
const word = (random: () => number): string => WORDS[below(random, WORDS.length)] ?? '';
const words = (random: () => number, count: number): string =>
  Array.from({ length: count }, () => word(random)).join(' ');
const hex = (random: () => number, length: number): string =>
  Array.from({ length }, () => below(random, 16).toString(16)).join('');
const uuid = (random: () => number): string =>
  `${hex(random, 8)}-${hex(random, 4)}-4${hex(random, 3)}-a${hex(random, 3)}-${hex(random, 12)}`;

interface Product {
  id: number;
  handle: string;
  title: string;
  vendor: string;
  tags: string[];
  price: { amount: number; currency: string; compareAt: number | null };
  variants: { sku: string; size: string; stock: number; available: boolean }[];
  images: { src: string; width: number; height: number; alt: string }[];
  description?: string;
  [more: string]: unknown;
}

function product(random: () => number, id: number): Product {
  const handle = `${word(random)}-${word(random)}-${id}`;
  return {
    id: 7_000_000_000_000 + id * 977,
    handle,
    title: words(random, 3),
    vendor: word(random),
    tags: [word(random), word(random), word(random)],
    price: { amount: below(random, 90_000) / 100, currency: 'EUR', compareAt: random() < 0.3 ? 199.5 : null },
    variants: ['S', 'M', 'L'].map((size) => ({
      sku: `${handle}-${size}`,
      size,
      stock: below(random, 50),
      available: random() < 0.9,
    })),
    images: [{ src: `https://cdn.example/p/${handle}/1.jpg`, width: 1200, height: 900, alt: words(random, 2) }],
    description: words(random, 14),
  };
}

function listing(random: () => number, bytes: number): { page: object; products: Product[] } {
  const products: Product[] = [];
  for (let size = 120; size < bytes; size += JSON.stringify(products.at(-1)).length + 1) {
    products.push(product(random, products.length));
  }
  return { page: { number: 1, of: 12, next: '/products?cursor=eyJpZCI6MTJ9' }, products };
}

const copy = <T>(value: T): T => structuredClone(value);
const json = (control: unknown, candidate: unknown): BodyPair => ({
  type: 'application/json',
  control: JSON.stringify(control),
  candidate: JSON.stringify(candidate),
});

/** The products at a quarter, the half and three quarters of the list. */
function quarters(products: Product[]): [Product, Product, Product] {
  const at = (part: number): Product => products[Math.floor(products.length * part)] as Product; // a list of many
  return [at(0.25), at(0.5), at(0.75)];
}

function changed(control: { page: object; products: Product[] }): unknown {
  const candidate = copy(control);
  const [first, second, third] = quarters(candidate.products);
  first.price.amount += 1;
  delete second.description;
  (third.variants[1] as { stock: number }).stock += 1; // three sizes each
  return candidate;
}

function card(random: () => number, id: number): string {
  const handle = `${word(random)}-${word(random)}-${id}`;
  return `      <li class="grid__item product-card" data-id="${id}">
        <a class="product-card__link" href="/products/${handle}">
          <img class="product-card__image" src="https://cdn.example/p/${handle}.jpg" alt="${words(random, 2)}" width="400" height="300" loading="lazy">
          <h3 class="product-card__title">${words(random, 3)}</h3>
        </a>
        <p class="product-card__text">${words(random, 9)} &amp; ${word(random)}</p>
        <div class="price"><span class="price__now">${below(random, 200)},00&nbsp;€</span></div>
        <form method="post" action="/cart/add"><input type="hidden" name="id" value="${id}"><button type="submit" class="button button--small">Add</button></form>
      </li>`;
}

function storefront(random: () => number, bytes: number): string[] {
  const lines = [
    `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>${words(random, 3)}</title>
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <link rel="stylesheet" href="/assets/theme.css?v=${below(random, 1e9)}">
    <style>:root { --accent: #${hex(random, 6)}; } .grid { display: grid; gap: 1rem; }</style>
    <script type="application/ld+json">{"@type":"WebSite","name":"${word(random)}","url":"https://shop.example/"}</script>
    <script>window.shop = { locale: 'en', routes: { cart: '/cart' } }; if (1 < 2 && true) { document.documentElement.className = 'js'; }</script>
  </head>
  <body class="template-collection">
    <header class="header"><nav><ul>${Array.from({ length: 8 }, () => `<li><a href="/collections/${word(random)}">${word(random)}</a></li>`).join('')}</ul></nav></header>
    <main id="content">
      <h1 class="title">${words(random, 2)}</h1>
      <ul class="grid">`,
  ];
  for (let size = (lines[0] ?? '').length; size < bytes; size += (lines.at(-1) ?? '').length + 1) {
    lines.push(card(random, lines.length));
  }
  lines.push(`      </ul>
    </main>
    <footer class="footer"><!-- rendered --><p>&copy; ${word(random)}</p><table><tbody><tr><td>1</td><td>2</td></tr></tbody></table></footer>
    <script src="/assets/theme.js" defer></script>
  </body>
</html>
`);
  return lines;
}

function changedPage(lines: readonly string[]): string {
  const at = (part: number): number => Math.floor(lines.length * part);
  const page = [...lines];
  const edit = (part: number, from: RegExp, to: string): void => {
    page[at(part)] = (page[at(part)] ?? '').replace(from, to);
  };
  edit(0.15, /,00&nbsp;€/, ',50&nbsp;€');
  edit(0.3, /loading="lazy"/, 'loading="eager"');
  edit(0.5, /<h3 class="product-card__title">[^<]*/, '<h3 class="product-card__title">sold out');
  edit(0.7, /<div class="price">.*<\/div>/, '');
  page.splice(at(0.85), 0, card(seeded(99), 9_999));
  return page.join('\n');
}

/** What the standard lets be left out of a page. */
const OMITTABLE = /<\/?(?:html|head|body|tbody)(?: lang="en")?>|<\/(?:li|p|td|tr)>/g;

/** A page and its changed form, both written in another `manner`. */
function pagePair(random: () => number, manner: (page: string) => string): BodyPair {
  const lines = storefront(random, 60_000);
  return {
    type: 'text/html; charset=utf-8',
    control: manner(lines.join('\n')),
    candidate: manner(changedPage(lines)),
  };
}

/** The bodies of one exchange of each kind the figures are given for. */
export const PAIR_KINDS: readonly PairKind[] = [
  {
    name: 'equal bytes, 20 KB',
    differences: 0,
    make: (random) => {
      const value = listing(random, 20_000);
      return json(value, value);
    },
  },
  {
    name: 'JSON 1 KB, 1 difference',
    differences: 1,
    make: (random) => {
      const control = product(random, 1);
      const candidate = copy(control);
      candidate.price.amount += 1;
      return json(control, candidate);
    },
  },
  {
    name: 'JSON 20 KB, 3 differences',
    differences: 3,
    make: (random) => {
      const control = listing(random, 20_000);
      return json(control, changed(control));
    },
  },
  {
    name: 'JSON 20 KB, 3 differences and an inserted element',
    differences: 4,
    make: (random) => {
      const control = listing(random, 20_000);
      const candidate = changed(control) as { products: Product[] }; // a copy of the control
      candidate.products.splice(3, 0, product(random, 999));
      return json(control, candidate);
    },
  },
  {
    name: 'JSON 20 KB, a time and a uuid in every element',
    differences: 80,
    make: (random) => {
      const control = listing(random, 20_000);
      const candidate = copy(control);
      for (const [side, later] of [
        [control, 0],
        [candidate, 1],
      ] as const) {
        for (const one of side.products) {
          one.updatedAt = new Date(1_780_000_000_000 + below(random, 9e5) + later).toISOString();
          one.trace = uuid(random);
        }
      }
      return json(control, candidate);
    },
  },
  {
    name: 'JSON 20 KB, indented on one side, 3 differences',
    differences: 3,
    make: (random) => {
      const control = listing(random, 20_000);
      return { ...json(control, 0), candidate: JSON.stringify(changed(control), null, 2) };
    },
  },
  {
    name: 'HTML 60 KB, 5 differences',
    differences: 5,
    make: (random) => pagePair(random, (page) => page),
  },
  {
    name: 'HTML 60 KB, end tags left out, 5 differences',
    differences: 5,
    make: (random) => pagePair(random, (page) => page.replaceAll(OMITTABLE, '')),
  },
  {
    name: 'HTML 60 KB that needs the whole parser, 5 differences',
    differences: 5,
    // Tags that overlap: a browser opens the formatting anew.
    make: (random) =>
      pagePair(random, (page) => page.replace(/<footer.*?<p>/, '$&<b>legal<p>').replace('</footer>', '</b>$&')),
  },
  {
    name: 'text 20 KB, 3 differences',
    differences: 3,
    make: (random) => {
      const lines = Array.from({ length: 300 }, (_, at) => `${at} ${words(random, 9)}`);
      const other = lines.map((line, at) => (at % 100 === 50 ? `${line} changed` : line));
      return { type: 'text/plain', control: lines.join('\n'), candidate: other.join('\n') };
    },
  },
];

/** An answer of 200 as a service behind a framework sends it. */
export function answerOf(type: string, body: string): Observation {
  const bytes = new Uint8Array(Buffer.from(body));
  return {
    kind: 'answer',
    status: 200,
    headers: [
      ['Content-Type', type],
      ['Cache-Control', 'private, max-age=0'],
      ['Vary', 'Accept-Encoding'],
      ['Content-Length', String(bytes.length)],
      ['Server', 'bench'],
      ['X-Frame-Options', 'DENY'],
    ],
    body: bytes,
    bodyBytes: bytes.length,
    firstByteMs: 4,
    durationMs: 5,
  };
}

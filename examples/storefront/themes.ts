/**
 * The shops' themes: templates in the common language of both engines (Jinja).
 * Each theme leans on other filters, so each finds other differences between two engines written by different people.
 * What varies from one rendering to the next is what real themes have: clocks, nonces, generated ids, random picks, relative dates.
 */
export const THEME_NAMES = ['aurora', 'basalt', 'cedar', 'dune'] as const;
export type ThemeName = (typeof THEME_NAMES)[number];

/** Templates of one theme, by page. `layout` takes the rendered page as `content`. */
export interface Theme {
  readonly layout: string;
  readonly index: string;
  readonly collection: string;
  readonly product: string;
  readonly search: string;
  readonly cart: string;
}

const LAYOUT = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>{{ page_title }} – {{ shop.name }}</title>
  <meta name="csrf-token" content="{{ csrf }}">
  <link rel="canonical" href="{{ canonical }}">
  <style>body { font: 16px/1.5 system-ui; margin: 0 auto; max-width: 60rem; padding: 1rem } .grid { display: grid; grid-template-columns: repeat(4, 1fr); gap: 1rem } img { width: 100% } nav a { margin-right: 1rem } footer { color: #666; font-size: .8rem } .THEME h1 { COLOUR }</style>
</head>
<body class="theme THEME">
  <header>
    <h1>{{ shop.name }}</h1>
    <p>{{ shop.tagline }}</p>
    <nav>
    {% for c in collections %}
      <a href="/collections/{{ c.handle }}">{{ c.titleNAV }}</a>
    {% endfor %}
      <a href="/cart">Cart ({{ cart_count }})</a>
    </nav>
  </header>
  <main>
{{ content }}
  </main>
  <footer>
    <p>Page made <time datetime="{{ now_iso }}">{{ now_text }}</time></p>
    <p>{{ shop.name }}, all prices in {{ shop.currency }}.</p>
  </footer>
  <script nonce="{{ nonce }}">window.shop = { id: {{ shop.id }}, visit: "{{ visit }}" };</script>
</body>
</html>
`;

const CARD = `
    <article class="card">
      <a href="/products/{{ p.handle }}"><img src="/images/{{ p.id }}.png" alt="{{ p.title }}"></a>
      <h3><a href="/products/{{ p.handle }}">{{ p.titleCARD }}</a></h3>
      <p class="price">{{ p.price }}</p>
    </article>`;

const INDEX = `<section id="section-{{ section_id }}" class="hero"><h2>Featured</h2></section>
<div class="grid">
{% for p in featured %}CARD
{% endfor %}
</div>
<aside>
  <h2>Picked for you</h2>
  <ul class="picks">
  {% for p in picks %}
    <li><a href="/products/{{ p.handle }}">{{ p.title }}</a></li>
  {% endfor %}
  </ul>
</aside>
`;

const COLLECTION = `<h2>{{ collection.titleHEADING }}</h2>
COUNT
<div class="grid">
{% for p in products %}CARD
{% else %}
  <p>Nothing here yet.</p>
{% endfor %}
</div>
`;

const PRODUCT = `<article id="product-{{ section_id }}">
  <h2>{{ product.titleHEADING }}</h2>
  <img src="/images/{{ product.id }}.png" alt="{{ product.title }}">
  <p class="price">{{ product.price }}</p>
  <p>{{ product.description }}</p>
  {% if product.stock > 0 %}
  <form method="post" action="/cart/add"><input type="hidden" name="authenticity_token" value="{{ csrf }}"><input type="hidden" name="id" value="{{ product.id }}"><button>Add to cart</button></form>
  {% else %}
  <p class="sold-out">Sold out</p>
  {% endif %}
  TAGS
  <h3>{{ product.reviews|length }} review{{ "" if product.reviews|length == 1 else "s" }}</h3>
  {% for r in product.reviews %}
  <blockquote><p>{{ r.text }}</p><footer>{{ r.author }}, {{ r.stars }} of 5, {{ r.ago }}</footer></blockquote>
  {% endfor %}
</article>
<aside>
  <h2>You may also like</h2>
  <ul class="picks">
  {% for p in picks %}
    <li><a href="/products/{{ p.handle }}">{{ p.title }}</a></li>
  {% endfor %}
  </ul>
</aside>
`;

const SEARCH = `<h2>{{ results|length }} result{{ "" if results|length == 1 else "s" }} for “{{ query }}”</h2>
TIMING
<ol>
{% for p in results %}
  <li value="{{ loop.index }}"><a href="/products/{{ p.handle }}">{{ p.titleCARD }}</a> {{ p.price }}</li>
{% else %}
  <li>Nothing found.</li>
{% endfor %}
</ol>
`;

const CART = `<h2>Your cart</h2>
{% if lines|length == 0 %}
<p>Your cart is empty.</p>
{% else %}
<table>
{% for l in lines %}
  <tr><td>{{ loop.index }}</td><td>{{ l.titleCARD }}</td><td>{{ l.quantity }} × {{ l.price }}</td><td>{{ l.sum }}</td></tr>
{% endfor %}
</table>
<p class="total">Total {{ total }}</p>
<form method="post" action="/checkout"><input type="hidden" name="authenticity_token" value="{{ csrf }}"><button>Check out</button></form>
{% endif %}
`;

interface Taste {
  readonly colour: string;
  readonly nav: string;
  readonly card: string;
  readonly heading: string;
  readonly count: string;
  readonly tags: string;
  readonly timing: string;
}

const PLAIN_TAGS = `<ul class="tags">
  {% for t in product.tags %}
    <li>{{ t|upper }}</li>
  {% endfor %}
  </ul>`;
const PLAIN_COUNT = '<p>{{ products|length }} things</p>';

const TASTES: Readonly<Record<ThemeName, Taste>> = {
  aurora: {
    colour: 'color: #7a3cff',
    nav: '',
    card: '',
    heading: '|title',
    count: PLAIN_COUNT,
    tags: PLAIN_TAGS,
    timing: '',
  },
  basalt: {
    colour: 'color: #333',
    nav: '|capitalize',
    card: '',
    heading: '',
    count: PLAIN_COUNT,
    tags: PLAIN_TAGS,
    timing: '<p class="timing">Found in {{ seconds }} seconds</p>',
  },
  cedar: {
    colour: 'color: #1d6b3a',
    nav: '',
    card: '',
    heading: '',
    count:
      '<p>{{ products|length }} things, {{ products|selectattr("stocked", "equalto", "yes")|list|length }} of them in stock</p>',
    tags: '<p class="tags">Tags: {{ product.tags }}</p>',
    timing: '',
  },
  dune: {
    colour: 'color: #b5651d',
    nav: '',
    card: '|lower',
    heading: '',
    count: PLAIN_COUNT,
    tags: PLAIN_TAGS,
    timing: '',
  },
};

function build(name: ThemeName): Theme {
  const taste = TASTES[name];
  const fill = (template: string): string =>
    template
      .replaceAll('CARD\n', `${CARD}\n`)
      .replaceAll('titleCARD', `title${taste.card}`)
      .replaceAll('titleHEADING', `title${taste.heading}`)
      .replaceAll('titleNAV', `title${taste.nav}`)
      .replaceAll('COUNT', taste.count)
      .replaceAll('TIMING', taste.timing)
      .replaceAll('TAGS', taste.tags)
      .replaceAll('COLOUR', taste.colour)
      .replaceAll('THEME', name);
  return {
    layout: fill(LAYOUT),
    index: fill(INDEX),
    collection: fill(COLLECTION),
    product: fill(PRODUCT),
    search: fill(SEARCH),
    cart: fill(CART),
  };
}

export const THEMES: Readonly<Record<ThemeName, Theme>> = {
  aurora: build('aurora'),
  basalt: build('basalt'),
  cedar: build('cedar'),
  dune: build('dune'),
};

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EndpointId } from './cell.ts';
import { EndpointCatalog } from './endpoint-catalog.ts';

const listed = [
  { method: 'GET', template: '/users/{id}' },
  { method: 'GET', template: '/users/me' },
  { method: '*', template: '/users/{id}/orders' },
  { method: 'GET', template: '/users/{user}/orders/{order}' },
  { method: 'POST', template: '/users/me/avatar' },
  { method: 'GET', template: '/static/{rest*}' },
  { method: 'GET', template: '/static/app.js' },
  { method: 'GET', template: '/café/{x}/' },
  { method: 'DELETE', template: '/users/{id}' },
];

function catalog(over: Partial<ConstructorParameters<typeof EndpointCatalog>[0]> = {}): EndpointCatalog {
  return new EndpointCatalog({ listed: [], maxFound: 500, ...over });
}

/** Deterministic noise: tests must fail the same way twice. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('listed endpoints', () => {
  test.each([
    ['GET', '/users/7', 'GET /users/{id}'],
    ['GET', '/users/me', 'GET /users/me'],
    ['GET', '/users/7/', 'GET /users/{id}'],
    ['GET', '/users/7?x=/users/me', 'GET /users/{id}'],
    ['HEAD', '/users/7', 'GET /users/{id}'],
    ['DELETE', '/users/7', 'DELETE /users/{id}'],
    ['GET', '/users/me/orders', '* /users/{id}/orders'],
    ['HEAD', '/users/7/orders', '* /users/{id}/orders'],
    ['OPTIONS', '/users/7/orders', '* /users/{id}/orders'],
    ['GET', '/users/7/orders/9', 'GET /users/{user}/orders/{order}'],
    ['POST', '/users/me/avatar', 'POST /users/me/avatar'],
    ['GET', '/static', 'GET /static/{rest*}'],
    ['GET', '/static/a/b/c.css', 'GET /static/{rest*}'],
    ['GET', '/static/app.js', 'GET /static/app.js'],
    ['GET', '/static/app.js/x', 'GET /static/{rest*}'],
    ['GET', '/caf%C3%A9/1', 'GET /café/{x}/'],
    ['GET', '/caf%c3%a9/1', 'GET /café/{x}/'],
    ['GET', '/%75sers/me', 'GET /users/me'],
  ])('%s %s is %s', (method, path, endpoint) => {
    expect(catalog({ listed }).match(method, path)).toEqual({ endpoint, origin: 'listed' });
  });

  test('case matters', () => {
    expect(catalog({ listed }).match('GET', '/Users/me')).toEqual({ endpoint: 'GET /Users/me', origin: 'found' });
  });

  test('tell the shape of a path for methods that are not listed', () => {
    const found = catalog({ listed });
    expect(found.match('PUT', '/users/alice')).toEqual({ endpoint: 'PUT /users/{id}', origin: 'found' });
    expect(found.match('POST', '/static/a/b')).toEqual({ endpoint: 'POST /static/a/b', origin: 'found' });
    expect(found.found()).toEqual(['POST /static/a/b', 'PUT /users/{id}']);
  });

  test('of two templates for the same paths the first counts', () => {
    const twice = [
      { method: 'GET', template: '/a/{x}' },
      { method: 'GET', template: '/a/{y}/' },
    ];
    expect(catalog({ listed: twice }).match('GET', '/a/1').endpoint).toBe('GET /a/{x}');
  });
});

describe('paths that servers may read differently', () => {
  test.each([
    '/a%2fb',
    '/a%2Fb',
    '/a%5cb',
    '/a%00',
    '/a%0d%0a',
    '//a',
    '/a//b',
    '/./a',
    '/a/.',
    '/a/../b',
    '/a/..',
    '/a/%2e%2e/b',
    '/a/.%2E',
    '/a;b=c',
    '/a\\b',
    '/a%',
    '/a%2',
    '/a%zz',
    '/a%252fb',
    '/a%252e%252e',
    '/a%ff',
    '/a\u00e9',
    '/a b',
    '/a#b',
    '*',
    '',
    'http://x/a',
  ])('%j is unusual', (path) => {
    expect(catalog({ listed }).match('GET', path)).toEqual({ endpoint: 'GET (unusual)', origin: 'unknown' });
  });

  test('methods nobody knows share one name', () => {
    expect(catalog().match('BREW', '/a')).toEqual({ endpoint: 'OTHER (other)', origin: 'unknown' });
    expect(catalog().match('get', '//')).toEqual({ endpoint: 'OTHER (unusual)', origin: 'unknown' });
    expect(catalog().match('HEAD', '//').endpoint).toBe('GET (unusual)');
    expect(catalog({ listed: [{ method: 'BREW', template: '/pot' }] }).match('BREW', '/pot').origin).toBe('listed');
  });
});

describe('endpoints found live', () => {
  test.each([
    ['/', 'GET /'],
    ['/users', 'GET /users'],
    ['/users/', 'GET /users'],
    ['/users/12', 'GET /users/{id}'],
    ['/users/-3', 'GET /users/{id}'],
    ['/price/12.50', 'GET /price/{id}'],
    ['/x/7f1c9e5a-0b7e-4c5e-9c39-0c9b64c3a7b1', 'GET /x/{id}'],
    ['/x/9F86D081', 'GET /x/{id}'],
    ['/x/01ARZ3NDEKTSV4RRFFQ69G5FAV', 'GET /x/{id}'],
    ['/x/2024-02-29', 'GET /x/{id}'],
    ['/x/2024-02', 'GET /x/{id}'],
    ['/x/2024-02-29T12:00:00Z', 'GET /x/{id}'],
    ['/x/cus_9s6XKzkNRiz8i3', 'GET /x/{id}'],
    ['/x/dQw4w9WgXcQdQw4w', 'GET /x/{id}'],
    ['/x/ORD-12345', 'GET /x/{id}'],
    ['/x/a@b.example', 'GET /x/{id}'],
    [`/x/${'a'.repeat(65)}`, 'GET /x/{id}'],
    ['/v2/status', 'GET /v2/status'],
    ['/oauth2callback', 'GET /oauth2callback'],
    ['/blog/top-10-of-2024', 'GET /blog/top-10-of-2024'],
    ['/products/red-shoes', 'GET /products/red-shoes'],
    ['/assets/main-3f2a9c1b.css', 'GET /assets/{id}.css'],
    ['/assets/app.8c1d2e3f.chunk.js', 'GET /assets/{id}.js'],
    ['/img/12345.png', 'GET /img/{id}.png'],
    ['/favicon.ico', 'GET /favicon.ico'],
    ['/a/%7Bid%7D', 'GET /a/%7Bid%7D'],
    ['/a/b%20c', 'GET /a/b%20c'],
    ['/caf%C3%A9', 'GET /café'],
  ])('%s is %s', (path, endpoint) => {
    expect(catalog().match('GET', path)).toEqual({ endpoint, origin: 'found' });
    expect(catalog().match('HEAD', path).endpoint).toBe(endpoint);
  });

  /** Words that look like names of an API; all different. */
  const words = (count: number): string[] =>
    Array.from({ length: count }, (_, i) => `n${'abcdefghij'[i % 10]}${'klmnopqrst'[Math.floor(i / 10) % 10]}`);

  test('a place where nearly every name is new becomes {name}, and says which endpoints went into which', () => {
    const merges: [EndpointId[], EndpointId][] = [];
    const found = catalog({ onMerge: (from, into) => merges.push([[...from].sort(), into]) });
    const names = words(29);
    for (const name of names) expect(found.match('GET', `/p/${name}`).endpoint).toBe(`GET /p/${name}`);
    expect(merges).toEqual([]);
    expect(found.match('GET', '/p/nzz').endpoint).toBe('GET /p/{name}');
    expect(merges).toEqual([[names.map((name) => `GET /p/${name}`).sort(), 'GET /p/{name}']]);
    expect(found.found()).toEqual(['GET /p/{name}']);
    for (const after of ['reviews', 'questions']) found.match('GET', `/p/${names[0]}/${after}`);
    found.match('GET', '/p/another.html');
    expect(found.match('GET', '/p/12').endpoint).toBe('GET /p/{name}');
    expect(found.found()).toEqual([
      'GET /p/{name}',
      'GET /p/{name}.html',
      'GET /p/{name}/questions',
      'GET /p/{name}/reviews',
    ]);
  });

  test('a hundred names that come again and again stay names', () => {
    const found = catalog();
    const next = random(7);
    const names = words(60);
    for (let i = 0; i < 3_000; i++) found.match('GET', `/api/${names[Math.floor(next() * names.length)]}/7`);
    expect(found.found()).toEqual(names.map((name) => `GET /api/${name}/{id}`).sort());
  });

  test('names that do not look like words of an API are values from the ninth on, and from the third where ids are', () => {
    const found = catalog();
    for (let i = 10; i < 18; i++) found.match('GET', `/users/bob${i}`);
    expect(found.found()).toHaveLength(8);
    found.match('GET', '/users/red-cotton-shirt');
    for (const user of ['search', 'carol99']) found.match('GET', `/users/${user}`);
    expect(found.found()).toEqual(['GET /users/search', 'GET /users/{name}']);
    for (const order of ['4711', 'a-b-c', 'd-e-f', 'g-h-i']) found.match('GET', `/orders/${order}`);
    expect(found.found()).toContain('GET /orders/{id}');
    expect(found.found()).toHaveLength(3);
  });

  test('a name that stands out among values gets its own endpoint, though it came after they were merged', () => {
    const merges: EndpointId[] = [];
    const found = catalog({ onMerge: (_from, into) => merges.push(into) });
    for (const name of words(30)) found.match('GET', `/p/${name}`);
    const told = merges.length;
    const seen: EndpointId[] = [];
    for (let i = 0; i < 300; i++)
      seen.push(found.match('GET', i % 10 === 0 ? '/p/sale' : `/p/w${words(100)[i % 100]}`).endpoint);
    expect(seen[0]).toBe('GET /p/{name}');
    expect(found.match('GET', '/p/sale').endpoint).toBe('GET /p/sale');
    expect(found.match('GET', '/p/other').endpoint).toBe('GET /p/{name}');
    // What was counted stays where it is: nothing is told to have become the new one.
    expect(merges).toHaveLength(told);
  });

  test('a value that comes more often than others stays a value where what follows it follows the others', () => {
    const found = catalog();
    const branch = (i: number): string => (i % 5 === 0 ? 'main' : `x${words(100)[i % 100]}`);
    for (let i = 0; i < 600; i++) found.match('GET', `/branches/${branch(i)}/protection`);
    expect(found.found()).toEqual(['GET /branches/{name}/protection']);
  });

  test('a repository named like a script is no file', () => {
    const found = catalog();
    for (const name of words(40)) found.match('GET', `/repos/${name}/issues`);
    found.match('GET', '/repos/next.js');
    found.match('GET', '/repos/data.json');
    expect(found.found()).toEqual(['GET /repos/{name}', 'GET /repos/{name}.json', 'GET /repos/{name}/issues']);
  });

  test('every endpoint that was ever told is, after its merges, one that is there', () => {
    const word = fc.constantFrom(
      ...Array.from({ length: 60 }, (_, i) => `w${'abcdefghij'[i % 10]}${'klmnop'[Math.floor(i / 10)]}`),
    );
    const path = fc.array(
      fc.oneof(
        word,
        word.map((w) => `${w}.css`),
        fc.constant('7'),
      ),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(fc.array(path, { maxLength: 400 }), fc.integer({ min: 1, max: 60 }), (paths, maxFound) => {
        const now = new Map<EndpointId, EndpointId>();
        const found = catalog({
          maxFound,
          onMerge: (from, into) => {
            for (const [old, present] of now) if (from.includes(present)) now.set(old, into);
            expect(from).not.toContain(into);
          },
        });
        for (const labels of paths) {
          const { endpoint, origin } = found.match('GET', `/${labels.join('/')}`);
          if (origin === 'found') now.set(endpoint, endpoint);
          expect(found.found().length).toBeLessThanOrEqual(maxFound);
        }
        const present = new Set(found.found());
        for (const endpoint of now.values()) expect(present).toContain(endpoint);
        // And what a path is called now is one of them, unless there was no room for it.
        for (const labels of paths) {
          const { endpoint, origin } = found.match('GET', `/${labels.join('/')}`);
          if (origin === 'found') expect(found.found()).toContain(endpoint);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('beyond the bound a path is other, and what is known stays known', () => {
    const found = catalog({ maxFound: 3 });
    for (const path of ['/a', '/b', '/c']) expect(found.match('GET', path).origin).toBe('found');
    expect(found.match('GET', '/d')).toEqual({ endpoint: 'GET (other)', origin: 'unknown' });
    expect(found.match('POST', '/a')).toEqual({ endpoint: 'POST (other)', origin: 'unknown' });
    expect(found.match('GET', '/b')).toEqual({ endpoint: 'GET /b', origin: 'found' });
    expect(found.match('GET', `/x${'/a'.repeat(40)}`)).toEqual({ endpoint: 'GET (other)', origin: 'unknown' });
  });

  test('a full catalogue still learns which names are values', () => {
    const found = catalog({ maxFound: 20 });
    for (let i = 0; i < 20; i++) found.match('GET', `/n${String.fromCharCode(97 + i)}`);
    expect(found.match('GET', '/one-more')).toEqual({ endpoint: 'GET /{name}', origin: 'found' });
    expect(found.match('GET', '/one-more/below')).toEqual({ endpoint: 'GET /{name}/below', origin: 'found' });
  });

  test('a million random paths end in a bounded catalogue and bounded memory', () => {
    const next = random(42);
    const word = (): string =>
      Math.floor(next() * 36 ** 6)
        .toString(36)
        .replace(/\d/g, 'q')
        .padStart(3, 'z');
    const found = catalog({ maxFound: 1_000 });
    for (let i = 0; i < 10_000; i++) found.match('GET', `/${word()}/${word()}/${word()}`);
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 990_000; i++) {
      const depth = 1 + Math.floor(next() * 5);
      let path = '';
      for (let j = 0; j < depth; j++) path += `/${word()}`;
      found.match(next() < 0.5 ? 'GET' : 'POST', next() < 0.2 ? `${path}.css` : path);
    }
    expect(found.found().length).toBeLessThanOrEqual(1_000);
    // The catalogue itself is some kilobytes; the rest is room for garbage that was not collected yet.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(50 * 2 ** 20);
    expect(JSON.stringify(found.snapshot()).length).toBeLessThan(200_000);
  });

  test('never throws', () => {
    const found = catalog({ listed, maxFound: 50 });
    fc.assert(
      fc.property(fc.string(), fc.string({ unit: 'grapheme' }), (method, path) => {
        found.match(method, path);
        found.match('GET', `/${path}`);
        found.match('GET', `/${encodeURIComponent(path)}`);
      }),
    );
  });
});

describe('a snapshot', () => {
  test('brings back what was learned, through JSON', () => {
    const found = catalog();
    for (let i = 0; i < 60; i++)
      found.match('GET', `/p/${String.fromCharCode(97 + (i % 26))}${String.fromCharCode(97 + i / 3)}z/v`);
    for (const path of ['/', '/a/7', '/caf%C3%A9', '/a%20b', '/s/x.css', '/__proto__/constructor'])
      found.match('POST', path);
    const copy = catalog();
    copy.restore(JSON.parse(JSON.stringify(found.snapshot())));
    expect(copy.found()).toEqual(found.found());
    expect(copy.match('GET', '/p/new/v').endpoint).toBe('GET /p/{name}/v');
    expect(copy.snapshot()).toEqual(found.snapshot());
  });

  test('tells which endpoints are listed by now, so that what was counted moves to them', () => {
    const found = catalog();
    for (const path of ['/orders/7', '/orders/search', '/other/7']) found.match('GET', path);
    const merges: [readonly EndpointId[], EndpointId][] = [];
    const hinted = catalog({
      listed: [
        { method: 'GET', template: '/orders/{order}' },
        { method: 'GET', template: '/orders/search' },
      ],
      onMerge: (from, into) => merges.push([from, into]),
    });
    hinted.restore(found.snapshot());
    expect(merges).toEqual([[['GET /orders/{id}'], 'GET /orders/{order}']]);
    expect(hinted.found()).toEqual(['GET /other/{id}']);
  });

  test('does not grow a catalogue beyond its bound', () => {
    const found = catalog();
    for (let i = 0; i < 10; i++) found.match('GET', `/n${String.fromCharCode(97 + i)}`);
    const small = catalog({ maxFound: 4 });
    small.restore(found.snapshot());
    expect(small.found()).toHaveLength(4);
  });

  test.each([
    [null],
    [7],
    [{}],
    [{ version: 2, found: ['GET /a'] }],
    [{ version: 1, found: 'x' }],
    [{ version: 1, found: [7, 'GET', 'BREW /a', 'GET /a//b', 'GET /{rest*}', 'GET /a b', 'GET (other)'] }],
  ])('%j teaches nothing', (snapshot) => {
    const found = catalog();
    found.restore(snapshot);
    expect(found.found()).toEqual([]);
  });
});

describe('listing others while it runs', () => {
  test('a template that is listed takes its paths, and what was found there has become it', () => {
    const merges: [readonly EndpointId[], EndpointId][] = [];
    const known = catalog({ onMerge: (from, into) => merges.push([from, into]) });
    expect(known.match('GET', '/orders/17').endpoint).toBe('GET /orders/{id}');
    expect(known.match('GET', '/about').endpoint).toBe('GET /about');
    known.relist([{ method: 'GET', template: '/orders/{order}' }]);
    expect(known.match('GET', '/orders/17')).toEqual({ endpoint: 'GET /orders/{order}', origin: 'listed' });
    expect(known.match('GET', '/about')).toEqual({ endpoint: 'GET /about', origin: 'found' });
    expect(merges).toContainEqual([['GET /orders/{id}'], 'GET /orders/{order}']);
  });

  test('one that is listed no longer is found live', () => {
    const known = catalog({ listed });
    expect(known.match('GET', '/users/7').origin).toBe('listed');
    known.relist([]);
    expect(known.match('GET', '/users/7')).toEqual({ endpoint: 'GET /users/{id}', origin: 'found' });
  });
});

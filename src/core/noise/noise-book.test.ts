import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Finding, Value, ValueType } from '../compare/finding.ts';
import { MAX_PATTERNS, NoiseBook } from './noise-book.ts';

const AT = Date.UTC(2026, 4, 10, 12, 0, 0);
const NOW = { at: AT, gapMs: 30 };

function value(text: string, type: ValueType = 'text', shape?: string): Value {
  return shape === undefined ? { type, text } : { type, text, shape };
}

function finding(
  control: string,
  candidate: string,
  where: Partial<Finding['place']> = {},
  type: ValueType = 'text',
): Finding {
  const pattern = where.pattern ?? 'body/value';
  const place = { path: where.path ?? pattern, pattern, name: where.name ?? 'value' };
  return { place, kind: 'value', control: value(control, type), candidate: value(candidate, type) };
}

/** A seeded generator of texts, so that a failing run can be repeated. */
function random(seed: number) {
  let state = seed;
  const next = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const text = (alphabet: string, length: number): string =>
    Array.from({ length }, () => alphabet[next(alphabet.length)]).join('');
  return { next, text };
}

const HEX = '0123456789abcdef';
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const WORDS = ['amber', 'birch', 'cedar', 'dune', 'ember', 'fern', 'grove', 'heath'];
type Random = ReturnType<typeof random>;

function uuid({ text }: Random): string {
  return `${text(HEX, 8)}-${text(HEX, 4)}-4${text(HEX, 3)}-a${text(HEX, 3)}-${text(HEX, 12)}`;
}

describe('without learning', () => {
  const A = 'b439e379-b3b6-44e8-b20f-7e6b6dcdd056';
  const B = '0f8fad5b-d9cb-469f-a165-70867728950e';
  test.each<[string, Finding, string | undefined]>([
    ['uuids', finding(A, B), 'uuid'],
    ['a uuid of another version', finding(A, B.replace('-4', '-1')), undefined],
    ['a uuid in upper case', finding(A, B.toUpperCase()), undefined],
    ['the nil uuid', finding(A, '00000000-0000-0000-0000-000000000000'), undefined],
    ['an empty text', finding(A, ''), undefined],
    ['milliseconds as numbers', finding(String(AT), String(AT + 20), {}, 'number'), 'time'],
    ['a frozen number', finding(String(AT), String(AT - 3_600_000), {}, 'number'), undefined],
    ['a CSRF token', finding('wN3kX9pQ7rT2vY5zB8mC', 'aL4jH6gF1dS0qW9eR3tU', { name: 'csrf-token' }), 'token'],
    ['the same under another name', finding('wN3kX9pQ7rT2vY5zB8mC', 'aL4jH6gF1dS0qW9eR3tU'), undefined],
    ['a shorter token', finding('wN3kX9pQ7rT2vY5zB8mC', 'aL4jH6gF1dS0qW9e', { name: '_csrf' }), undefined],
    [
      'hex for base64',
      finding('wN3kX9pQ7rT2vY5zB8mCwN3kX9pQ7r-_', '0f8fad5bd9cb469fa16570867728950e', { name: 'state' }),
      undefined,
    ],
    ['a hex nonce', finding('8f3a12bc', '01d4e7f9', { name: 'nonce' }), 'token'],
    ['a word as a token', finding('internationalise', 'deterministicals', { name: 'nonce' }), undefined],
    ['a state that is a word', finding('open', 'shut', { name: 'state' }), undefined],
    [
      'a uuid in a script',
      finding(`window.shop = { id: 1, visit: "${A}" };`, `window.shop = { id: 1, visit: "${B}" };`),
      'uuid',
    ],
    [
      'a script that differs elsewhere',
      finding(`window.shop = { id: 1, visit: "${A}" };`, `window.shop = { id: 2, visit: "${B}" };`),
      undefined,
    ],
    [
      'a date in a sentence',
      finding('Rendered Sun, 10 May 2026 12:00:00 GMT by us', 'Rendered Sun, 10 May 2026 12:00:01 GMT by us'),
      'time',
    ],
    [
      'a stale date in a sentence',
      finding('Rendered Sun, 10 May 2026 12:00:00 GMT', 'Rendered Sun, 10 May 2026 10:00:00 GMT'),
      undefined,
    ],
    ['a nonce in a query', finding('/pay?nonce=8f3a12bc01d4e7f9&x=1', '/pay?nonce=01d4e7f98f3a12bd&x=1'), 'token'],
    [
      'a base64 token in a query',
      finding('/pay?x=1&token=wN3kX9p/7rT2vY5+B8mC3g==', '/pay?x=1&token=aL4jH6gF1d+0qW9eR3tU7w=='),
      'token',
    ],
    [
      'a nonce of a content security policy',
      finding("script-src 'nonce-wN3kX9pQ7rT2vY5zB8mC3g=='", "script-src 'nonce-aL4jH6gF1dS0qW9eR3tU7w=='"),
      'token',
    ],
    ['the status', finding(A, B, { pattern: 'status' }), undefined],
    ['the whole body', finding(A, B, { pattern: 'body' }), undefined],
    ['words', finding('Add to cart', 'Add to basket'), undefined],
  ])('%s', (_, found, expected) => {
    expect(new NoiseBook().check(found, NOW)).toBe(expected);
  });

  test('a missing value, a null and another type are never noise', () => {
    const book = new NoiseBook();
    const base = finding(A, B);
    expect(book.check({ ...base, kind: 'type', candidate: value('null', 'null') }, NOW)).toBeUndefined();
    expect(book.check({ ...base, candidate: value('null', 'null') }, NOW)).toBeUndefined();
    expect(book.check({ ...base, candidate: value('1', 'number') }, NOW)).toBeUndefined();
    expect(book.check({ place: base.place, kind: 'removed', control: value(A) }, NOW)).toBeUndefined();
  });

  test('one uuid for all is a mismatch from the second on, in one answer and in the next', () => {
    const r = random(1);
    const book = new NoiseBook();
    const frozen = uuid(r);
    const place = { pattern: 'body/items/*/trace' };
    expect(book.check(finding(uuid(r), frozen, { ...place, path: 'body/items/0/trace' }), NOW)).toBe('uuid');
    expect(book.check(finding(uuid(r), frozen, { ...place, path: 'body/items/1/trace' }), NOW)).toBeUndefined();
    const later = { ...NOW, at: AT + 1_000 };
    expect(book.check(finding(uuid(r), frozen, { ...place, path: 'body/items/0/trace' }), later)).toBeUndefined();
  });

  test('the same exchange may be checked twice', () => {
    const book = new NoiseBook();
    expect(book.check(finding(A, B), NOW)).toBe('uuid');
    expect(book.check(finding(A, B), NOW)).toBe('uuid');
    expect(book.check(finding(uuid(random(2)), B), NOW)).toBe('uuid');
  });

  test('a uuid the control repeats, or that never drifted on the control, is no noise', () => {
    const r = random(3);
    const book = new NoiseBook();
    const steady = uuid(r);
    expect(book.check(finding(steady, uuid(r)), NOW)).toBe('uuid');
    expect(book.check(finding(steady, uuid(r)), { ...NOW, at: AT + 5 })).toBeUndefined();
    const other = new NoiseBook();
    for (let i = 0; i < 10; i++) other.learn([], NOW);
    expect(other.check(finding(uuid(r), uuid(r)), NOW)).toBeUndefined();
    other.learn([finding(uuid(r), uuid(r))], NOW);
    expect(other.check(finding(uuid(r), uuid(r)), NOW)).toBe('uuid');
  });
});

interface Case {
  readonly name: string;
  readonly class: string;
  /** What a check tells, where that is finer: the class of a part. */
  readonly told?: string;
  readonly type?: ValueType;
  readonly pattern?: string;
  /** The value of a request at `at`, which rises. */
  readonly draw: (r: Random, at: number) => string;
  /** What the candidate must not give. */
  readonly wrong: readonly string[];
}

const CASES: readonly Case[] = [
  {
    name: 'an expiry in an hour',
    class: 'time',
    draw: (_, at) => new Date(at + 3_600_000).toISOString(),
    wrong: [
      '2026-05-10T12:00:00.000Z',
      '2026-05-10T15:00:00.000Z',
      '2026-05-10T13:00:00Z',
      'Sun, 10 May 2026 13:00:00 GMT',
      '',
      'null',
    ],
  },
  {
    name: 'a uuid',
    class: 'uuid',
    draw: uuid,
    wrong: ['', 'null', '0f8fad5b-d9cb-169f-a165-70867728950e', '0f8fad5bd9cb469fa16570867728950e'],
  },
  {
    name: 'a hex token',
    class: 'token',
    draw: (r) => r.text(HEX, 32),
    wrong: ['', '0f8fad5bd9cb469f', 'wN3kX9pQ7rT2vY5zB8mCwN3kX9pQ7r-_', 'ffffffffffffffffffffffffffffffff'],
  },
  {
    name: 'a base64url token',
    class: 'token',
    draw: (r) => r.text(BASE64URL, 43),
    wrong: ['', `${'a'.repeat(40)}9B-`, '0f8fad5bd9cb469fa16570867728950e0f8fad5bd9c', 'wN3kX9pQ7rT2'],
  },
  {
    name: 'a prefixed id',
    class: 'prefixed',
    draw: (r) => `section-${r.text(HEX, 8)}`,
    wrong: ['', 'section-', 'block-8f3a12bc', 'section-8f3a12', 'section-8F3A12BC', 'section-8f3a-2bc'],
  },
  {
    name: 'a counter',
    class: 'counter',
    type: 'number',
    draw: (_, at) => String(41_000 + Math.floor((at - AT) / 10)),
    wrong: ['0', '12', '40000', '-41000', '4100000000', '41000.5'],
  },
  {
    name: 'a price index',
    class: 'number',
    type: 'number',
    draw: (r) => `${10 + r.next(80)}.${r.next(10)}5`,
    wrong: ['0.01', '5000.25', '-20.25', '20.123'],
  },
  {
    name: 'a distance in words',
    class: 'relative-time',
    draw: (r) => `${2 + r.next(40)} minutes ago`,
    wrong: ['', '3 days ago', 'in 5 minutes', '5m ago', '12:00'],
  },
  {
    name: 'one of some',
    class: 'one-of',
    draw: (r) => ['alpha ray', 'beta ray'][r.next(2)] ?? '',
    wrong: ['', 'gamma ray', 'alpha'],
  },
  {
    name: 'a link',
    class: 'link',
    draw: (r) => `/products/${WORDS[r.next(8)]}-${WORDS[r.next(8)]}-${r.next(90)}`,
    wrong: [
      '',
      '/',
      '/products/',
      '/product/amber-1',
      'https://other.example/products/amber-1',
      '/products/undefined',
      '/products/amber.html',
    ],
  },
  {
    name: 'a picked link',
    class: 'link',
    pattern: 'body/html/ul/li[*]/a/@href',
    draw: (r) => `/products/${WORDS[r.next(8)]}-${r.next(9)}`,
    wrong: ['', '/cart', '/products/undefined'],
  },
  {
    name: 'a picked name',
    class: 'inside',
    told: 'varying',
    pattern: 'body/html/ul/li[*]/a/text()',
    draw: (r) => `${WORDS[r.next(8)]} ${WORDS[r.next(8)]}`,
    wrong: ['', '12.50', '/products/x', 'undefined', '{{ product.name }}', '[object Object]', 'x'.repeat(60)],
  },
];

describe.each(CASES)(
  'learned from ten pairs: $name',
  ({ class: name, told = name, type = 'text', pattern = 'body/value', draw, wrong }) => {
    const r = random(7);
    const book = new NoiseBook();
    let at = AT;
    const pair = (): Finding => {
      at += 2_000;
      const first = draw(r, at);
      let second = draw(r, at + 1_000);
      for (let i = 0; second === first && i < 50; i++) second = draw(r, at + 1_000);
      return finding(first, second, { pattern }, type);
    };
    for (let i = 0; i < 10; i++) book.learn([pair()], { at: at + 2_000, gapMs: 1_000 });

    test('shows its class and what is still checked', () => {
      const [path] = book.paths();
      expect(path).toMatchObject({ path: pattern, class: name, samples: 10 });
      expect(path?.envelope).not.toBe('');
    });

    test('fifty pairs of the kind pass', () => {
      for (let i = 0; i < 50; i++) {
        const found = pair();
        expect([book.check(found, { at, gapMs: 1_000 }), found.candidate?.text]).toEqual([told, found.candidate?.text]);
      }
    });

    test.each(wrong)('%j does not', (text) => {
      const found = { ...pair(), candidate: value(text, type) };
      expect(book.check(found, { at, gapMs: 1_000 })).toBeUndefined();
      expect(book.check({ ...found, candidate: value('null', 'null') }, { at, gapMs: 1_000 })).toBeUndefined();
    });

    test('a restored book decides the same', () => {
      const copy = new NoiseBook();
      copy.restore(JSON.parse(JSON.stringify(book.snapshot())));
      expect(copy.paths()).toEqual(book.paths());
      const found = pair();
      expect(copy.check(found, { at, gapMs: 1_000 })).toBe(told);
      for (const text of wrong) {
        expect(copy.check({ ...found, candidate: value(text, type) }, { at, gapMs: 1_000 })).toBeUndefined();
      }
    });
  },
);

test('a class gives way to a wider one when a sample does not fit', () => {
  const book = new NoiseBook();
  book.learn([finding('100', '101', {}, 'number')], NOW);
  expect(book.paths()[0]?.class).toBe('counter');
  book.learn([finding('101', '99', {}, 'number')], NOW);
  expect(book.paths()[0]?.class).toBe('number');
  book.learn([finding('100', 'none')], NOW);
  expect(book.paths()[0]?.class).toBe('one-of');
});

test('random texts keep their class whatever characters chance leaves out', () => {
  const draws: readonly [string, (r: Random) => string][] = [
    ['token', (r) => r.text(HEX, 12)],
    ['token', (r) => r.text(BASE64URL, 22)],
    ['prefixed', (r) => `cart-${r.text(HEX, 8)}`],
    ['prefixed', (r) => `cart-${r.text(BASE64URL.slice(0, 62), 10)}`],
  ];
  for (const [name, draw] of draws) {
    for (let seed = 1; seed <= 20; seed++) {
      const r = random(seed * 7919);
      const book = new NoiseBook();
      for (let i = 0; i < 10; i++) book.learn([finding(draw(r), draw(r))], NOW);
      expect(book.paths()[0]?.class).toBe(name);
      for (let i = 0; i < 20; i++) expect(book.check(finding(draw(r), draw(r)), { ...NOW, at: AT + i })).toBe(name);
    }
  }
});

test('a token given again while the control draws anew is no noise', () => {
  const r = random(11);
  const book = new NoiseBook();
  book.learn([finding(r.text(HEX, 32), r.text(HEX, 32))], NOW);
  const frozen = r.text(HEX, 32);
  expect(book.check(finding(r.text(HEX, 32), frozen), NOW)).toBe('token');
  expect(book.check(finding(r.text(HEX, 32), frozen), { ...NOW, at: AT + 1 })).toBeUndefined();
});

describe('lists', () => {
  const item = (path: string, kind: 'added' | 'removed', pattern = 'body/items/*'): Finding => {
    const place = { path, pattern, name: 'items' };
    const shown = value('{}', 'object', '{id:n}');
    return kind === 'added' ? { place, kind, candidate: shown } : { place, kind, control: shown };
  };
  const whole = (kind: 'order' | 'value', a: string, b: string): Finding => {
    const place = { path: 'body/items', pattern: 'body/items', name: 'items' };
    return { place, kind, control: value(a, 'array', '[n]'), candidate: value(b, 'array', '[n]') };
  };

  test('another order makes a bag', () => {
    const book = new NoiseBook();
    expect(book.listMode('body/items')).toBeUndefined();
    book.learn([whole('order', '[1,2]', '[2,1]')], NOW);
    expect(book.listMode('body/items')).toEqual({ mode: 'bag', accounted: { noise: 'unordered' } });
    expect(book.paths()).toMatchObject([{ path: 'body/items', class: 'unordered', samples: 1 }]);
  });

  test('added and removed elements make a pick of the shapes and lengths seen', () => {
    const book = new NoiseBook();
    book.learn([item('body/items/3', 'removed'), item('body/items/3', 'added'), item('body/items/4', 'added')], NOW);
    expect(book.listMode('body/items')).toMatchObject({
      mode: 'pick',
      shapes: new Set(['{id:n}']),
      min: 3,
      max: 6,
      accounted: { noise: 'pick' },
    });
    book.learn([whole('value', '[1,2,3,4,5,6]', '[1,2,3,4,5,6,7,8]')], NOW);
    expect(book.listMode('body/items')).toMatchObject({ min: 5, max: 9 });
    const copy = new NoiseBook();
    copy.restore(JSON.parse(JSON.stringify(book.snapshot())));
    expect(JSON.stringify(copy.listMode('body/items'))).toBe(JSON.stringify(book.listMode('body/items')));
  });

  test('repeated elements of a page are a list', () => {
    const book = new NoiseBook();
    book.learn([item('body/html/ul/li[2]', 'added', 'body/html/ul/li[*]')], NOW);
    expect(book.listMode('body/html/ul')).toMatchObject({ mode: 'pick', min: 1, max: 3 });
  });

  test('a list that is the whole body is refused', () => {
    const book = new NoiseBook();
    book.learn([item('body/0', 'added', 'body/*')], NOW);
    expect(book.listMode('body')).toBeUndefined();
    expect(book.paths()).toEqual([
      {
        path: 'body',
        class: 'refused',
        envelope: 'the list is the whole body',
        samples: 1,
        refused: 'not learned: the list is the whole body',
      },
    ]);
  });

  test('what a rule accounted for teaches nothing', () => {
    const book = new NoiseBook();
    book.learn([{ ...whole('order', '[1,2]', '[2,1]'), accounted: { rule: 'order of items' } }], NOW);
    expect(book.paths()).toEqual([]);
  });
});

test.each<[string, Finding]>([
  ['the status', finding('200', '500', { pattern: 'status' }, 'number')],
  ['the whole body', finding('a b', 'c d', { pattern: 'body' })],
  ['a change of type', { ...finding('1', '1'), kind: 'type', candidate: value('1', 'number') }],
  ['an empty text', finding('a', '')],
  ['a long text', finding('a'.repeat(2_001), 'b'.repeat(2_001))],
])('refuses %s', (_, found) => {
  const book = new NoiseBook();
  book.learn([found, found], NOW);
  expect(book.paths()).toMatchObject([{ class: 'refused', samples: 2 }]);
  expect(book.check(found, NOW)).toBeUndefined();
});

describe('what is not excused is told with the reason', () => {
  const said = (book: NoiseBook) => book.paths().map(({ refused }) => refused);

  test('a number that changed once', () => {
    const book = new NoiseBook();
    for (let pair = 0; pair < 12; pair++) book.learn(pair === 5 ? [finding('17', '18', {}, 'number')] : [], NOW);
    expect(said(book)).toEqual([
      'not learned: it drifted in 1 of 12 pairs, too rarely to be told from data that changed',
    ]);
    expect(book.check(finding('18', '19', {}, 'number'), NOW)).toBeUndefined();
  });

  test('the neighbours of the one element that drifts', () => {
    const book = new NoiseBook();
    const at = (n: number, a: string, b: string) =>
      finding(a, b, { pattern: 'body/items/*/views', path: `body/items/${n}/views` }, 'number');
    for (let pair = 0; pair < 12; pair++) book.learn([at(0, `${100 + pair * 3}`, `${101 + pair * 3}`)], NOW);
    expect(said(book)).toEqual(['not learned for its neighbours: of all places of this pattern only one has drifted']);
    expect(book.check(at(0, '200', '201'), NOW)).toBeDefined();
    expect(book.check(at(1, '200', '201'), NOW)).toBeUndefined();
    book.learn([at(1, '200', '201')], NOW);
    expect(said(book)).toEqual([undefined]);
  });

  test('a member that was missing once; what drifts each time is told without', () => {
    const book = new NoiseBook();
    const hint: Finding = {
      place: { path: 'body/hint', pattern: 'body/hint', name: 'hint' },
      kind: 'removed',
      control: value('x'),
    };
    for (let pair = 0; pair < 12; pair++) {
      const time = finding(new Date(AT + pair).toISOString(), new Date(AT + pair + 20).toISOString(), {
        pattern: 'body/at',
      });
      book.learn(pair === 3 ? [time, hint] : [time], NOW);
    }
    expect(book.paths()).toMatchObject([
      { path: 'body/at' },
      { path: 'body/hint', refused: expect.stringMatching(/^not learned/) },
    ]);
    expect(book.paths()[0]).not.toHaveProperty('refused');
  });
});

test('a member that an element seems to lack because elements moved or were replaced is refused, and told so', () => {
  const note = (kind: 'added' | 'removed'): Finding => ({
    place: { path: 'body/items/1/note', pattern: 'body/items/*/note', name: 'note' },
    kind,
    ...(kind === 'added' ? { candidate: value('x') } : { control: value('x') }),
  });
  const order: Finding = {
    place: { path: 'body/items', pattern: 'body/items', name: 'items' },
    kind: 'order',
    control: value('[1,2]', 'array'),
    candidate: value('[2,1]', 'array'),
  };
  const book = new NoiseBook();
  for (let pair = 0; pair < 12; pair++) book.learn([order, note(pair % 2 === 0 ? 'added' : 'removed')], NOW);
  const refused = 'not learned: elements moved or were replaced, so that it may be of another one';
  expect(book.paths()).toMatchObject([
    { path: 'body/items' },
    { path: 'body/items/*/note', class: 'refused', samples: 12, refused },
  ]);
  expect(book.check(note('removed'), NOW)).toBeUndefined();
  // Where nothing moves it is seen for what it is, and told as that.
  for (let pair = 0; pair < 12; pair++) book.learn([note(pair % 2 === 0 ? 'added' : 'removed')], NOW);
  expect(book.paths().map((path) => path.class)).not.toContain('refused');
});

test('learns a bounded number of places and keeps bounded texts', () => {
  const book = new NoiseBook();
  for (let i = 0; i < MAX_PATTERNS + 200; i++) {
    book.learn([finding(`red ${i}`, `blue ${i}`, { pattern: `body/p${i}` })], NOW);
    book.learn([finding('', 'x', { pattern: `body/q${i}` })], NOW);
  }
  expect(book.paths().filter((path) => path.class !== 'refused')).toHaveLength(MAX_PATTERNS);
  expect(book.paths().filter((path) => path.class === 'refused')).toHaveLength(100);
  const one = new NoiseBook();
  for (let i = 0; i < 300; i++) one.learn([finding(`red ${'x'.repeat(i)}`, `blue ${i}`)], NOW);
  expect(JSON.stringify(one.snapshot()).length).toBeLessThan(20_000);
});

test('a snapshot restored and taken again is the same', () => {
  const text = fc.oneof(fc.string({ maxLength: 30 }), fc.uuid(), fc.integer().map(String), fc.constant('3 hours ago'));
  const pattern = fc.constantFrom('body/a', 'body/b/*/c', 'status', 'header:x-request-id', 'body/ul/li[*]');
  const findings = fc.array(
    fc.record({ text, other: text, pattern, kind: fc.constantFrom('value', 'type', 'added', 'order') }),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(findings, (list) => {
      const book = new NoiseBook();
      book.learn(
        list.map(({ kind, ...f }) => ({ ...finding(f.text, f.other, { pattern: f.pattern }), kind }) as Finding),
        NOW,
      );
      const saved = JSON.parse(JSON.stringify(book.snapshot()));
      const copy = new NoiseBook();
      copy.restore(saved);
      expect(JSON.parse(JSON.stringify(copy.snapshot()))).toEqual(saved);
      expect(copy.paths()).toEqual(book.paths());
    }),
  );
});

test('garbage is restored as nothing and harms nothing', () => {
  const good = new NoiseBook();
  good.learn([finding('100', '101', {}, 'number')], NOW);
  const saved = good.snapshot();
  fc.assert(
    fc.property(
      fc.oneof(
        fc.jsonValue(),
        fc.object().map((values) => ({ ...(saved as object), ...values })),
      ),
      fc.jsonValue(),
      (junk, inner) => {
        for (const garbage of [
          junk,
          {
            version: 1,
            values: [{ path: 'p', samples: 1, alive: [{ name: 'time', state: inner }] }],
            lists: [inner, { path: 'l', list: inner }],
          },
        ]) {
          const book = new NoiseBook();
          book.restore(garbage);
          book.check(finding('5', '6', { pattern: 'p' }), NOW);
          book.learn([finding('5', '6', { pattern: 'p' })], NOW);
          expect(book.paths().length).toBeGreaterThan(0);
        }
      },
    ),
  );
});

describe('data that changed between two readings', () => {
  const price = (a: string, b: string) => finding(a, b, {}, 'number');

  test('is no noise after one or two drifts: a wrong price stays wrong', () => {
    const book = new NoiseBook();
    book.learn([price('1.5', '3.5')], NOW);
    expect(book.check(price('1.5', '9.5'), NOW)).toBeUndefined();
    book.learn([price('3.5', '2.5')], NOW);
    expect(book.check(price('1.5', '9.5'), NOW)).toBeUndefined();
    book.learn([price('2.5', '4.5')], NOW);
    expect(book.check(price('1.5', '3.0'), NOW)).toBe('number');
  });

  test('is no noise where it hardly ever changes', () => {
    const book = new NoiseBook();
    for (let pair = 0; pair < 400; pair++) book.learn(pair % 100 === 0 ? [price('1.5', '3.5')] : [], NOW);
    expect(book.check(price('1.5', '2.5'), NOW)).toBeUndefined();
  });
});

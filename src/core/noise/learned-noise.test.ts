import { describe, expect, test } from 'vitest';
import { Budget } from '../compare/budget.ts';
import type { Finding, Value, ValueType } from '../compare/finding.ts';
import { parseJson } from '../compare/json.ts';
import { NoiseBook } from './noise-book.ts';

const AT = Date.UTC(2026, 4, 10, 12, 0, 0);
const contextAt = (i: number) => ({ at: AT + i * 60_000, gapMs: 20 });
const value = (text: string, type: ValueType = 'text'): Value => ({ type, text });
const BUDGET = new Budget(Number.MAX_SAFE_INTEGER, () => false);

function differs(control: string, candidate: string, path = 'body/value', type: ValueType = 'text'): Finding {
  const pattern = path.replaceAll(/\/(\d+|\d{4}-\d\d-\d\d)(?=\/|$)/g, '/*');
  const place = { path, pattern, name: path.split('/').at(-1) ?? '' };
  return { place, kind: 'value', control: value(control, type), candidate: value(candidate, type) };
}

const gone = (text: string, path = 'body/hint'): Finding => {
  const place = { path, pattern: path, name: 'hint' };
  return { place, kind: 'removed', control: value(text) };
};
const came = (text: string, path = 'body/hint', type: ValueType = 'text'): Finding => {
  const { place } = gone('', path);
  return { place, kind: 'added', candidate: value(text, type) };
};

describe('a member that is in half of the answers', () => {
  const book = new NoiseBook();
  for (let i = 0; i < 30; i++) {
    const found = i % 4 === 0 ? [gone('HIT')] : i % 4 === 2 ? [came('MISS')] : [];
    book.learn(found, contextAt(i));
  }

  test('may be missing, and be there as the control had it', () => {
    expect(book.check(gone('HIT'), contextAt(40))).toBe('optional');
    expect(book.check(came('MISS'), contextAt(40))).toBe('optional');
    expect(book.paths()).toMatchObject([{ path: 'body/hint', class: 'optional', samples: 15 }]);
  });

  test('may not be another text, type or member', () => {
    expect(book.check(came('STALE'), contextAt(40))).toBeUndefined();
    expect(book.check(came('7', 'body/hint', 'number'), contextAt(40))).toBeUndefined();
    expect(book.check(came('null', 'body/hint', 'null'), contextAt(40))).toBeUndefined();
    expect(book.check(came('HIT', 'body/hints'), contextAt(40))).toBeUndefined();
  });

  test('is remembered in a snapshot', () => {
    const copy = new NoiseBook();
    copy.restore(JSON.parse(JSON.stringify(book.snapshot())));
    expect(copy.check(gone('HIT'), contextAt(40))).toBe('optional');
    expect(copy.check(came('STALE'), contextAt(40))).toBeUndefined();
  });

  test('is not excused after one drift in many pairs', () => {
    const once = new NoiseBook();
    for (let i = 0; i < 30; i++) once.learn(i === 3 ? [gone('HIT')] : [], contextAt(i));
    expect(once.check(gone('HIT'), contextAt(40))).toBeUndefined();
  });
});

describe('what was learned of one place', () => {
  test('says nothing of a neighbour under the same pattern that never drifted', () => {
    const book = new NoiseBook();
    for (let i = 0; i < 30; i++)
      book.learn([differs(String(i % 7), String((i + 3) % 7), 'body/days/2026-01-01', 'number')], contextAt(i));
    expect(book.check(differs('1', '4', 'body/days/2026-01-01', 'number'), contextAt(40))).toBeDefined();
    expect(book.check(differs('1', '4', 'body/days/2026-01-02', 'number'), contextAt(40))).toBeUndefined();
  });

  test('is forgotten when 500 pairs have not shown it again', () => {
    const book = new NoiseBook();
    const token = (i: number) => `8f3a12bc01d4e7f9${String(1e15 + i * 7_919).slice(0, 16)}`;
    for (let i = 0; i < 30; i++) book.learn([differs(token(i), token(i + 1_000))], contextAt(i));
    expect(book.check(differs(token(5_000), token(6_000)), contextAt(40))).toBe('token');
    for (let i = 0; i < 501; i++) book.learn([], contextAt(50 + i));
    expect(book.check(differs(token(7_000), token(8_000)), contextAt(600))).toBeUndefined();
  });

  test('comes back to a narrow class when the sample that refuted it has faded', () => {
    const book = new NoiseBook();
    const count = (i: number) => differs(String(1_000 + i * 3), String(1_001 + i * 3), 'body/value', 'number');
    book.learn([differs('7', '5', 'body/value', 'number')], contextAt(0));
    for (let i = 1; i < 600; i++) book.learn([count(i)], contextAt(i));
    expect(book.paths()).toMatchObject([{ class: 'counter' }]);
  });
});

describe('a counter', () => {
  const book = new NoiseBook();
  const count = (a: number, b: number) => differs(String(a), String(b), 'body/visits', 'number');
  for (let i = 0; i < 30; i++) book.learn([count(1_000 + i * 5, 1_002 + i * 5)], contextAt(i));

  test.each([
    [1_200, 1_202, true],
    [1_200, 1_199, true],
    [1_200, 1_100, false],
    [1_200, 0, false],
    [1_200, 120_000, false],
    [1_200, -1_200, false],
  ])('at %d may be %d: %s', (control, candidate, passes) => {
    expect(book.check(count(control, candidate), contextAt(40)) !== undefined).toBe(passes);
  });
});

describe('a clock', () => {
  const iso = (ms: number) => new Date(ms).toISOString();
  const book = new NoiseBook();
  for (let i = 0; i < 30; i++) {
    const { at } = contextAt(i);
    book.learn([differs(iso(at + 3), iso(at + 23))], contextAt(i));
  }

  test('that stands still is noticed within its envelope', () => {
    const stopped = iso(contextAt(40).at + 20);
    const told = [0, 300, 600, 900].map((ms) => {
      const at = contextAt(40).at + ms;
      return book.check(differs(iso(at + 2), stopped), { at, gapMs: 20 });
    });
    expect(told).toEqual(['time', undefined, undefined, undefined]);
  });

  test('that shows one moment to requests that waited together goes', () => {
    const answered = iso(contextAt(45).at + 900);
    const told = [0, 300, 600, 890].map((ms) => {
      const at = contextAt(45).at + ms;
      return book.check(differs(iso(at + 2), answered), { at, gapMs: 5 });
    });
    expect(told).toEqual(['time', 'time', 'time', 'time']);
  });

  test('that shows whole seconds in two exchanges in a row has lost its fraction', () => {
    const fresh = new NoiseBook();
    fresh.restore(JSON.parse(JSON.stringify(book.snapshot())));
    const told = [50, 51, 52].map((i) => {
      const { at } = contextAt(i);
      return fresh.check(differs(iso(at + 40), iso(at)), { at, gapMs: 20 });
    });
    expect(told).toEqual(['time', undefined, undefined]);
  });
});

test('a part of the request that the control echoes is no random value', () => {
  const [mine, other] = ['b439e379-b3b6-44e8-b20f-7e6b6dcdd056', '0f8fad5b-d9cb-469f-a165-70867728950e'];
  const request = { target: `/orders/${mine}?x=1`, headers: [['x-tenant', 'acme']] as const };
  expect(new NoiseBook().check(differs(mine, other), { ...contextAt(0), request })).toBeUndefined();
  expect(new NoiseBook().check(differs(mine, other), contextAt(0))).toBe('uuid');
});

describe('headers that every answer has anew', () => {
  const header = (name: string, control: string, candidate: string): Finding => {
    const place = { path: `header:${name}`, pattern: `header:${name}`, name };
    return { place, kind: 'value', control: value(control), candidate: value(candidate) };
  };
  test.each([
    ['age', '81', '3', 'volatile'],
    ['age', '81', 'NaN', undefined],
    ['age', '81', '-5', undefined],
    ['x-request-id', '5f73f0a39f46243bff8695f40178edc0', 'd24ffaa20a4954cf43fd6b39a2dd16d0', 'volatile'],
    ['x-request-id', '5f73f0a39f46243bff8695f40178edc0', '', undefined],
    ['x-request-id', '5f73f0a39f46243bff8695f40178edc0', 'undefined', undefined],
    ['x-runtime', '0.0123', '0.5', 'volatile'],
    ['x-runtime', '0.0123', 'NaN', undefined],
    ['etag', 'W/"abc"', 'W/"def"', 'etag'],
    ['etag', 'W/"abc"', 'abc', undefined],
    ['location', '/a', '/b', undefined],
  ])('%s: %s and %s', (name, control, candidate, told) => {
    expect(new NoiseBook().check(header(name, control, candidate), contextAt(0))).toBe(told);
  });

  test('one id, and one session, for two answers is none', () => {
    const book = new NoiseBook();
    const id = (n: number) => `5f73f0a39f46243bff8695f40178ed${n}`;
    expect(book.check(header('x-request-id', id(10), id(50)), contextAt(1))).toBe('volatile');
    expect(book.check(header('x-request-id', id(11), id(50)), contextAt(2))).toBeUndefined();
    const cookie = (a: string, b: string): Finding => {
      const found = header('set-cookie', a, b);
      return { ...found, place: { ...found.place, detail: 'sid', name: 'sid' } };
    };
    const session = (n: number) => `kUqxwuDTIAjkIXZUjWRUWQJFvrrQOz${n}`;
    expect(book.check(cookie(session(10), session(50)), contextAt(1))).toBe('token');
    expect(book.check(cookie(session(11), session(50)), contextAt(2))).toBeUndefined();
    expect(book.check(cookie(session(12), ''), contextAt(3))).toBeUndefined();
  });
});

describe('a list that is picked from 12 members', () => {
  const member = (n: number) => ({ id: n % 12, name: `Lamp ${n % 12}`, price: 5 + (n % 12) });
  const list = (n: number) => JSON.stringify([member(n), member(n * 5 + 3), member(n * 7 + 6)]);
  const picked = (n: number): Finding => {
    const place = { path: 'body/more', pattern: 'body/more', name: 'more' };
    return { place, kind: 'value', control: value(list(n), 'array'), candidate: value(list(n + 4), 'array') };
  };
  const book = new NoiseBook();
  for (let i = 0; i < 40; i++) book.learn([picked(i)], contextAt(i));
  const mode = book.listMode('body/more');

  test.each([
    ['one of them', JSON.stringify(member(7)), true],
    ['one with another price', JSON.stringify({ ...member(7), price: 99 }), false],
    ['a stranger', '{"id":99,"name":"Chair","price":3}', false],
  ])('takes %s: %s', (_, text, passes) => {
    const parsed = parseJson(text, BUDGET);
    expect(mode?.mode === 'pick' && parsed.ok && mode.accepts?.(parsed.node)).toBe(passes);
  });

  test('has as many members as the control, and says so', () => {
    expect(mode).toMatchObject({ min: Number.MAX_SAFE_INTEGER, max: 0 });
    expect(book.paths()[0]?.envelope).toContain('as many elements as the control');
    expect(book.paths()[0]?.envelope).toContain('one of the 12 members');
  });

  test('is the same after a snapshot', () => {
    const copy = new NoiseBook();
    copy.restore(JSON.parse(JSON.stringify(book.snapshot())));
    expect(copy.paths()).toEqual(book.paths());
  });
});

test('lines of a text are told apart by the words they begin with', () => {
  const book = new NoiseBook();
  const line = (a: string, b: string): Finding => ({ ...differs(a, b, 'body/line/3') });
  for (let i = 0; i < 30; i++)
    book.learn(
      [line(`views: ${i * 3}`, `views: ${i * 3 + 1}`), line(`load: 0.${i + 10}`, `load: 0.${i + 20}`)],
      contextAt(i),
    );
  expect(book.check(line('views: 100', 'views: 101'), contextAt(40))).toBeDefined();
  expect(book.check(line('total: 100', 'total: 101'), contextAt(40))).toBeUndefined();
  expect(book.check(line('name: Foo', 'name: Bar'), contextAt(40))).toBeUndefined();
});

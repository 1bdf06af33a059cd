import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EndpointId, TenantId } from '../core/cell.ts';
import {
  type Answer,
  type Exchange,
  FAILURE_KINDS,
  type FailureKind,
  type HeaderList,
  type Observation,
} from '../core/observation.ts';
import type { ComparisonPolicy, Rule } from '../core/rule.ts';
import type { ComparisonResult } from '../core/verdict.ts';
import { Comparer } from './comparer.ts';

const AT = Date.parse('2026-05-10T12:00:00Z');
const ENDPOINT = 'GET /things/{id}' as EndpointId;
const COMPARED = ['content-type', 'set-cookie', 'location', 'cache-control', 'vary', 'x-request-id', 'date', 'etag'];

function comparer(policy: Partial<ComparisonPolicy> = {}): Comparer {
  return new Comparer({
    policy: { rules: [], headers: COMPARED, keyOrder: false, ...policy },
    limits: { maxDecodedBytes: 1024 * 1024, timeoutMs: 10_000 },
  });
}

function answer(body: string | Uint8Array, type: string, more: Partial<Answer> = {}): Answer {
  const bytes = Buffer.from(body);
  const headers: HeaderList = [['Content-Type', type], ...(more.headers ?? [])];
  const plain = {
    kind: 'answer',
    status: 200,
    body: bytes,
    bodyBytes: bytes.length,
    firstByteMs: 1,
    durationMs: 1,
  } as const;
  return { ...plain, ...more, headers };
}
const json = (body: string, more?: Partial<Answer>) => answer(body, 'application/json', more);
const html = (body: string) => answer(body, 'text/html; charset=utf-8');
const plain = (body: string) => answer(body, 'text/plain');
const withHeader = (name: string, ...values: string[]) => json('{}', { headers: values.map((value) => [name, value]) });
const failed = (failure: FailureKind): Observation => ({ kind: 'failure', failure, durationMs: 1 });

let exchanges = 0;
function exchangeOf(control: Observation, candidate: Observation, at = AT): Exchange {
  exchanges++;
  return {
    id: `e${exchanges}`,
    at,
    cell: { tenant: 'acme' as TenantId, endpoint: ENDPOINT },
    direction: 'forward',
    request: { method: 'GET', target: '/things/1', headers: [['Host', 'shop.example']] },
    control,
    candidate,
    gapMs: 20,
    versions: { control: 'a', candidate: 'b' },
  };
}

/** `match`, `mismatch: value body/a`, `inconclusive: bothFailed`; what was accounted for follows in brackets. */
function story(result: ComparisonResult): string {
  const open = result.differences.filter((d) => d.noise === undefined && d.rule === undefined);
  const passed = result.differences.filter((d) => d.noise !== undefined || d.rule !== undefined);
  const told = open.map((d) => `${d.kind} ${d.path}`).join(', ');
  const why = passed.map((d) => `${d.path} ${d.rule ?? d.noise}`).join(', ');
  const head = result.reason ?? told;
  return `${result.verdict}${head === '' ? '' : `: ${head}`}${why === '' ? '' : ` [${why}]`}`;
}

function check(control: Observation, candidate: Observation, expected: string, policy?: Partial<ComparisonPolicy>) {
  expect(story(comparer(policy).compare(exchangeOf(control, candidate)))).toBe(expected);
}

describe('status and failures', () => {
  test.each<[string, Observation, Observation, string]>([
    ['another status', json('{}'), json('{}', { status: 404 }), 'mismatch: value status'],
    ['a candidate that breaks', json('{}'), json('oops', { status: 500 }), 'mismatch: value status'],
    ['a candidate that is refused', json('{}'), failed('refused'), 'mismatch: failure status'],
    [
      'a candidate that is late where the control says 404',
      json('{}', { status: 404 }),
      failed('timeout'),
      'mismatch: failure status',
    ],
    ['both broken', json('{}', { status: 503 }), json('{}', { status: 500 }), 'inconclusive: bothFailed'],
    ['one refused, one broken', json('{}', { status: 503 }), failed('reset'), 'inconclusive: bothFailed'],
    ['both late', failed('timeout'), failed('timeout'), 'inconclusive: bothFailed'],
    ['a broken control', json('{}', { status: 502 }), json('{}'), 'inconclusive: controlFailed'],
    ['a truncated control', failed('truncated'), json('{}'), 'inconclusive: controlFailed'],
    ['not modified', json('', { status: 304 }), json('{}'), 'inconclusive: notModified'],
    ['a range', json('{', { status: 206 }), json('{', { status: 206 }), 'inconclusive: partial'],
  ])('%s', (_, control, candidate, expected) => check(control, candidate, expected));
});

test('each way of failing is a cause of its own', () => {
  const causes = FAILURE_KINDS.map((kind) => comparer().compare(exchangeOf(json('{}'), failed(kind))).signature);
  expect(causes.map((cause) => cause?.transition)).toEqual(FAILURE_KINDS.map((kind) => `200 → ${kind}`));
  expect(new Set(causes.map((cause) => cause?.id)).size).toBe(FAILURE_KINDS.length);
});

describe('identity', () => {
  test('equal bytes match and nothing is parsed, also where one side is compressed', () => {
    const body = '{"a": not json at all';
    const coded = json(gzipSync(body) as never, { headers: [['Content-Encoding', 'gzip']] });
    expect(comparer().compare(exchangeOf(json(body), json(body)))).toMatchObject({ verdict: 'match', identical: true });
    expect(comparer().compare(exchangeOf(json(body), coded))).toMatchObject({ verdict: 'match', identical: true });
    expect(comparer().compare(exchangeOf(json('{"a":1}'), json('{"a":1.0}')))).toMatchObject({
      verdict: 'match',
      identical: false,
    });
  });

  test('anything compared with itself matches', () => {
    const body = fc.oneof(fc.json(), fc.string(), fc.uint8Array());
    const type = fc.constantFrom('application/json', 'text/html', 'text/plain', 'image/png', '');
    fc.assert(
      fc.property(body, type, (value, contentType) => {
        const one = answer(value, contentType);
        expect(comparer().compare(exchangeOf(one, one)).verdict).toBe('match');
      }),
    );
  });

  test('JSON written in another way matches', () => {
    const reversed = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(reversed)
        : value !== null && typeof value === 'object'
          ? Object.fromEntries(
              Object.entries(value)
                .reverse()
                .map(([key, item]) => [key, reversed(item)]),
            )
          : value;
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const other = JSON.stringify(reversed(value), null, 2);
        expect(comparer().compare(exchangeOf(json(JSON.stringify(value)), json(other))).verdict).toBe('match');
      }),
    );
  });

  test('values that are not equal never match, and both directions find the same places', () => {
    const value = fc.jsonValue({ maxDepth: 3 }).filter((one) => !JSON.stringify(one).includes('__proto__'));
    fc.assert(
      fc.property(fc.array(value), fc.array(value), (a, b) => {
        const [left, right] = [json(JSON.stringify(a)), json(JSON.stringify(b))];
        const forth = comparer().compare(exchangeOf(left, right));
        const back = comparer().compare(exchangeOf(right, left));
        expect(forth.verdict === 'match').toBe(sameJson(a, b));
        expect(back.verdict).toBe(forth.verdict);
      }),
      { numRuns: 300 },
    );
  });

  test('flat objects: the places of differences are the same in both directions', () => {
    const object = fc.dictionary(
      fc.constantFrom('a', 'b', 'c', 'd'),
      fc.oneof(fc.integer(), fc.boolean(), fc.constant(null)),
    );
    fc.assert(
      fc.property(object, object, (a, b) => {
        const places = (x: unknown, y: unknown) =>
          comparer()
            .compare(exchangeOf(json(JSON.stringify(x)), json(JSON.stringify(y))))
            .differences.map((d) => d.path)
            .sort();
        expect(places(a, b)).toEqual(places(b, a));
      }),
    );
  });
});

function sameJson(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'number') return a === b;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => sameJson(item, b[i]));
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  return left.size === right.size && [...left].every(([key, item]) => right.has(key) && sameJson(item, right.get(key)));
}

describe('JSON', () => {
  test.each<[string, string, string, string]>([
    ['a value', '{"a":1}', '{"a":2}', 'mismatch: value body/a'],
    ['a big number', '{"id":9007199254740993}', '{"id":9007199254740992}', 'mismatch: value body/id'],
    ['a type', '{"a":"1"}', '{"a":1}', 'mismatch: type body/a'],
    ['a null', '{"a":"x"}', '{"a":null}', 'mismatch: type body/a'],
    ['a flag', '{"a":true}', '{"a":false}', 'mismatch: value body/a'],
    ['a lost member', '{"a":1,"b":2}', '{"a":1}', 'mismatch: removed body/b'],
    ['a new member', '{"a":1}', '{"a":1,"b/c":2}', 'mismatch: added body/b~1c'],
    ['a repeated key', '{"a":1,"a":2}', '{"a":2}', 'mismatch: removed body/a'],
    ['one element more', '[1,2,3]', '[1,9,2,3]', 'mismatch: added body/1'],
    ['a swap', '{"l":[1,2,3]}', '{"l":[1,3,2]}', 'mismatch: order body/l'],
    [
      'a row of a keyed list',
      '[{"id":1,"n":"a"},{"id":2,"n":"b"}]',
      '[{"id":2,"n":"c"}]',
      'mismatch: removed body/0, value body/1/n',
    ],
    [
      'an element among changed ones',
      '[{"t":1,"n":"a"},{"t":1,"n":"b"},{"t":1,"n":"c"}]',
      '[{"t":2,"n":"a"},{"t":2,"n":"c"}]',
      'mismatch: removed body/1, value body/0/t, value body/2/t',
    ],
    [
      'an id that changed in place',
      '[{"id":1,"n":"a"},{"id":2,"n":"b"}]',
      '[{"id":1,"n":"a"},{"id":3,"n":"b"}]',
      'mismatch: value body/1/id',
    ],
    ['order of members', '{"a":1,"b":2}', '{"b":2,"a":1}', 'match'],
    ['what is no JSON any more', '{"a":1}', '<html>', 'mismatch: type body'],
    ['an empty body', '{"a":1}', '', 'mismatch: removed body'],
    ['what never was JSON', 'a\nb', 'a\nc', 'mismatch: value body/line/2'],
  ])('%s', (_, a, b, expected) => check(json(a), json(b), expected));

  test('the order of members counts where the policy says so', () => {
    check(json('{"a":1,"b":2}'), json('{"b":2,"a":1}'), 'mismatch: order body', { keyOrder: true });
  });
});

describe('HTML', () => {
  const page = (body: string) => html(`<!doctype html><html><head><title>T</title></head><body>${body}</body></html>`);
  const BODY = 'body/html/body';

  test.each<[string, string, string, string]>([
    ['attributes and classes in another order', '<p class="a b" id=x>t</p>', '<p id="x" class="b  a">t</p>', 'match'],
    ['indentation', '<ul><li>1</li><li>2</li></ul>', '<ul>\n  <li>1</li>\n  <li> 2 </li>\n</ul>\n', 'match'],
    ['comments', '<p>one<!-- x --> two</p>', '<p>one two</p>', 'match'],
    ['entities', '<p>a &amp; b</p>', '<p>a & b</p>', 'match'],
    [
      'a lost space between words',
      '<p>a <b>b</b> c</p>',
      '<p>a <b>b</b>c</p>',
      `mismatch: whitespace ${BODY}/p/text()[2]`,
    ],
    ['white space in pre', '<pre>a  b</pre>', '<pre>a b</pre>', `mismatch: whitespace ${BODY}/pre/text()`],
    ['a text', '<p>a</p><p>b</p>', '<p>a</p><p>c</p>', `mismatch: value ${BODY}/p[2]/text()`],
    ['escaping', '<p>&lt;b&gt;</p>', '<p><b></b></p>', `mismatch: removed ${BODY}/p/text(), added ${BODY}/p/b`],
    ['an attribute', '<a href="/x">t</a>', '<a href="/y">t</a>', `mismatch: value ${BODY}/a/@href`],
    ['a lost attribute', '<img src=a alt=b>', '<img src=a>', `mismatch: removed ${BODY}/img/@alt`],
    ['a lost element', '<ul><li>1<li>2<li>3</ul>', '<ul><li>1<li>3</ul>', `mismatch: removed ${BODY}/ul/li[2]`],
    ['a blank page', '<h1>Shop</h1>', '', `mismatch: removed ${BODY}/h1`],
    [
      'data in a script',
      '<script type="application/ld+json">{"a":1.0,"b":2}</script>',
      '<script type="application/ld+json">{"b":3,"a":1}</script>',
      `mismatch: value ${BODY}/script/text()/b`,
    ],
    [
      'a script',
      '<script>let a;\nlet b;</script>',
      '<script>let a;\nlet c;</script>',
      `mismatch: value ${BODY}/script/text()/line/2`,
    ],
    [
      'a template',
      '<template><p>a</p></template>',
      '<template><p>b</p></template>',
      `mismatch: value ${BODY}/template/p/text()`,
    ],
    ['elements in another order', '<p>a</p><hr><div>b</div>', '<div>b</div><p>a</p><hr>', `mismatch: order ${BODY}`],
  ])('%s', (_, a, b, expected) => check(page(a), page(b), expected));

  test('a lost document type', () => {
    check(html('<!doctype html><p>a'), html('<p>a'), 'mismatch: removed body/html/@!doctype');
  });

  test('what lies too deep for a tree still counts', () => {
    const deep = (text: string) => page(`${'<div>'.repeat(400)}${text}${'</div>'.repeat(400)}`);
    expect(comparer().compare(exchangeOf(deep('a'), deep('b'))).verdict).toBe('mismatch');
    expect(comparer().compare(exchangeOf(deep('a'), deep('a\n'))).verdict).toBe('match');
  });
});

describe('text and bytes', () => {
  test.each<[string, string, string, string]>([
    ['a line', 'a\nb\nc', 'a\nx\nc', 'mismatch: value body/line/2'],
    ['a line more', 'a\nb', 'a\nx\nb', 'mismatch: added body/line/2'],
    ['a line less', 'a\nx\nb', 'a\nb', 'mismatch: removed body/line/2'],
    ['indentation', 'a\n  b', 'a\n\tb', 'mismatch: whitespace body/line/2'],
    ['line ends', 'a\nb\n', 'a\r\nb\r\n', 'mismatch: whitespace body'],
    ['the last line end', 'a\nb\n', 'a\nb', 'mismatch: whitespace body'],
    ['nothing at all', 'a', '', 'mismatch: removed body'],
  ])('%s', (_, a, b, expected) => check(plain(a), plain(b), expected));

  test('anything else is compared byte by byte', () => {
    check(answer('aaaa', 'image/png'), answer('aaab', 'image/png'), 'mismatch: value body');
    check(answer('aaaa', 'image/png'), answer('', 'image/png'), 'mismatch: removed body');
  });

  test('bytes that are no text are not equal because neither can be read', () => {
    check(
      answer(Buffer.from([97, 0xfe]), 'text/plain'),
      answer(Buffer.from([97, 0xff]), 'text/plain'),
      'mismatch: value body',
    );
  });

  test('longer bodies than the capture are equal by digest, and otherwise never match', () => {
    const long = (text: string, all: string): Answer => ({
      ...plain(text),
      bodyBytes: all.length,
      bodyDigest: createHash('sha256').update(all).digest('hex'),
    });
    check(long('a\nb\n', 'a\nb\nc\n'), long('a\nb\n', 'a\nb\nc\n'), 'match');
    check(long('a\nb\n', 'a\nb\nc\n'), long('a\nb\n', 'a\nb\nd\n'), 'inconclusive: tooLarge');
    check(long('a\nb\n', 'a\nb\nc\n'), long('a\nx\n', 'a\nx\nc\n'), 'mismatch: value body/line/2');
  });

  test("a body whose coding cannot be undone is the candidate's fault, or undecidable", () => {
    const damaged = json('{}', { headers: [['Content-Encoding', 'gzip']] });
    check(json('{}'), damaged, 'mismatch: type body');
    check(damaged, json('{}'), 'inconclusive: unparsable');
  });
});

describe('headers', () => {
  const SID = 'sid=f3a9c27e5b8d1460f3a9c27e5b8d1460; Path=/; HttpOnly; Secure';
  test.each<[string, Answer, Answer, string]>([
    ['a lost one', withHeader('Vary', 'Accept'), json('{}'), 'mismatch: removed header:vary'],
    ['words in another order', withHeader('Vary', 'Accept, Cookie'), withHeader('vary', 'cookie,accept'), 'match'],
    ['the same over two lines', withHeader('Vary', 'Accept', 'Cookie'), withHeader('Vary', 'Accept, Cookie'), 'match'],
    [
      'caching',
      withHeader('Cache-Control', 'no-store'),
      withHeader('Cache-Control', 'max-age=60'),
      'mismatch: value header:cache-control',
    ],
    [
      'its own host in Location',
      withHeader('Location', '/a?b=1'),
      withHeader('Location', 'https://shop.example/a?b=1'),
      'match',
    ],
    [
      'another host in Location',
      withHeader('Location', '/a'),
      withHeader('Location', 'http://10.0.0.7/a'),
      'mismatch: value header:location',
    ],
    [
      'a request id',
      withHeader('X-Request-Id', 'a1'),
      withHeader('X-Request-Id', 'b2'),
      'match [header:x-request-id volatile]',
    ],
    ['a lost request id', withHeader('X-Request-Id', 'a1'), json('{}'), 'mismatch: removed header:x-request-id'],
    [
      'a date',
      withHeader('Date', 'Sun, 10 May 2026 12:00:00 GMT'),
      withHeader('Date', 'Sun, 10 May 2026 12:00:02 GMT'),
      'match [header:date time]',
    ],
    [
      'a frozen date',
      withHeader('Date', 'Sun, 10 May 2026 12:00:00 GMT'),
      withHeader('Date', 'Sat, 09 May 2026 12:00:00 GMT'),
      'mismatch: value header:date',
    ],
    [
      'a session',
      withHeader('Set-Cookie', SID),
      withHeader('Set-Cookie', SID.replaceAll('f3a9', '01b7')),
      'match [header:set-cookie/sid token]',
    ],
    [
      'a session without Secure',
      withHeader('Set-Cookie', SID),
      withHeader('Set-Cookie', SID.replace('; Secure', '')),
      'mismatch: removed header:set-cookie/sid/secure',
    ],
    [
      'a lost cookie',
      withHeader('Set-Cookie', SID, 'a=1'),
      withHeader('Set-Cookie', SID),
      'mismatch: removed header:set-cookie/a',
    ],
    [
      "a cookie's value",
      withHeader('Set-Cookie', 'theme=dark'),
      withHeader('Set-Cookie', 'theme=light'),
      'mismatch: value header:set-cookie/theme',
    ],
  ])('%s', (_, a, b, expected) => check(a, b, expected));

  test('links are equal but for the host, where a side is asked under its own name', () => {
    const hosts = { control: ['10.0.0.6'], candidate: ['10.0.0.7:4000'] };
    const page = (origin: string) => html(`<a href="${origin}/a">t</a>`);
    check(page('https://shop.example'), page(''), 'match [body/html/body/a/@href host]');
    check(page('http://10.0.0.6'), page('http://10.0.0.7:4000'), 'match [body/html/body/a/@href host]', { hosts });
    check(page('http://10.0.0.6'), page('http://10.0.0.7:4000'), 'mismatch: value body/html/body/a/@href');
    const to = (place: string) => json('{"u":1}', { status: 302, headers: [['Location', place]] });
    check(to('/a'), to('http://10.0.0.7:4000/a'), 'match [header:location host]', { hosts });
    check(to('/a'), to('http://10.0.0.7:4000/b'), 'mismatch: value header:location', { hosts });
  });

  test('a content type in another case is the same, another type is not', () => {
    const body = '{"a":1}';
    check(json(body), answer(body, 'Application/JSON'), 'match');
    check(answer(body, 'text/html; charset="UTF-8"'), html(body), 'match');
    check(json(body), answer('{"a":1.0}', 'text/html'), 'mismatch: value header:content-type');
  });
});

describe('rules', () => {
  const base = { name: 'r', reason: 'agreed' };
  const ignore = (path: string, more: object = {}): Rule => ({ ...base, kind: 'ignore', path, counts: false, ...more });
  const [before, after] = [json('{"a":{"b":[{"t":1},{"t":2}]},"c":1}'), json('{"a":{"b":[{"t":3},{"t":4}]},"c":1}')];

  test.each<[string, Rule, string]>([
    ['one segment each', ignore('body/a/b/*/t'), 'ignored [body/a/b/0/t r, body/a/b/1/t r]'],
    ['any number of segments', ignore('body/**/t'), 'ignored [body/a/b/0/t r, body/a/b/1/t r]'],
    ['another place', ignore('body/*/t'), 'mismatch: value body/a/b/0/t, value body/a/b/1/t'],
    ['another endpoint', ignore('body/**', { endpoint: 'GET /x' }), 'mismatch: value body/a/b/0/t, value body/a/b/1/t'],
    ['past its end', ignore('body/**', { until: AT }), 'mismatch: value body/a/b/0/t, value body/a/b/1/t'],
    ['before its end', ignore('body/**', { until: AT + 1 }), 'ignored [body/a/b/0/t r, body/a/b/1/t r]'],
    ['one that counts', ignore('body/**', { counts: true, owner: 'me' }), 'match [body/a/b/0/t r, body/a/b/1/t r]'],
    [
      'a tolerance',
      { ...base, kind: 'tolerance', path: 'body/**', absolute: 2 },
      'match [body/a/b/0/t r, body/a/b/1/t r]',
    ],
    [
      'too small a tolerance',
      { ...base, kind: 'tolerance', path: 'body/**', relative: 0.5 },
      'mismatch: value body/a/b/0/t [body/a/b/1/t r]',
    ],
  ])('%s', (_, rule, expected) => check(before, after, expected, { rules: [rule] }));

  test('what passes a check speaks for the candidate, what is ignored does not, and one open difference decides', () => {
    const rules = [ignore('body/a'), { ...base, name: 't', kind: 'tolerance', path: 'body/b', absolute: 1 } as const];
    check(json('{"a":1,"b":1}'), json('{"a":2,"b":2}'), 'ignored [body/a r, body/b t]', { rules });
    check(json('{"b":1}'), json('{"b":2}'), 'match [body/b t]', { rules });
    check(json('{"a":1,"c":1}'), json('{"a":2,"c":2}'), 'mismatch: value body/c [body/a r]', { rules });
  });

  test('a pattern rewrites both sides, and only what becomes equal passes', () => {
    const rules: Rule[] = [{ ...base, kind: 'normalise', path: 'body/**', pattern: 'v[0-9]+', replace: 'v' }];
    check(json('{"a":"x v1"}'), json('{"a":"x v22"}'), 'match [body/a r]', { rules });
    check(json('{"a":"x v1"}'), json('{"a":"y v1"}'), 'mismatch: value body/a', { rules });
  });

  test('an unordered list is a bag, with a key a keyed list', () => {
    const [a, b] = [
      json('{"l":[{"k":1,"v":1},{"k":2,"v":2},{"k":3,"v":3}]}'),
      json('{"l":[{"k":3,"v":3},{"k":1,"v":9},{"k":2,"v":2}]}'),
    ];
    const bag: Rule = { ...base, kind: 'unordered', path: 'body/l' };
    check(a, b, 'mismatch: value body/l/0/v [body/l r]', { rules: [bag] });
    check(a, b, 'mismatch: value body/l/0/v [body/l r]', { rules: [{ ...bag, key: 'k' }] });
    check(json('{"l":[1,1,2]}'), json('{"l":[2,1,1]}'), 'match [body/l r]', { rules: [bag] });
    check(json('{"l":[1,1,2]}'), json('{"l":[2,2,1]}'), 'mismatch: value body/l/1 [body/l r]', { rules: [bag] });
  });

  test('an ignored status hides neither body nor headers', () => {
    const rules = [ignore('status', { counts: true })];
    check(json('{"a":1}'), json('{"a":1}', { status: 201 }), 'match [status r]', { rules });
    check(json('{"a":1}'), json('{"a":2}', { status: 201 }), 'mismatch: value body/a [status r]', { rules });
  });

  test('one attribute of one cookie can be named', () => {
    const [a, b] = [withHeader('Set-Cookie', 'a=1; Secure', 'b=1'), withHeader('Set-Cookie', 'a=1', 'b=2')];
    check(a, b, 'mismatch: value header:set-cookie/b [header:set-cookie/a/secure r]', {
      rules: [ignore('header:set-cookie/a/secure')],
    });
    check(a, b, 'ignored [header:set-cookie/a/secure r, header:set-cookie/b r]', {
      rules: [ignore('header:set-cookie')],
    });
  });
});

describe('what is reported', () => {
  test('one cause has one signature, whatever the row, the values and the other differences', () => {
    const of = (a: string, b: string) => comparer().compare(exchangeOf(json(a), json(b))).signature;
    const first = of('{"l":[{"n":"x"},{"n":"y"}]}', '{"l":[{"n":"x"},{"n":null}]}');
    const second = of(
      '{"l":[{"n":"q","p":1},{"n":"y","p":1}],"z":1}',
      '{"l":[{"n":null,"p":1},{"n":"y","p":1}],"z":2}',
    );
    expect(first).toMatchObject({ pathPattern: 'body/l/*/n', kind: 'type', transition: 'text → null' });
    expect(first?.id).toMatch(/^[\da-f]{12}$/);
    expect(second?.id).toBe(first?.id);
    expect(of('{"a":1}', '{"a":2}')?.id).not.toBe(of('{"b":1}', '{"b":2}')?.id);
    expect(comparer().compare(exchangeOf(json('{}'), json('{}', { status: 404 }))).signature?.transition).toBe(
      '200 → 404',
    );
  });

  test('at most 200 differences are told, all are counted, long values are cut and control characters shown', () => {
    const many = (n: number) =>
      json(JSON.stringify(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, i + n]))));
    const result = comparer().compare(exchangeOf(many(0), many(1000)));
    expect(result.differences).toHaveLength(200);
    expect(result.differenceCount).toBe(300);
    const long = comparer().compare(exchangeOf(json(JSON.stringify('\u0007'.repeat(5_000))), json('"b"')));
    expect(long.differences[0]?.control).toMatch(/^(\\u\{7\})+…$/);
  });

  test('I11: what takes too much work is inconclusive, and a fault inside is too', () => {
    const slow = new Comparer({
      policy: { rules: [], headers: [], keyOrder: false },
      limits: { maxDecodedBytes: 1024 * 1024, timeoutMs: 5 },
      monotonic: (() => {
        let now = 0;
        return () => (now += 10);
      })(),
    });
    const big = (n: number) => json(JSON.stringify(Array.from({ length: 20_000 }, (_, i) => i * n)));
    expect(story(slow.compare(exchangeOf(big(1), big(2))))).toBe('inconclusive: tooLarge');
    const broken = { ...json('{}'), body: null } as never; // no answer is so; a fault must still not be thrown
    expect(story(comparer().compare(exchangeOf(broken, json('{"a":1}'))))).toBe('inconclusive: fault');
  });
});

describe('noise', () => {
  /** Answers of one service: each call draws everything anew that such a service draws anew. */
  let seed = 7;
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed / 2_147_483_648;
  };
  const hex = (length: number) => Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join('');
  const uuid = () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T; // the index is below the length
  const shuffle = <T>(list: readonly T[]): T[] =>
    list
      .map((item) => [random(), item] as const)
      .sort(([a], [b]) => a - b)
      .map(([, item]) => item);
  const CATALOGUE = Array.from({ length: 40 }, (_, i) => ({ sku: `p${i}`, title: `Product ${i}`, cents: i * 100 }));
  let visits = 1_000;

  const NOISY: Readonly<Record<string, (at: number) => unknown>> = {
    'ISO time': (at) => ({ now: new Date(at + random() * 500).toISOString() }),
    'epoch seconds': (at) => ({ now: Math.floor((at + random() * 3000) / 1000) }),
    'an expiry in an hour': (at) => ({
      until: new Date(at + 3_600_000 + Math.floor(random() * 3) * 1000).toISOString(),
    }),
    uuid: () => ({ trace: uuid() }),
    'a token': () => ({ session: hex(32) }),
    'a csrf token': () => ({ csrfToken: hex(40) }),
    'a counter': () => ({ visits: ++visits }),
    'a random number': () => ({ load: Math.round(200 + random() * 600) }),
    'a flag of several': () => ({ variant: pick(['red', 'green', 'blue']) }),
    'order of a list': () => ({ tags: shuffle(['a', 'b', 'c', 'd', 'e']) }),
    'a random pick': () => ({ more: shuffle(CATALOGUE).slice(0, 4) }),
    'a generated id': () => ({ element: `field-${hex(8)}` }),
  };

  const at = (i: number) => AT + i * 7_000;
  const made = (kind: string, i: number) => json(JSON.stringify({ fixed: 'x', data: NOISY[kind]?.(at(i)) }));

  function taught(kind: string): Comparer {
    const one = comparer();
    const { request } = exchangeOf(json('{}'), json('{}'));
    for (let i = 0; i < 10; i++) one.learn(ENDPOINT, request, made(kind, i), made(kind, i), 20, at(i));
    return one;
  }

  test.each(Object.keys(NOISY))('%s is learned from 10 pairs, then 50 equivalent pairs match', (kind) => {
    const one = taught(kind);
    const results = Array.from({ length: 50 }, (_, i) =>
      one.compare(exchangeOf(made(kind, 10 + i), made(kind, 10 + i), at(10 + i))),
    );
    expect(results.map(story).filter((text) => !text.startsWith('match'))).toEqual([]);
    const [path] = one.noise(ENDPOINT);
    if (path !== undefined) expect(path.envelope.length).toBeGreaterThan(0);
  });

  test.each(Object.keys(NOISY))('%s survives a snapshot', (kind) => {
    const saved = JSON.parse(JSON.stringify(taught(kind).snapshot(ENDPOINT)));
    const one = comparer();
    one.restore(ENDPOINT, saved);
    for (let i = 10; i < 30; i++)
      expect(one.compare(exchangeOf(made(kind, i), made(kind, i), at(i))).verdict).toBe('match');
    // Comparing teaches no class; only how often either arm differs is counted on, and what was drawn is remembered.
    expect(one.snapshot(ENDPOINT)).toEqual({ ...saved, arms: expect.anything(), drawn: expect.anything() });
  });

  describe('at a path where a weak class excuses differences', () => {
    const word = (drifts: boolean) => json(`{"state":"${drifts ? 'open' : 'new'}"}`);
    const request = exchangeOf(json('{}'), json('{}')).request;

    /** Pairs of either arm, `drifting` of ten with a candidate that differs; the control differs from itself in two of ten. */
    function counted(drifting: number, pairs: number, isChosen = true): { one: Comparer; last: ComparisonResult } {
      const one = comparer();
      for (let i = 0; i < 20; i++) one.learn(ENDPOINT, request, word(false), word(i % 5 === 0), 20, AT);
      let last = one.compare(exchangeOf(word(false), word(true)));
      expect(story(last)).toBe('match [body/state one-of]');
      for (let i = 0; i < pairs; i++) {
        one.learn(ENDPOINT, request, word(false), word(i % 5 === 0), 20, AT, isChosen);
        last = one.compare(exchangeOf(word(false), word(i % 10 < drifting)), undefined, true);
      }
      return { one, last: one.compare(exchangeOf(word(false), word(true))) };
    }

    test('a candidate that differs far more often than the control from itself is a mismatch, and the noise says why', () => {
      const { one, last } = counted(9, 60);
      expect(story(last)).toBe('mismatch: value body/state');
      expect(one.noise(ENDPOINT)).toMatchObject([
        { path: 'body/state', class: 'one-of', flagged: expect.stringContaining('the control from itself in 20 % of') },
      ]);
    });

    test('one that differs as often stays a match', () => {
      const { one, last } = counted(2, 400);
      expect(story(last)).toBe('match [body/state one-of]');
      expect(one.noise(ENDPOINT)[0]?.flagged).toBeUndefined();
    });

    test('control pairs that were asked for because the candidate differed do not count', () => {
      const { last } = counted(9, 200, false);
      expect(story(last)).toBe('match [body/state one-of]');
    });

    test('a new version of the candidate is excused until it has shown the same', () => {
      const { one } = counted(9, 60);
      const other = { ...exchangeOf(word(false), word(true)), versions: { control: 'a', candidate: 'c' } };
      expect(one.compare(other, undefined, true).verdict).toBe('match');
    });
  });

  const regressions: [string, string, (good: Record<string, unknown>) => unknown][] = [];
  for (const kind of Object.keys(NOISY)) {
    regressions.push([kind, 'a null', (good) => Object.fromEntries(Object.keys(good).map((key) => [key, null]))]);
    regressions.push([kind, 'nothing', () => ({})]);
    regressions.push([kind, 'an empty text', (good) => Object.fromEntries(Object.keys(good).map((key) => [key, '']))]);
    regressions.push([
      kind,
      'another type',
      (good) => Object.fromEntries(Object.keys(good).map((key) => [key, { a: 1 }])),
    ]);
  }
  regressions.push(
    ['ISO time', 'a frozen clock', () => ({ now: '2026-05-01T00:00:00.000Z' })],
    [
      'ISO time',
      'the wrong zone',
      (good) => ({ now: new Date(Date.parse(String(good['now'])) + 7_200_000).toISOString() }),
    ],
    ['ISO time', 'another form', (good) => ({ now: String(good['now']).replace(/\.\d+Z/, 'Z') })],
    ['ISO time', 'a zone for Z', (good) => ({ now: String(good['now']).replace('Z', '+00:00') })],
    ['epoch seconds', 'milliseconds', (good) => ({ now: Number(good['now']) * 1000 })],
    ['an expiry in an hour', 'an expiry now', () => ({ until: new Date(at(20)).toISOString() })],
    ['uuid', 'no uuid', (good) => ({ trace: String(good['trace']).slice(1) })],
    ['uuid', 'another version', (good) => ({ trace: String(good['trace']).replace('-4', '-1') })],
    ['a token', 'half a token', (good) => ({ session: String(good['session']).slice(16) })],
    ['a token', 'a constant one', () => ({ session: '0'.repeat(32) })],
    ['a random number', 'another magnitude', (good) => ({ load: Number(good['load']) * 1000 })],
    ['a random number', 'a fraction', (good) => ({ load: Number(good['load']) + 0.123 })],
    ['order of a list', 'an element lost', () => ({ tags: ['a', 'b', 'c', 'd'] })],
    ['order of a list', 'an element twice', () => ({ tags: ['a', 'b', 'c', 'd', 'd'] })],
    [
      'a random pick',
      'no price',
      (good) => ({ more: (good['more'] as typeof CATALOGUE).map(({ sku, title }) => ({ sku, title })) }),
    ],
    [
      'a random pick',
      'a null title',
      (good) => ({ more: (good['more'] as typeof CATALOGUE).map((item) => ({ ...item, title: null })) }),
    ],
    ['a random pick', 'one item twice', () => ({ more: [0, 1, 2, 2].map((i) => CATALOGUE[i]) })],
    ['a random pick', 'none', () => ({ more: [] })],
    ['a random pick', 'far too many', () => ({ more: CATALOGUE })],
    ['a flag of several', 'one never seen', () => ({ variant: 'undefined' })],
    ['a generated id', 'another prefix', () => ({ element: `input-${hex(8)}` })],
  );
  test.each(regressions)('inside %s, %s is still a mismatch', (kind, _, spoil) => {
    const one = taught(kind);
    const good = NOISY[kind]?.(at(20)) as Record<string, unknown>; // every kind makes an object
    const spoiled = json(JSON.stringify({ fixed: 'x', data: spoil(good) }));
    expect(story(one.compare(exchangeOf(made(kind, 20), spoiled, at(20))))).toMatch(/^mismatch/);
  });

  test('one uuid for all is a mismatch from the second exchange on, also in the same millisecond', () => {
    const one = comparer();
    const frozen = uuid();
    const results = [0, 1, 2].map(() =>
      story(one.compare(exchangeOf(json(`{"t":"${uuid()}"}`), json(`{"t":"${frozen}"}`)))),
    );
    expect(results).toEqual(['match [body/t uuid]', 'mismatch: value body/t', 'mismatch: value body/t']);
  });

  test('a uuid that the control gives again and again is an id, and another one is a mismatch', () => {
    const one = comparer();
    const { request } = exchangeOf(json('{}'), json('{}'));
    const entity = json(`{"id":"${uuid()}"}`);
    for (let i = 0; i < 10; i++) one.learn(ENDPOINT, request, entity, entity, 20, at(i));
    expect(story(one.compare(exchangeOf(entity, json(`{"id":"${uuid()}"}`))))).toBe('mismatch: value body/id');
  });

  test('nothing is learned from the candidate, nor of the whole body, the status or a type', () => {
    const one = comparer();
    const { request } = exchangeOf(json('{}'), json('{}'));
    for (let i = 0; i < 20; i++) one.compare(exchangeOf(json(`{"n":${i}}`), json(`{"n":${i + 100}}`)));
    expect(one.noise(ENDPOINT)).toEqual([]);
    one.learn(ENDPOINT, request, json('{"n":1}'), json('{"n":"1"}'), 20, AT);
    one.learn(ENDPOINT, request, json('"a"'), json('"b"'), 20, AT);
    one.learn(ENDPOINT, request, json('{}'), json('{}', { status: 404 }), 20, AT);
    expect(one.noise(ENDPOINT).every((path) => path.class === 'refused')).toBe(true);
    expect(one.compare(exchangeOf(json('{"n":1}'), json('{"n":"1"}'))).verdict).toBe('mismatch');
    expect(one.compare(exchangeOf(json('"a"'), json('"b"'))).verdict).toBe('mismatch');
  });

  test('what is learned is bounded', () => {
    const one = comparer();
    const { request } = exchangeOf(json('{}'), json('{}'));
    const wide = () =>
      json(JSON.stringify(Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`k${i}`, hex(16)]))));
    one.learn(ENDPOINT, request, wide(), wide(), 20, AT);
    expect(one.noise(ENDPOINT).length).toBeLessThanOrEqual(600);
  });

  test('noise in HTML: tokens in forms, times in texts, recommendations', () => {
    const page = (i: number, at: number) =>
      html(`<!doctype html><body><form><input type=hidden name=csrf_token value="${hex(32)}"></form>
        <p>Rendered at ${new Date(at + i).toISOString()} for you</p>
        <ul class=more>${shuffle(CATALOGUE)
          .slice(0, 3)
          .map(({ title, sku }) => `<li><a href="/p/${sku}">${title}</a></li>`)
          .join('')}</ul></body>`);
    const one = comparer();
    const { request } = exchangeOf(json('{}'), json('{}'));
    for (let i = 0; i < 10; i++) one.learn(ENDPOINT, request, page(0, at(i)), page(40, at(i)), 40, at(i));
    const results = Array.from({ length: 30 }, (_, i) =>
      story(one.compare(exchangeOf(page(0, at(i)), page(40, at(i)), at(i)))),
    );
    expect(results.filter((text) => !text.startsWith('match'))).toEqual([]);
    const spoil = (text: RegExp, by: string) => {
      const good = page(0, at(40));
      const spoiled = html(Buffer.from(good.body).toString().replace(text, by));
      return comparerStory(one, page(0, at(40)), spoiled);
    };
    const comparerStory = (used: Comparer, a: Answer, b: Answer) => used.compare(exchangeOf(a, b, at(40))).verdict;
    expect(spoil(/value="\w+"/, 'value=""')).toBe('mismatch');
    expect(spoil(/value="\w+"/, '')).toBe('mismatch');
    expect(spoil(/at \S+ for/, 'at 2020-01-01T00:00:00.000Z for')).toBe('mismatch');
    expect(spoil(/<ul.*<\/ul>/s, '<ul class=more></ul>')).toBe('mismatch');
    expect(spoil(/<a href="[^"]*">/, '<a>')).toBe('mismatch');
    expect(spoil(/for you/, 'for me')).toBe('mismatch');
  });
});

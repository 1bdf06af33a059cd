import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EndpointId } from '../cell.ts';
import type { Finding, Value } from '../compare/finding.ts';
import type { DifferenceKind } from '../verdict.ts';
import { causesOf, MAX_CAUSES } from './causes.ts';
import { isAt } from './place.ts';

const at = (endpoint: string): EndpointId => endpoint as EndpointId;

function asValue(text: string | null | undefined): Value | undefined {
  if (text === undefined) return undefined;
  if (text === null) return { type: 'null', text: 'null' };
  if (/^(true|false)$/.test(text)) return { type: 'boolean', text };
  return /^-?\d+(\.\d+)?$/.test(text) ? { type: 'number', text } : { type: 'text', text: text.replace(/^"|"$/g, '') };
}

/** `"12"` in quotes is a text, `12` a number; undefined is absent. */
function finding(path: string, kind: DifferenceKind, control?: string | null, candidate?: string | null): Finding {
  const pattern = path.replace(/\/\d+(?=\/|$)/g, '/*').replace(/\[\d+\]/g, '[*]');
  const [mine, theirs] = [asValue(control), asValue(candidate)];
  return {
    place: { path, pattern, name: path.split('/').at(-1) ?? path },
    kind,
    ...(mine === undefined ? {} : { control: mine }),
    ...(theirs === undefined ? {} : { candidate: theirs }),
  };
}

const ids = (endpoint: string, ...findings: Finding[]): readonly string[] =>
  causesOf(at(endpoint), findings).signatures.map(({ id }) => id);

describe('is one cause', () => {
  const same: readonly [string, [string, Finding], [string, Finding]][] = [
    [
      'a member of every row, whatever it held',
      ['GET /orders', finding('body/orders/0/note', 'removed', '"a"')],
      ['GET /orders', finding('body/orders/7/note', 'removed', null)],
    ],
    [
      'a member in a list and alone, of one family',
      ['GET /v1/products', finding('body/items/3/price', 'type', '12', '"12"')],
      ['GET /v1/products/{id}', finding('body/price', 'type', '9', '"9"')],
    ],
    [
      'a row that an order lost, in a list of orders and alone',
      ['GET /orders', finding('body/items/0/lines/2', 'removed', '"x"')],
      ['GET /orders/{id}', finding('body/lines/1', 'removed', '"y"')],
    ],
    [
      'the same under the name of the list',
      ['GET /products', finding('body/products/3/price', 'type', '12', '"12"')],
      ['GET /products/{id}', finding('body/price', 'type', '9', '"9"')],
    ],
    [
      'a header that is missing at two endpoints that have nothing in common',
      ['GET /a', finding('header:x-frame-options', 'removed', '"DENY"')],
      ['POST /b/{id}', finding('header:x-frame-options', 'removed', '"SAMEORIGIN"')],
    ],
    [
      'a footer that all pages share',
      ['GET /', finding('body/html/body/footer[0]/p[0]/text()', 'value', '"2025"', '"2026"')],
      ['GET /products/{id}', finding('body/html/body/footer[0]/p[0]/text()', 'value', '"a"', '"b"')],
    ],
    [
      'a flag that is inverted',
      ['GET /a', finding('body/on', 'value', 'true', 'false')],
      ['GET /a', finding('body/on', 'value', 'false', 'true')],
    ],
    [
      'prices in cents, of numbers with and without a fraction',
      ['GET /a', finding('body/price', 'value', '12.5', '1250')],
      ['GET /a', finding('body/price', 'value', '3', '300')],
    ],
    [
      'a candidate that nobody can reach',
      ['GET /a', finding('status', 'failure', '200', '"refused"')],
      ['GET /b', finding('status', 'failure', '200', '"refused"')],
    ],
  ];
  test.each(same)('%s', (_name, [one, first], [other, second]) => {
    expect(ids(one, first)).toEqual(ids(other, second));
  });

  test('a member that was renamed: gone under one name, come under another', () => {
    const rows = [0, 1].flatMap((row) => [
      finding(`body/items/${row}/total`, 'removed', `"${row} EUR"`),
      finding(`body/items/${row}/sum`, 'added', undefined, `"${row} EUR"`),
    ]);
    const { signatures } = causesOf(at('GET /orders'), rows);
    expect(signatures).toMatchObject([{ pathPattern: 'body/items/*/total', transition: 'renamed to sum' }]);
  });

  test('a landmark of a page in which more than three places differ', () => {
    const many = Array.from({ length: 5 }, (_, i) =>
      finding(`body/html/body/footer[0]/p.n${i}[0]/text()`, 'value', '"a"', '"b"'),
    );
    const { signatures } = causesOf(at('GET /'), many);
    expect(signatures).toMatchObject([{ pathPattern: 'body/html/body/footer', transition: 'another one' }]);
  });
});

describe('are two causes', () => {
  const different: readonly [string, [string, Finding], [string, Finding]][] = [
    ['other members', ['GET /a', finding('body/x', 'removed', '1')], ['GET /a', finding('body/y', 'removed', '1')]],
    [
      'members of one name in two families',
      ['GET /products', finding('body/items/0/name', 'value', '"a"', '"b"')],
      ['GET /users', finding('body/items/0/name', 'value', '"a"', '"b"')],
    ],
    [
      'a price in cents and one that is just wrong',
      ['GET /a', finding('body/price', 'value', '12', '1200')],
      ['GET /a', finding('body/price', 'value', '12', '13')],
    ],
    [
      'another time zone and another time',
      ['GET /a', finding('body/at', 'value', '"2026-03-01T10:00:00Z"', '"2026-03-01T11:00:00Z"')],
      ['GET /a', finding('body/at', 'value', '"2026-03-01T10:00:00Z"', '"2026-03-01T10:07:13Z"')],
    ],
    [
      'one status at two endpoints',
      ['GET /a', finding('status', 'value', '200', '500')],
      ['GET /b', finding('status', 'value', '200', '500')],
    ],
    [
      'two statuses at one endpoint',
      ['GET /a', finding('status', 'value', '200', '404')],
      ['GET /a', finding('status', 'value', '200', '500')],
    ],
    [
      'a value that became null and one that is gone',
      ['GET /a', finding('body/x', 'type', '1', null)],
      ['GET /a', finding('body/x', 'removed', '1')],
    ],
  ];
  test.each(different)('%s', (_name, [one, first], [other, second]) => {
    expect(ids(one, first)).not.toEqual(ids(other, second));
  });

  test('and a pair that has both names both, the gravest first', () => {
    const gone = finding('body/a', 'removed', '1');
    const wrong = finding('body/b', 'value', '1', '2');
    expect(ids('GET /a', gone, wrong)).toEqual([...ids('GET /a', gone), ...ids('GET /a', wrong)]);
  });

  test('where something is gone and something else came', () => {
    const findings = [finding('body/a', 'removed', '1'), finding('body/b', 'added', undefined, '"x"')];
    expect(causesOf(at('GET /a'), findings).signatures).toHaveLength(2);
  });
});

const anyFinding = fc
  .record({
    path: fc.constantFrom(
      'body/a',
      'body/items/0/b',
      'body/items/1/c',
      'header:etag',
      'status',
      'body/html/body/nav[0]/a[1]',
    ),
    kind: fc.constantFrom<DifferenceKind[]>(
      'removed',
      'type',
      'value',
      'added',
      'order',
      'whitespace',
      'failure',
      'alias',
    ),
    control: fc.option(fc.oneof(fc.string(), fc.constantFrom('1', '2.5', 'true')), { nil: undefined }),
    candidate: fc.option(fc.oneof(fc.string(), fc.constantFrom('1', '250', 'false')), { nil: undefined }),
  })
  .map(({ path, kind, control, candidate }) => finding(path, kind, control, candidate));

test('whatever differs has a cause, at most 12 are told, no id twice, and the rest is said to be there', () => {
  fc.assert(
    fc.property(fc.array(anyFinding, { minLength: 1, maxLength: 60 }), (findings) => {
      const { signatures } = causesOf(at('GET /a'), findings);
      expect(signatures.length).toBeGreaterThan(0);
      expect(signatures.length).toBeLessThanOrEqual(MAX_CAUSES);
      expect(new Set(signatures.map(({ id }) => id)).size).toBe(signatures.length);
    }),
  );
  const many = Array.from({ length: 40 }, (_, i) => finding(`body/m${i}x`, 'removed', '1'));
  expect(causesOf(at('GET /a'), many)).toMatchObject({ more: true, signatures: { length: MAX_CAUSES } });
});

test.each([
  ['body/items/3/price', 'body/items/*/price', true],
  ['body/html/body/main/p[2]/text()', 'body/html/body/main/p.price[*]/text()', true],
  ['body/html/body/main/p/text()', 'body/html/body/main/p.price[*]/text()', true],
  ['body/html/body/main/h2/text()', 'body/html/body/main/p.price[*]/text()', false],
  ['body/html/body/footer/p[1]/text()', 'body/html/body/footer', true],
  ['body/items', 'body/items/*', false],
])('the path %s is at %s: %s', (path, pattern, expected) => {
  expect(isAt(path, pattern)).toBe(expected);
});

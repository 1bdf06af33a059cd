import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EndpointId, TenantId } from '../core/cell.ts';
import type { Answer } from '../core/observation.ts';
import type { ComparisonResult } from '../core/verdict.ts';
import { AnswerCapture } from '../proxy/capture.ts';
import { CapturePool } from '../proxy/capture-pool.ts';
import { Comparer } from './comparer.ts';

const BOUND = 128 * 1024;
const AT = Date.parse('2026-05-10T12:00:00Z');

/** A body as the proxy captures it. */
function captured(body: string, type: string, maxBytes = BOUND): Answer {
  const capture = new AnswerCapture(new CapturePool(64 * 1024 * 1024), maxBytes);
  capture.head({ status: 200, statusMessage: 'OK', rawHeaders: ['Content-Type', type], contentLength: undefined });
  const bytes = Buffer.from(body);
  for (let at = 0; at < bytes.length; at += 16_384) capture.add(bytes.subarray(at, at + 16_384));
  return capture.finish({ firstByteMs: 1, durationMs: 2 });
}

function compare(type: string, a: string, b: string, maxBytes = BOUND): ComparisonResult {
  const comparer = new Comparer({
    policy: { rules: [], headers: ['content-type'], keyOrder: false },
    limits: { maxDecodedBytes: 8 * 1024 * 1024, timeoutMs: 20_000 },
  });
  return comparer.compare({
    id: 'e1',
    at: AT,
    cell: { tenant: 'acme' as TenantId, endpoint: 'GET /export' as EndpointId },
    direction: 'forward',
    request: { method: 'GET', target: '/export', headers: [] },
    control: captured(a, type, maxBytes),
    candidate: captured(b, type, maxBytes),
    gapMs: 20,
    versions: { control: 'a', candidate: 'b' },
  });
}

function story(result: ComparisonResult): string {
  const open = result.differences.filter((d) => d.noise === undefined);
  return [result.reason ?? result.verdict, ...open.map((d) => `${d.kind} ${d.path}`)].join(', ');
}

/** Rows that no two places have alike: about 700 KiB in all. */
const ROWS = Array.from({ length: 12_000 }, (_, n) => ({
  id: n,
  name: `thing ${(n * 7919) % 12_007}`,
  price: (n * 31) % 977,
}));
type Row = (typeof ROWS)[number];
const withRow = (at: number, change: Partial<Row>): Row[] =>
  ROWS.map((row, n) => (n === at ? { ...row, ...change } : row));
const time = (seconds: number) => new Date(AT + seconds * 1000).toISOString();

const jsonOf = (rows: readonly Row[], at = 0) => JSON.stringify({ at: time(at), items: rows, end: time(at) });
const linesOf = (rows: readonly Row[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const pageOf = (rows: readonly Row[]) =>
  `<!doctype html><html><body><ul>${rows.map(({ id, name, price }) => `<li id="i${id}"><b>${name}</b> ${price} é</li>`).join('')}</ul></body></html>`;
const feedOf = (rows: readonly Row[]) =>
  `<?xml version="1.0"?><!-- a > b --><feed xmlns="urn:x">${rows.map(({ id, name, price }) => `<item id="i${id}"><name q=">"><![CDATA[${name} <]]></name><price>${price}</price><end/></item>`).join('')}</feed>`;
const formOf = (rows: readonly Row[]) =>
  rows.map(({ id, name, price }) => `name${id}=${name}&price${id}=${price}`).join('&');

describe('what was captured differs, and everything behind it is equal', () => {
  test.each<[string, string, (rows: readonly Row[]) => string, string]>([
    ['JSON on one line', 'application/json', (rows) => JSON.stringify({ items: rows }), 'body/items/50/price'],
    ['lines of JSON', 'application/x-ndjson', linesOf, 'body/lines/50/price'],
    ['a page', 'text/html', pageOf, 'body/html/body/ul/li[51]/text()'],
    ['text', 'text/plain', linesOf, 'body/line/51'],
    ['XML', 'application/xml', feedOf, 'body/feed/item[51]/price/text()'],
    ['a form', 'application/x-www-form-urlencoded', formOf, 'body/price50'],
  ])('%s is compared as what it is', (_, type, write, path) => {
    expect(story(compare(type, write(ROWS), write(withRow(50, { price: 1_000_000 }))))).toBe(`mismatch, value ${path}`);
  });

  test('what is noise there is no difference, and the pair matches', () => {
    const body = (at: number) => JSON.stringify({ at: time(at), items: ROWS });
    expect(compare('application/json', body(0), body(2))).toMatchObject({
      verdict: 'match',
      differences: [{ path: 'body/at', noise: 'time' }],
    });
  });

  test('a row more shifts nothing', () => {
    const more = [...ROWS.slice(0, 60), { id: -1, name: 'new', price: 0 }, ...ROWS.slice(60)];
    expect(story(compare('application/x-ndjson', linesOf(ROWS), linesOf(more)))).toBe('mismatch, added body/lines/60');
  });
});

describe('long bodies that were captured whole', () => {
  test.each<[string, string, (rows: readonly Row[]) => string, string]>([
    ['XML', 'application/xml', feedOf, 'body/feed/item[6001]/price/text()'],
    ['a form', 'application/x-www-form-urlencoded', formOf, 'body/price3000'],
    ['a page', 'text/html', pageOf, 'body/html/body/ul/li[6001]/text()'],
  ])('%s is a tree', (name, type, write, path) => {
    // Of a form 10,000 fields are told apart.
    const at = name === 'a form' ? 3_000 : 6_000;
    const result = compare(type, write(ROWS), write(withRow(at, { price: 1_000_000 })), 2 * 1024 * 1024);
    expect(story(result)).toBe(`mismatch, value ${path}`);
  });
});

describe('only the last bytes differ', () => {
  test('lines are compared by lines', () => {
    const other = withRow(11_990, { price: 1_000_000 });
    expect(story(compare('application/x-ndjson', linesOf(ROWS), linesOf(other)))).toMatch(
      /^mismatch, value body\/end\/line\/\d+$/,
    );
  });

  test('of anything else what differs is told, and may be noise', () => {
    const body = (end: string) => JSON.stringify({ items: ROWS, end });
    expect(story(compare('application/json', body('red'), body('blue')))).toBe('mismatch, value body/end');
    expect(compare('application/json', body('red'), body('blue')).differences[0]).toMatchObject({
      control: '"end":"red"',
      candidate: '"end":"blue"',
    });
    expect(compare('application/json', body(time(0)), body(time(2)))).toMatchObject({
      verdict: 'match',
      differences: [{ path: 'body/end', noise: 'time' }],
    });
  });
});

describe('what was never seen', () => {
  test('differs with one length: nobody can tell', () => {
    expect(story(compare('application/json', jsonOf(ROWS), jsonOf(withRow(6_000, { price: 999 }))))).toBe('tooLarge');
    expect(story(compare('text/html', pageOf(ROWS), pageOf(withRow(6_000, { name: 'thing 1' }))))).toMatch(
      /^(tooLarge|mismatch, value body)$/,
    );
  });

  test('another length with an equal beginning is told with the place', () => {
    const [mine, theirs] = [linesOf(ROWS), linesOf(ROWS.filter(({ id }) => id !== 6_000))];
    const result = compare('application/x-ndjson', mine, theirs);
    expect(story(result)).toBe('mismatch, value body');
    const [, from, until] =
      /^\d+ bytes, sha256 [\da-f]{16}, differs at or behind byte (\d+) to byte (\d+)$/.exec(
        result.differences[0]?.control ?? '',
      ) ?? [];
    const place = mine.indexOf('{"id":6000');
    expect(Number(from)).toBeLessThanOrEqual(place);
    expect(Number(until)).toBeGreaterThan(place);
    // One region of at most a few chunks, not half a body.
    expect(Number(until) - Number(from)).toBeLessThan(100_000);
  });

  test('differs in two places: the one that was captured is told', () => {
    const other = withRow(50, { price: 1_000_000 }).map((row) => (row.id === 6_000 ? { ...row, name: 'other' } : row));
    expect(story(compare('application/x-ndjson', linesOf(ROWS), linesOf(other)))).toBe(
      'mismatch, value body/lines/50/price',
    );
    // Where only the place of the cut differs, the last lines captured speak against nobody.
    const longer = (at: number, name: string) => `{"at":"${time(at)}"}\n${linesOf(withRow(6_000, { name }))}`;
    const result = compare('application/x-ndjson', longer(0, 'aaaaa'), longer(2, 'bbbbb').replace('{', '{          '));
    expect(story(result)).toBe('tooLarge');
    expect(story(compare('application/x-ndjson', linesOf(ROWS), linesOf(other.filter(({ id }) => id !== 70))))).toBe(
      'mismatch, removed body/lines/70, value body/lines/50/price',
    );
    const times = (at: number, name: string) => JSON.stringify({ at: time(at), items: withRow(6_000, { name }) });
    expect(compare('application/json', times(0, 'aaaaa'), times(2, 'bbbbb')).verdict).not.toBe('match');
  });
});

test('bytes are told with the place where they part', () => {
  const body = 'x'.repeat(50_000) + linesOf(ROWS);
  const other = `${body.slice(0, 60_000)}?${body.slice(60_001)}`;
  const { differences } = compare('application/pdf', body, other);
  expect(differences[0]?.control).toMatch(/differs from byte 60000 to byte \d+$/);
});

test('a body that is gone, and one that ends early', () => {
  expect(story(compare('application/json', jsonOf(ROWS), ''))).toBe('mismatch, removed body');
  expect(story(compare('application/json', jsonOf(ROWS), jsonOf(ROWS).slice(0, 100_000)))).toMatch(/^mismatch/);
});

test('whatever is changed anywhere, no long body matches that is not equal', () => {
  const types = fc.constantFrom(
    'application/json',
    'text/html',
    'text/plain',
    'application/x-ndjson',
    'text/xml',
    'image/png',
  );
  const body = jsonOf(ROWS);
  fc.assert(
    fc.property(types, fc.nat(body.length - 1), fc.string({ maxLength: 20 }), fc.nat(30), (type, at, put, cut) => {
      const other = body.slice(0, at) + put + body.slice(at + cut);
      const { verdict } = compare(type, body, other);
      // White space between tokens and a time of the request are the only changes that mean nothing here.
      if (other !== body) expect(verdict === 'match' && !isHarmless(body, other)).toBe(false);
      else expect(verdict).toBe('match');
    }),
    { numRuns: 60 },
  );
});

function isHarmless(a: string, b: string): boolean {
  try {
    const plain = (text: string) => JSON.stringify(JSON.parse(text)).replaceAll(/2026-05-10T12:[\d:.]+Z/g, '');
    return plain(a) === plain(b);
  } catch {
    return a.replace(/\s+/g, '') === b.replace(/\s+/g, '');
  }
}

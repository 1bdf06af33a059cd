import { describe, expect, test } from 'vitest';
import { EndpointCatalog } from '../core/endpoint-catalog.ts';
import { parsePairLine } from '../verifier/pairs.ts';
import { harPairs } from './har.ts';

const catalog = () => new EndpointCatalog({ listed: [], maxFound: 100 });

function archive(...entries: readonly unknown[]): string {
  return JSON.stringify({ log: { version: '1.2', creator: { name: 'a browser', version: '1' }, entries } });
}

const GOOD = {
  startedDateTime: '2026-01-02T03:04:05.000Z',
  time: 12,
  request: {
    method: 'GET',
    url: 'http://shop.example:8080/orders/7?page=2#top',
    httpVersion: 'HTTP/2',
    headers: [
      { name: ':path', value: '/orders/7' },
      { name: 'accept', value: '*/*' },
    ],
  },
  response: {
    status: 200,
    headers: [
      { name: 'Content-Type', value: 'application/json' },
      { name: 'Content-Encoding', value: 'gzip' },
      { name: 'Content-Length', value: '9' },
    ],
    content: { size: 11, mimeType: 'application/json', text: '{"id":7}' },
  },
};

describe('an HTTP archive', () => {
  test('becomes pairs that compare reads: decoded bodies, the host, no header of HTTP/2', () => {
    const [entry] = harPairs(`\ufeff${archive(GOOD)}`, catalog());
    expect(entry?.pair).toEqual({
      id: 'har-1',
      endpoint: 'GET /orders/{id}',
      at: Date.UTC(2026, 0, 2, 3, 4, 5),
      request: {
        method: 'GET',
        path: '/orders/7?page=2',
        headers: [
          ['Host', 'shop.example:8080'],
          ['accept', '*/*'],
        ],
      },
      control: { status: 200, headers: [['Content-Type', 'application/json']], body: '{"id":7}' },
    });
    expect(parsePairLine(JSON.stringify(entry?.pair))).toMatchObject({ ok: true });
  });

  test('a base64 body keeps its bytes, an entry without answer is a failure, one without body has none', () => {
    const bytes = Buffer.from([0, 255, 10, 200]);
    const entries = harPairs(
      archive(
        { ...GOOD, response: { ...GOOD.response, content: { text: bytes.toString('base64'), encoding: 'base64' } } },
        { ...GOOD, response: { status: 0, headers: [], content: { size: 0 } } },
        { ...GOOD, response: { status: 204, headers: [], content: {} } },
      ),
      catalog(),
    );
    expect(entries.map(({ pair }) => pair?.control)).toEqual([
      { status: 200, headers: [['Content-Type', 'application/json']], bodyBase64: bytes.toString('base64') },
      { failure: 'reset' },
      { status: 204, headers: [] },
    ]);
    for (const { pair } of entries) expect(parsePairLine(JSON.stringify(pair))).toMatchObject({ ok: true });
  });

  test('what is no entry is told with its number, and the others are read', () => {
    const entries = harPairs(
      archive({ request: {} }, GOOD, { ...GOOD, request: { ...GOOD.request, url: 'data:text/plain,x' } }),
      catalog(),
    );
    expect(entries.map(({ number, pair }) => [number, pair !== undefined])).toEqual([
      [1, false],
      [2, true],
      [3, false],
    ]);
    expect(entries[0]?.message).toContain('request.method');
    expect(entries[2]?.message).toContain('no address of HTTP');
  });

  test.each(['', 'not json', '[]', '{"log":{}}'])('%j is refused as none', (text) => {
    expect(() => harPairs(text, catalog())).toThrow('no HTTP archive');
  });
});

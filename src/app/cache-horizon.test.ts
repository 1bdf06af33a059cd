import { describe, expect, test } from 'vitest';
import type { EndpointId, TenantId } from '../core/cell.ts';
import type { Exchange, HeaderList, MirrorDirection } from '../core/observation.ts';
import { CacheHorizon, lifetimeSeconds } from './cache-horizon.ts';

const AT = Date.UTC(2026, 0, 2, 3, 4, 5);

describe('how long a cache may give an answer out', () => {
  test.each([
    [undefined, 0],
    ['', 0],
    ['max-age=60', 60],
    ['public, max-age=60', 60],
    ['Max-Age = "60"', 60],
    ['max-age=60, s-maxage=600', 600],
    ['s-maxage=0, max-age=600', 0],
    ['no-store, max-age=60', 0],
    ['max-age=60, no-cache', 0],
    ['no-cache="set-cookie", max-age=60', 60],
    ['max-age=60, stale-while-revalidate=30', 90],
    ['max-age=60, stale-while-revalidate=30, stale-if-error=300', 360],
    ['x-max-age=60', 0],
    ['max-age=-5', 0],
    ['max-age=99999999999', 365 * 24 * 3_600],
    ['private', 0],
  ])('%j: %i s', (header, expected) => {
    expect(lifetimeSeconds(header)).toBe(expected);
  });

  test('Expires counts where Cache-Control sets no age', () => {
    const expires = new Date(AT + 90_000).toUTCString();
    expect(lifetimeSeconds(undefined, expires, AT)).toBe(90);
    expect(lifetimeSeconds('max-age=5', expires, AT)).toBe(5);
    expect(lifetimeSeconds('no-store', expires, AT)).toBe(0);
    expect(lifetimeSeconds(undefined, '0', AT)).toBe(0);
    expect(lifetimeSeconds(undefined, new Date(AT - 1_000).toUTCString(), AT)).toBe(0);
  });
});

function exchange(endpoint: string, headers: HeaderList, direction: MirrorDirection = 'reverse', at = AT): Exchange {
  const answer = {
    kind: 'answer',
    status: 200,
    headers,
    body: Buffer.alloc(0),
    bodyBytes: 0,
    firstByteMs: 1,
    durationMs: 1,
  } as const;
  return {
    id: 'x',
    at,
    cell: { tenant: 'acme' as TenantId, endpoint: endpoint as EndpointId }, // names of this test
    direction,
    request: { method: 'GET', target: '/', headers: [] },
    control: answer,
    candidate: answer,
    gapMs: 0,
    versions: { control: 'unknown', candidate: 'unknown' },
  };
}

const cached = (seconds: number): HeaderList => [['Cache-Control', `max-age=${seconds}`]];

describe('what a rollback cannot take back', () => {
  test('is the longest time left of what the candidate served, within the scope', () => {
    const horizon = new CacheHorizon();
    expect(horizon.secondsLeft({}, AT)).toBe(0);
    horizon.saw(exchange('GET /a', cached(60)));
    horizon.saw(exchange('GET /b', cached(600)));
    horizon.saw(exchange('GET /b', cached(5)));
    expect(horizon.secondsLeft({}, AT)).toBe(600);
    expect(horizon.secondsLeft({ endpoint: 'GET /a' as EndpointId }, AT + 10_500)).toBe(50);
    expect(horizon.secondsLeft({ endpoint: 'GET /c' as EndpointId }, AT)).toBe(0);
    expect(horizon.secondsLeft({}, AT + 600_000)).toBe(0);
  });

  test('is nothing of what the control served, nor of a candidate that failed', () => {
    const horizon = new CacheHorizon();
    horizon.saw(exchange('GET /a', cached(60), 'forward'));
    horizon.saw({ ...exchange('GET /a', cached(60)), candidate: { kind: 'failure', failure: 'reset', durationMs: 1 } });
    expect(horizon.secondsLeft({}, AT)).toBe(0);
  });

  test('directives in several headers count together', () => {
    const horizon = new CacheHorizon();
    horizon.saw(
      exchange('GET /a', [
        ['Cache-Control', 'max-age=60'],
        ['cache-control', 'no-store'],
      ]),
    );
    expect(horizon.secondsLeft({}, AT)).toBe(0);
  });

  test('endpoints beyond 5,000 share one entry, which is asked for each of them', () => {
    const horizon = new CacheHorizon();
    for (let n = 0; n < 5_000; n += 1) horizon.saw(exchange(`GET /${n}`, cached(10)));
    horizon.saw(exchange('GET /one-more', cached(99)));
    expect(horizon.secondsLeft({ endpoint: 'GET /one-more' as EndpointId }, AT)).toBe(99);
  });
});

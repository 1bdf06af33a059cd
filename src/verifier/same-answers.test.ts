import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exchangeOf, jsonAnswer } from '../../test/support/trial-verifier.ts';
import type { Answer, Exchange, HeaderList } from '../core/observation.ts';
import type { ComparisonPolicy } from '../core/rule.ts';
import { Comparer } from './comparer.ts';
import { areAlike, IDENTICAL } from './same-answers.ts';

const POLICY: ComparisonPolicy = { rules: [], headers: ['content-type', 'vary', 'set-cookie'], keyOrder: false };
const LIMITS = { maxDecodedBytes: 1_000_000, timeoutMs: 60_000 };
const judged = (exchange: Exchange, policy: ComparisonPolicy) =>
  new Comparer({ policy, limits: LIMITS }).compare(exchange);

const headers = fc.array(
  fc.tuple(
    fc.constantFrom('Vary', 'vary', 'Set-Cookie', 'X-Request-Id', 'Content-Encoding', 'ETag', 'Content-Type'),
    fc.constantFrom('a', 'b', 'a=1; Path=/', 'gzip', 'application/json'),
  ),
  { maxLength: 5 },
);
const observation = fc
  .record({
    status: fc.constantFrom(200, 200, 200, 204, 206, 304, 404, 503),
    headers,
    body: fc.constantFrom('{"a":1}', '{"a":1}', '{"a": 1}', '', '{'),
    more: fc.constantFrom<Partial<Answer>>(
      {},
      {},
      {},
      { bodyBytes: 99, bodyDigest: 'd1' },
      { bodyBytes: 99 },
      { isOpen: true },
    ),
    durationMs: fc.constantFrom(5, 5, 5_000),
  })
  .map(({ status, headers, body, more, durationMs }): Answer => {
    const bytes = new TextEncoder().encode(body);
    const times = { firstByteMs: durationMs, durationMs };
    return { kind: 'answer', status, headers, body: bytes, bodyBytes: bytes.length, ...times, ...more };
  });
const policies = fc.constantFrom<ComparisonPolicy>(
  POLICY,
  { ...POLICY, headers: ['etag', ...POLICY.headers] },
  { ...POLICY, slowerThan: { factor: 3, byMs: 500 } },
);

describe('answers that are alike', () => {
  it('are what the comparer calls an identical match', () => {
    let alike = 0;
    const mostlySame = fc
      .tuple(observation, fc.option(observation))
      .map(([one, other]) => [one, other ?? one] as const);
    fc.assert(
      fc.property(mostlySame, policies, ([control, candidate], policy) => {
        const exchange = exchangeOf(control, candidate);
        if (!areAlike(exchange, policy)) return;
        alike += 1;
        expect(judged(exchange, policy)).toEqual(IDENTICAL);
      }),
      { numRuns: 500 },
    );
    expect(alike).toBeGreaterThan(20);
  });

  it('may send their headers in another order and have other ones that are not compared', () => {
    const mine: HeaderList = [
      ['Content-Type', 'application/json'],
      ['Vary', 'a'],
      ['Date', 'now'],
    ];
    const theirs: HeaderList = [
      ['vary', 'a'],
      ['content-type', 'application/json'],
    ];
    const pair = exchangeOf(jsonAnswer({ a: 1 }, { headers: mine }), jsonAnswer({ a: 1 }, { headers: theirs }));
    expect(areAlike(pair, POLICY)).toBe(true);
  });

  it.each<[string, Exchange]>([
    ['another body', exchangeOf(jsonAnswer({ a: 1 }), jsonAnswer({ a: 2 }))],
    ['another status', exchangeOf(jsonAnswer({ a: 1 }), jsonAnswer({ a: 1 }, { status: 201 }))],
    ['a cookie less', exchangeOf(jsonAnswer(1, { headers: [['set-cookie', 'a=1']] }), jsonAnswer(1, { headers: [] }))],
    ['both failing', exchangeOf(jsonAnswer({}, { status: 500 }), jsonAnswer({}, { status: 500 }))],
    ['a failure', exchangeOf(jsonAnswer({}), { kind: 'failure', failure: 'reset', durationMs: 1 })],
    ['names of a session', exchangeOf(jsonAnswer(1), jsonAnswer(1), { session: { pairs: [], broken: [] } })],
    [
      'long bodies of which only the beginning is known',
      exchangeOf(jsonAnswer(1, { bodyBytes: 9 }), jsonAnswer(1, { bodyBytes: 9 })),
    ],
    ['a body too long for the loop that serves', exchangeOf(jsonAnswer('x'.repeat(2e6)), jsonAnswer('x'.repeat(2e6)))],
  ])('%s is left to a thread', (_, exchange) => {
    expect(areAlike(exchange, POLICY)).toBe(false);
  });
});

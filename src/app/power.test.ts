import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { EndpointId } from '../core/cell.ts';
import type { Rule } from '../core/rule.ts';
import type { Pair } from '../verifier/pairs.ts';
import { measurePower } from './power.ts';
import { type Recorded, recordedOfPair, standardOfPairs } from './recorded-traffic.ts';

const HEADERS = ['content-type', 'location', 'set-cookie', 'cache-control', 'vary'];
const LIMITS = { maxDecodedBytes: 8_388_608, timeoutMs: 1_000 };
const AT = Date.UTC(2026, 0, 2, 3, 4, 5);

function order(n: number, at: number, more: object = {}): string {
  return JSON.stringify({
    id: n,
    name: `Order number ${n}`,
    total: 19.99 + n,
    paid: n % 2 === 0,
    note: null,
    trace: randomUUID(),
    madeAt: new Date(at).toISOString(),
    items: [
      { sku: `A-${n}`, count: 2, price: 4.5 },
      { sku: `B-${n}`, count: 1, price: 10.99 },
    ],
    ...more,
  });
}

function answer(body: string): Pair['control'] {
  return {
    status: 200,
    headers: [
      ['content-type', 'application/json'],
      ['cache-control', 'max-age=60'],
      ['vary', 'accept'],
    ],
    body,
  };
}

/** Orders, each read twice from the control. */
const PAIRS: readonly Pair[] = Array.from({ length: 12 }, (_, n) => {
  const at = AT + n * 60_000;
  return {
    id: `p${n}`,
    endpoint: 'GET /orders/{id}',
    at,
    request: { method: 'GET', path: `/orders/${n}`, headers: [] },
    control: answer(order(n, at)),
    controlAgain: answer(order(n, at + 1_500)),
  };
});

function power(rules: readonly Rule[], pairs: readonly Pair[] = PAIRS) {
  const recorded: readonly Recorded[] = pairs.map(recordedOfPair);
  const options = { policy: { rules, headers: HEADERS, keyOrder: false }, limits: LIMITS };
  const [first] = measurePower(recorded, standardOfPairs(options, pairs));
  if (first === undefined) throw new Error('no endpoint');
  return first;
}

const ignore = (name: string, path: string, endpoint?: string): Rule => ({
  kind: 'ignore',
  name,
  reason: 'for the test',
  path,
  counts: false,
  ...(endpoint === undefined ? {} : { endpoint: endpoint as EndpointId }), // as a configuration names it
});

describe('the power of an endpoint', () => {
  test('is nearly whole where only what the control does not repeat is noise', () => {
    const found = power([]);
    expect(found.answers).toBe(10);
    expect(found.faults.length).toBeGreaterThan(15);
    expect(found.power).toBeGreaterThan(0.9);
    expect(found.rules).toEqual([]);
  });

  test('is the same however often it is measured', () => {
    expect(power([ignore('prices', 'body/items/*/price')])).toEqual(power([ignore('prices', 'body/items/*/price')]));
  });

  test('falls by a rule that looks away, which is named with what it alone hides', () => {
    const [without, wide] = [power([]), power([ignore('everything', 'body/**')])];
    expect(wide.power).toBeLessThan((without.power ?? 0) - 0.4);
    expect(wide.rules.map(({ rule }) => rule)).toEqual(['everything']);
    const [cost] = wide.rules;
    expect(cost?.faults.length).toBeGreaterThan(5);
    for (const fault of cost?.faults ?? []) {
      const hidden = wide.faults.find((one) => one.fault === fault);
      expect(hidden?.hiddenBy.map(({ kind, name }) => `${kind} ${name}`)).toContain('rule everything');
    }
  });

  test('a rule of another endpoint costs nothing here, and of two that hide the same none alone hides it', () => {
    const found = power([ignore('elsewhere', 'body/**', 'GET /other')]);
    expect(found.rules).toEqual([]);
    const twice = power([ignore('one', 'body/**'), ignore('two', 'body/**')]);
    expect(twice.rules).toEqual([]);
    expect(twice.power).toBeLessThan(0.6);
  });

  test('a tolerance hides small numbers and no other fault', () => {
    const rule: Rule = { kind: 'tolerance', name: 'cents', reason: 'for the test', path: 'body/**', absolute: 5 };
    const [without, wide] = [power([]), power([rule])];
    expect(wide.power).toBeLessThan(without.power ?? 0);
    const costly = wide.rules[0]?.faults ?? [];
    expect(costly.length).toBeGreaterThan(0);
    expect(costly.length).toBeLessThan(6);
  });

  test('a rule that takes lists in any order costs what only their order shows', () => {
    const found = power([{ kind: 'unordered', name: 'any order', reason: 'for the test', path: 'body/items' }]);
    expect(found.rules.map(({ rule }) => rule)).toEqual(['any order']);
    expect(found.rules[0]?.faults.length).toBeGreaterThan(0);
    expect(found.rules[0]?.faults.length).toBeLessThan(4);
  });

  test('is unknown where no good answer was recorded', () => {
    const [first] = PAIRS;
    if (first === undefined) throw new Error('no pair');
    const pairs: Pair[] = [
      { ...first, control: { failure: 'reset' } },
      { ...first, control: { status: 404, headers: [], body: 'no' } },
    ];
    expect(power([], pairs)).toMatchObject({ answers: 0, faults: [], power: null });
  });

  test('is not measured from answers whose values were left out', () => {
    const bare = PAIRS.slice(0, 2).map((pair) => ({ ...pair, control: answer('{"id":"⟦r:01234567⟧","paid":true}') }));
    expect(power([], bare)).toMatchObject({ answers: 0, power: null });
    expect(power([], [...bare, ...PAIRS.slice(2)])).toMatchObject({ answers: 10 });
  });
});

import { describe, expect, it } from 'vitest';
import { exchangeOf, jsonAnswer } from '../../test/support/trial-verifier.ts';
import type { EndpointId, TenantId } from '../core/cell.ts';
import { AlikeTally } from './alike-tally.ts';
import { Comparer } from './comparer.ts';

const policy = { rules: [], headers: ['content-type'], keyOrder: false };
const comparer = () => new Comparer({ policy, limits: { maxDecodedBytes: 1_000_000, timeoutMs: 20_000 } });
const pair = (endpoint = 'GET /a', candidate = 'v2', status = 200) => {
  const answer = jsonAnswer({ a: 1 }, { status });
  const cell = { tenant: 'acme' as TenantId, endpoint: endpoint as EndpointId };
  return exchangeOf(answer, answer, { cell, versions: { control: 'v1', candidate } });
};

describe('pairs that were alike', () => {
  it('count in how often the candidate differs as if they had been compared one by one', () => {
    const turns = [
      pair(),
      pair(),
      pair('GET /b'),
      pair('GET /a', 'v3'),
      pair('GET /a', 'v2'),
      pair('GET /a', 'v2', 404),
    ];
    const [compared, told] = [comparer(), comparer()];
    for (const exchange of turns) compared.compare(exchange, undefined, true);
    const tally = new AlikeTally();
    for (const exchange of turns) expect(tally.add(0, exchange)).toBe(true);
    for (const count of tally.take(0)) told.countAlike(count);
    for (const endpoint of ['GET /a', 'GET /b'] as EndpointId[])
      expect(told.snapshot(endpoint)).toEqual(compared.snapshot(endpoint));
  });

  it('are told once, to the thread that knows their endpoint', () => {
    const tally = new AlikeTally();
    tally.add(1, pair());
    expect(tally.take(0)).toEqual([]);
    expect(tally.take(1)).toEqual([{ endpoint: 'GET /a', version: 'v2', pairs: 1 }]);
    expect(tally.take(1)).toEqual([]);
  });

  it('have no room where too many endpoints wait to be told', () => {
    const tally = new AlikeTally();
    for (let n = 0; n < 1_000; n += 1) expect(tally.add(0, pair(`GET /${n}`))).toBe(true);
    expect(tally.add(0, pair('GET /more'))).toBe(false);
    expect(tally.add(0, pair('GET /7'))).toBe(true);
    expect(tally.take(0)).toHaveLength(1_000);
    expect(tally.add(0, pair('GET /more'))).toBe(true);
  });
});

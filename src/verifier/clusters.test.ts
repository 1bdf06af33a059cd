import { describe, expect, it } from 'vitest';
import type { EndpointId, TenantId } from '../core/cell.ts';
import type { VerifiedExchange } from '../core/ports.ts';
import type { Difference } from '../core/verdict.ts';
import { ClusterBook } from './clusters.ts';

const difference: Difference = { path: 'body/price', kind: 'value', control: '1', candidate: '2' };

function mismatchOf(
  cause: string,
  more: { id?: string; at?: number; tenant?: string; endpoint?: string; version?: string } = {},
): VerifiedExchange {
  const { id = 'x', at = 1_000, tenant = 'acme', endpoint = 'GET /a', version = 'v1' } = more;
  const cell = { tenant: tenant as TenantId, endpoint: endpoint as EndpointId };
  const signature = {
    id: cause,
    endpoint: cell.endpoint,
    pathPattern: 'body/price',
    kind: 'value',
    transition: 'number → number',
  } as const;
  return {
    id,
    at,
    cell,
    direction: 'forward',
    requestHash: 'r',
    result: { verdict: 'mismatch', differences: [difference], differenceCount: 1, identical: false, signature },
    statuses: { control: 200, candidate: 200 },
    durationsMs: { control: 1, candidate: 1 },
    versions: { control: 'c', candidate: version },
  };
}

describe('clusters', () => {
  it('count mismatches with one signature, keep the first as example and know where it began', () => {
    const book = new ClusterBook();
    book.add(mismatchOf('one', { id: 'x1', at: 10, version: 'v1' }));
    book.add(mismatchOf('one', { id: 'x3', at: 30, tenant: 'globex', version: 'v2' }));
    // Results come in any order.
    const [cluster] = book.add(mismatchOf('one', { id: 'x0', at: 5 }));
    expect(cluster).toEqual({
      id: 'one',
      endpoint: 'GET /a',
      endpoints: [{ endpoint: 'GET /a', count: 3 }],
      pathPattern: 'body/price',
      kind: 'value',
      transition: 'number → number',
      count: 3,
      firstSeen: 5,
      lastSeen: 30,
      firstVersion: 'v1',
      lastVersion: 'v2',
      tenants: 2,
      example: 'x1',
      difference,
    });
  });

  it('show a mismatch of which a copy is kept: where the first has none, the next one that does', () => {
    const book = new ClusterBook();
    const bare: Difference = { path: 'body/price', kind: 'value' };
    const unkept = (id: string): VerifiedExchange => {
      const verified = mismatchOf('one', { id });
      return { ...verified, unkept: true, result: { ...verified.result, differences: [bare] } };
    };
    expect(book.add(unkept('x1'))).toMatchObject([{ count: 1, example: '', difference: bare }]);
    expect(book.add(unkept('x2'))).toMatchObject([{ count: 2, example: '' }]);
    expect(book.add(mismatchOf('one', { id: 'x3' }))).toMatchObject([{ count: 3, example: 'x3', difference }]);
    expect(book.add(unkept('x4'))).toMatchObject([{ count: 4, example: 'x3', difference }]);
    book.examplesGone(['one']);
    expect(book.add(unkept('x5'))).toMatchObject([{ count: 5, example: '', difference: bare }]);
  });

  it('count a mismatch of two causes in both, each with the difference at its place', () => {
    const book = new ClusterBook();
    const verified = mismatchOf('one');
    const first = verified.result.signature;
    if (first === undefined) throw new Error('mismatchOf makes a signature');
    const stock: Difference = { path: 'body/stock', kind: 'value', control: '3', candidate: '4' };
    const signatures = [first, { ...first, id: 'two', pathPattern: 'body/stock' }];
    const result = { ...verified.result, differences: [difference, stock], signatures };
    expect(book.add({ ...verified, result }).map(({ id, difference: shown }) => [id, shown.path])).toEqual([
      ['one', 'body/price'],
      ['two', 'body/stock'],
    ]);
    book.add(mismatchOf('two'));
    expect(book.clusters.map(({ id, count }) => [id, count])).toEqual([
      ['one', 1],
      ['two', 2],
    ]);
  });

  it('tell at which endpoints one cause was seen', () => {
    const book = new ClusterBook();
    for (const endpoint of ['GET /a', 'GET /b', 'GET /a']) book.add(mismatchOf('one', { endpoint }));
    const places = [
      { endpoint: 'GET /a', count: 2 },
      { endpoint: 'GET /b', count: 1 },
    ];
    expect(book.find('one')).toMatchObject({ endpoint: 'GET /a', endpoints: places });
    const after = new ClusterBook();
    after.restore(book.clusters);
    expect(after.clusters).toEqual(book.clusters);
  });

  it('are made of mismatches only', () => {
    const book = new ClusterBook();
    const inconclusive = {
      ...mismatchOf('one'),
      result: { ...mismatchOf('one').result, verdict: 'inconclusive' },
    } as const;
    expect(book.add(inconclusive)).toEqual([]);
    expect(book.clusters).toEqual([]);
  });

  it('show the difference that nothing accounts for', () => {
    const verified = mismatchOf('one');
    const noisy: Difference = { path: 'body/time', kind: 'value', noise: 'time' };
    const result = { ...verified.result, differences: [noisy, difference] };
    expect(new ClusterBook().add({ ...verified, result })[0]?.difference).toEqual(difference);
  });

  it('go on counting after a restart, and never report fewer tenants than before', () => {
    const before = new ClusterBook();
    for (const tenant of ['a', 'b', 'c']) before.add(mismatchOf('one', { tenant }));
    const after = new ClusterBook();
    after.restore(before.clusters);
    expect(after.add(mismatchOf('one', { tenant: 'a' }))[0]).toMatchObject({ count: 4, tenants: 3 });
    for (const tenant of ['b', 'c', 'd']) after.add(mismatchOf('one', { tenant }));
    expect(after.clusters[0]).toMatchObject({ count: 7, tenants: 4 });
  });

  it('take a new example once theirs was pruned', () => {
    const book = new ClusterBook();
    book.add(mismatchOf('one', { id: 'x1', at: 100 }));
    book.prunedBefore(100);
    expect(book.add(mismatchOf('one', { id: 'x2', at: 200 }))[0]?.example).toBe('x1');
    book.prunedBefore(150);
    expect(book.add(mismatchOf('one', { id: 'x3', at: 300 }))[0]?.example).toBe('x3');
    expect(book.add(mismatchOf('one', { id: 'x4', at: 400 }))[0]?.example).toBe('x3');
  });

  it('show no value once their example was deleted, and take the next mismatch', () => {
    const book = new ClusterBook();
    book.add(mismatchOf('one', { id: 'x1', at: 100 }));
    expect(book.clusters[0]?.difference).toHaveProperty('control');
    book.examplesGone(['one', 'nobody']);
    expect(book.clusters[0]).toMatchObject({ example: '', count: 1 });
    expect(book.clusters[0]?.difference).not.toHaveProperty('control');
    expect(book.add(mismatchOf('one', { id: 'x2', at: 100 }))[0]?.example).toBe('x2');
    expect(book.add(mismatchOf('one', { id: 'x3', at: 101 }))[0]?.example).toBe('x2');
  });

  it('are bounded: beyond it each endpoint has one cluster for the rest, and no count is lost', () => {
    const book = new ClusterBook({ maxClusters: 2, maxTenants: 3 });
    for (let index = 0; index < 10; index += 1) {
      book.add(mismatchOf(`cause ${index}`, { endpoint: `GET /${index % 2}`, tenant: `t${index}` }));
    }
    expect(book.clusters.map((cluster) => [cluster.id, cluster.count, cluster.tenants])).toEqual([
      ['cause 0', 1, 1],
      ['cause 1', 1, 1],
      ['other GET /0', 4, 3],
      ['other GET /1', 4, 3],
    ]);
    for (let index = 0; index < 3_000; index += 1) book.add(mismatchOf('new', { endpoint: `GET /e${index}` }));
    expect(book.clusters.length).toBeLessThanOrEqual(1_004);
    expect(book.clusters.reduce((sum, cluster) => sum + cluster.count, 0)).toBe(3_010);
  });
});

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CellKey, EndpointId, TenantId } from '../../src/core/cell.ts';
import { ChainCheck } from '../../src/core/journal/chain.ts';
import type {
  CellCounts,
  Cluster,
  NewJournalEntry,
  Page,
  Paged,
  Store,
  VerifiedExchange,
} from '../../src/core/ports.ts';
import { sha256 } from '../../src/store/journal-hash.ts';

/** A store to examine, and what clears it away. */
export interface StoreUnderTest {
  readonly store: Store;
  readonly dispose: () => Promise<void>;
}

/** What every store promises, whatever it lies on. */
export function storeContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the store's contract`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      ({ store, dispose } = await open());
    });
    afterEach(() => dispose());
    const at = (): Store => store;

    journalAndState(at);
    verified(at);
    recorded(at);
    lists(at);
    documentsAndKeys(at);
    retention(at);
    purges(at);

    test('a closed store refuses with STORE_FAILED, and closing twice is fine', async () => {
      await store.close();
      await store.close();
      await expect(store.loadState()).rejects.toMatchObject({ code: 'STORE_FAILED' });
    });
  });
}

function journalAndState(store: () => Store): void {
  test('the journal counts 1, 2, 3 without holes, whoever writes at the same time', async () => {
    const written = await Promise.all(
      [1, 2, 3, 4].map((n) => store().commit({ journal: [entry({ at: n }), entry({ at: n })], state: [] })),
    );
    expect(written.flat().map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const { items, next } = await store().journal({ limit: 100 });
    expect(items.map(({ sequence }) => sequence)).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
    expect(next).toBeUndefined();
  });

  test('a journal entry comes back as it was written', async () => {
    const facts = { matches: 3_000, of: ['a', null, { deep: true }] };
    const full = entry({ at: 5, evidence: facts, actor: 'tripwire:candidate-failures', reason: 'fünf „Fehler“' });
    const [written] = await store().commit({ journal: [full], state: [] });
    await store().commit({ journal: [entry({ at: 6 })], state: [] });
    const { items } = await store().journal({ limit: 10 });
    expect(items[1]).toEqual({ ...full, sequence: 1, hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(written).toEqual(items[1]);
    expect(items[0]).not.toHaveProperty('evidence');
  });

  test('the journal is chained, also across commits, and read oldest first page by page', async () => {
    const odd = { 'b\ud800': [-0, 1e21, undefined], a: { nested: undefined, at: new Date(0) } };
    const first = [entry({ at: 1 }), entry({ at: 2, reason: 'half \ud83d, nothing \u0000 and \u2028', evidence: odd })];
    const written = [
      ...(await store().commit({ journal: first, state: [] })),
      ...(await store().commit({ journal: [entry({ at: 3, evidence: null }), entry({ at: 4 })], state: [] })),
      ...(await store().commit({ journal: [entry({ at: 5 })], state: [] })),
    ];
    const check = new ChainCheck(sha256, written[3]?.hash);
    const sequences: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await store().journal({ limit: 2, order: 'oldest', ...(cursor === undefined ? {} : { cursor }) });
      for (const one of page.items) check.add({ ok: true, entry: one });
      sequences.push(...page.items.map(({ sequence }) => sequence));
      cursor = page.next;
    } while (cursor !== undefined);
    expect(sequences).toEqual([1, 2, 3, 4, 5]);
    expect(check.report()).toMatchObject({ intact: true, entries: 5, last: { hash: written[4]?.hash } });
    // What every store gives for these entries: another hash would be another format.
    expect(written[4]?.hash).toBe('11f0ebcad9be88c1b9b50fa1e482ce849a068219ea35d2555f7abf7b6eb4d600');
  });

  test('state is replaced by key, and undefined deletes', async () => {
    const state = [
      { key: 'dial:all', value: { dialPpm: 1 } },
      { key: 'revision', value: 1 },
      { key: 'pin:p', value: null },
    ];
    await store().commit({ journal: [], state });
    const next = [
      { key: 'dial:all', value: undefined },
      { key: 'revision', value: 2 },
    ];
    await store().commit({ journal: [], state: next });
    expect([...(await store().loadState())].sort()).toEqual([
      ['pin:p', null],
      ['revision', 2],
    ]);
  });

  test('the journal is filtered by action', async () => {
    await store().commit({ journal: [entry({ action: 'rollback' }), entry({ action: 'dial.set' })], state: [] });
    const { items } = await store().journal({ limit: 10, action: 'rollback' });
    expect(items.map(({ sequence }) => sequence)).toEqual([1]);
  });
}

function verified(store: () => Store): void {
  test('counts add up, also downwards, and a cell with nothing left is gone', async () => {
    await store().addVerified({ counts: [counts('acme', 5), counts('other', 1)], clusters: [], mismatches: [] });
    await store().addVerified({ counts: [counts('acme', 2)], clusters: [], mismatches: [] });
    await store().addVerified({ counts: [counts('acme', -3), counts('other', -1)], clusters: [], mismatches: [] });
    expect(await store().loadCounts()).toEqual([counts('acme', 4)]);
  });

  test('a cluster replaces the one of the same id', async () => {
    await store().addVerified({ counts: [], clusters: [cluster('c1', { count: 3 })], mismatches: [] });
    await store().addVerified({ counts: [], clusters: [cluster('c1', { count: 7 })], mismatches: [] });
    expect(await store().cluster('c1')).toEqual(cluster('c1', { count: 7 }));
    expect((await store().clusters({ limit: 10 })).items).toHaveLength(1);
    expect(await store().cluster('c2')).toBeUndefined();
  });

  test('a mismatch comes back as it was stored', async () => {
    const exchange = mismatch('m1', { at: 9 });
    await store().addVerified({ counts: [], clusters: [], mismatches: [exchange] });
    expect(await store().mismatch('m1')).toEqual({ id: 'm1', at: 9, cell: exchange.cell, cluster: 'c1', exchange });
    expect(await store().mismatch('m2')).toBeUndefined();
  });

  test('the newest 20 mismatches of a cluster are kept, and its example', async () => {
    const many = Array.from({ length: 30 }, (_, n) => mismatch(`m${String(n).padStart(2, '0')}`, { at: n }));
    await store().addVerified({ counts: [], clusters: [cluster('c1', { example: 'm00' })], mismatches: many });
    await store().addVerified({ counts: [], clusters: [], mismatches: [mismatch('x', { at: 1, cluster: 'c2' })] });
    const { items } = await store().mismatches({ limit: 100, cluster: 'c1' });
    const newest = many.slice(10).map(({ id }) => id);
    expect(items.map(({ id }) => id)).toEqual([...newest.reverse(), 'm00']);
    expect(await store().mismatch('x')).toBeDefined();
  });

  test('an example that is replaced by another no longer counts', async () => {
    const many = Array.from({ length: 21 }, (_, n) => mismatch(`m${n}`, { at: n }));
    await store().addVerified({ counts: [], clusters: [cluster('c1', { example: 'm0' })], mismatches: many });
    expect(await store().mismatch('m0')).toBeDefined();
    await store().addVerified({ counts: [], clusters: [cluster('c1', { example: 'm20' })], mismatches: [] });
    expect(await store().mismatch('m0')).toBeUndefined();
  });
}

function recorded(store: () => Store): void {
  const record = (...recordings: VerifiedExchange[]) =>
    store().addVerified({ counts: [], clusters: [], mismatches: [], recordings });
  const named = (id: string, requestHash: string, traits: MismatchTraits): VerifiedExchange => ({
    ...mismatch(id, traits),
    requestHash,
    recorded: true,
  });

  test('a recording comes back as it was stored, and takes the place of the one of the same request and tenant', async () => {
    const newer = named('r3', 'same', { at: 3 });
    await record(named('r1', 'same', { at: 1 }), named('r2', 'same', { at: 2, tenant: 'other' }));
    await record(newer);
    const { items } = await store().recordings({ limit: 10 });
    expect(items.map(({ id }) => id)).toEqual(['r3', 'r2']);
    expect(items[0]).toEqual({ id: 'r3', at: 3, cell: newer.cell, exchange: newer });
    expect(await store().mismatch('r3')).toBeUndefined();
  });

  test('the newest 20 recordings of an endpoint are kept, and listed by endpoint and time, page by page', async () => {
    const many = Array.from({ length: 30 }, (_, n) => named(`r${n}`, `h${n}`, { at: n }));
    await record(...many, named('b', 'h1', { at: 7, endpoint: 'GET /b' }));
    const of = (filter: Omit<Parameters<Store['recordings']>[0], 'limit'>) =>
      everything((page) => store().recordings({ ...page, ...filter }), 3);
    expect((await of({ endpoint: 'GET /a' as EndpointId })).map(({ at }) => at)).toEqual(
      Array.from({ length: 20 }, (_, n) => 29 - n),
    );
    expect((await of({ endpoint: 'GET /b' as EndpointId })).map(({ id }) => id)).toEqual(['b']);
    expect((await of({ since: 28 })).map(({ id }) => id)).toEqual(['r29', 'r28']);
    expect(await of({})).toHaveLength(21);
  });

  test('recordings go by age, and first of all where the store is too large', async () => {
    await record(named('old', 'h1', { at: 1 }), named('new', 'h2', { at: 9 }));
    await store().addVerified({ counts: [], clusters: [], mismatches: [mismatch('m', { at: 9 })] });
    expect(await store().prune({ olderThan: 5, maxBytes: 1e12 })).toEqual({ mismatches: 0, clusters: 0 });
    expect((await store().recordings({ limit: 10 })).items.map(({ id }) => id)).toEqual(['new']);
    expect(await store().prune({ olderThan: 0, maxBytes: 1 })).toEqual({ mismatches: 1, clusters: 0 });
    expect((await store().recordings({ limit: 10 })).items).toEqual([]);
  });
}

function purges(store: () => Store): void {
  test('what was kept of a tenant is deleted, and the clusters that showed it show no values', async () => {
    const mine = mismatch('m1', { cluster: 'c1', tenant: 'acme' });
    const theirs = mismatch('m2', { cluster: 'c2', tenant: 'acme2' });
    const others = [theirs, mismatch('m3', { cluster: 'c1', tenant: 'ac' })];
    const clusters = [
      cluster('c1', { example: 'm1' }),
      cluster('c2', { example: 'm2' }),
      cluster('c3', { example: 'gone' }),
    ];
    await store().addVerified({
      counts: [],
      clusters,
      mismatches: [mine, ...others],
      recordings: [
        { ...mine, recorded: true },
        { ...theirs, id: 'r2', recorded: true },
      ],
    });
    const purged = await store().purge('acme' as TenantId);
    // Whose the example of c3 was, nobody knows.
    expect({ ...purged, clusters: [...purged.clusters].sort() }).toEqual({
      mismatches: 1,
      recordings: 1,
      clusters: ['c1', 'c3'],
    });
    expect((await store().mismatches({ limit: 10 })).items.map(({ id }) => id).sort()).toEqual(['m2', 'm3']);
    expect((await store().recordings({ limit: 10 })).items.map(({ id }) => id)).toEqual(['r2']);
    const blank = await store().cluster('c1');
    expect(blank).toMatchObject({ example: '', count: clusters[0]?.count });
    expect(blank?.difference).not.toHaveProperty('control');
    expect(blank?.difference).not.toHaveProperty('candidate');
    expect((await store().cluster('c2'))?.example).toBe('m2');
    expect(await store().purge('acme' as TenantId)).toEqual({ mismatches: 0, recordings: 0, clusters: [] });
  });
}

function lists(store: () => Store): void {
  test('clusters are listed by count, largest first, also where counts are equal, page by page', async () => {
    const clusters = [4, 9, 4, 1, 4].map((count, n) => cluster(`c${n}`, { count }));
    await store().addVerified({ counts: [], clusters, mismatches: [] });
    const all = await everything((page) => store().clusters(page), 2);
    expect(all.map(({ count }) => count)).toEqual([9, 4, 4, 4, 1]);
    expect(new Set(all.map(({ id }) => id)).size).toBe(5);
  });

  test('mismatches are listed newest first, page by page, while new ones arrive', async () => {
    const some = [3, 1, 3, 2].map((time, n) => mismatch(`m${n}`, { at: time, cluster: `c${n}` }));
    await store().addVerified({ counts: [], clusters: [], mismatches: some });
    const first = await store().mismatches({ limit: 2 });
    await store().addVerified({ counts: [], clusters: [], mismatches: [mismatch('new', { at: 8 })] });
    const second = await store().mismatches({ limit: 2, ...cursorOf(first) });
    expect([...first.items, ...second.items].map(({ at }) => at)).toEqual([3, 3, 2, 1]);
    expect(second.next).toBeUndefined();
  });

  test('lists are filtered by cluster, cell and endpoint', async () => {
    const mismatches = [
      mismatch('m1', { cluster: 'c1' }),
      mismatch('m2', { cluster: 'c2', tenant: 'other' }),
      mismatch('m3', { cluster: 'c2', endpoint: 'GET /b' }),
    ];
    const clusters = [cluster('c1', {}), cluster('c2', { endpoint: 'GET /b' as EndpointId })];
    await store().addVerified({ counts: [], clusters, mismatches });
    const ids = async (filter: Omit<Parameters<Store['mismatches']>[0], 'limit'>): Promise<string[]> =>
      (await store().mismatches({ limit: 10, ...filter })).items.map(({ id }) => id).sort();
    expect(await ids({ cluster: 'c2' })).toEqual(['m2', 'm3']);
    expect(await ids({ cell: 'acme GET /a' as CellKey })).toEqual(['m1']);
    expect(await ids({ endpoint: 'GET /a' as EndpointId })).toEqual(['m1', 'm2']);
    expect(await ids({ cluster: 'c2', endpoint: 'GET /b' as EndpointId })).toEqual(['m3']);
    const found = await store().clusters({ limit: 10, endpoint: 'GET /b' as EndpointId });
    expect(found.items.map(({ id }) => id)).toEqual(['c2']);
  });

  test('the journal is read page by page', async () => {
    await store().commit({ journal: [1, 2, 3, 4, 5].map((at) => entry({ at })), state: [] });
    const all = await everything((page) => store().journal(page), 2);
    expect(all.map(({ sequence }) => sequence)).toEqual([5, 4, 3, 2, 1]);
  });

  test('a cursor that is broken or of another list is refused, and so is a page of nothing', async () => {
    await store().commit({ journal: [entry({}), entry({})], state: [] });
    const { next } = await store().journal({ limit: 1 });
    const refused = { code: 'INPUT_INVALID' };
    await expect(store().clusters({ limit: 1, ...(next === undefined ? {} : { cursor: next }) })).rejects.toMatchObject(
      refused,
    );
    for (const cursor of ['', 'x', 'bnVsbA', Buffer.from('["journal","1",""]').toString('base64url')]) {
      await expect(store().journal({ limit: 1, cursor })).rejects.toMatchObject(refused);
    }
    for (const limit of [0, -1, 1.5, Number.NaN]) {
      await expect(store().mismatches({ limit })).rejects.toMatchObject(refused);
    }
  });
}

function documentsAndKeys(store: () => Store): void {
  test('documents are kept by kind and key', async () => {
    await store().saveDocuments('noise', [
      { key: 'GET /a', value: { paths: [1] } },
      { key: 'GET /b', value: 2 },
    ]);
    await store().saveDocuments('catalogue', [{ key: 'GET /a', value: 'other' }]);
    await store().saveDocuments('noise', [
      { key: 'GET /a', value: { paths: [1, 2] } },
      { key: 'GET /b', value: undefined },
    ]);
    expect([...(await store().loadDocuments('noise'))]).toEqual([['GET /a', { paths: [1, 2] }]]);
    expect([...(await store().loadDocuments('catalogue'))]).toEqual([['GET /a', 'other']]);
    expect((await store().loadDocuments('none')).size).toBe(0);
  });

  test('the first side recorded for an idempotency key stays', async () => {
    const sides = await Promise.all([
      store().recordKey({ hash: 'h', side: 'candidate', at: 10 }),
      store().recordKey({ hash: 'h', side: 'control', at: 20 }),
      store().recordKey({ hash: 'other', side: 'control', at: 20 }),
    ]);
    expect(sides).toEqual(['candidate', 'candidate', 'control']);
    expect([...(await store().loadKeys(10))].sort()).toEqual([
      ['h', 'candidate'],
      ['other', 'control'],
    ]);
    expect([...(await store().loadKeys(11))]).toEqual([['other', 'control']]);
  });
}

function retention(store: () => Store): void {
  const unbounded = 1e12;

  test('what is older than the retention goes; the example of a cluster that is still seen, and the journal, stay', async () => {
    await store().commit({ journal: [entry({ at: 1 })], state: [{ key: 'revision', value: 1 }] });
    await store().recordKey({ hash: 'h', side: 'control', at: 1 });
    await store().addVerified({
      counts: [counts('acme', 1)],
      clusters: [cluster('old', { lastSeen: 4, example: 'm1' }), cluster('seen', { lastSeen: 9, example: 'm2' })],
      mismatches: [
        mismatch('m1', { at: 1, cluster: 'old' }),
        mismatch('m2', { at: 2, cluster: 'seen' }),
        mismatch('m3', { at: 3, cluster: 'seen' }),
        mismatch('m9', { at: 9, cluster: 'seen' }),
      ],
    });
    expect(await store().prune({ olderThan: 5, maxBytes: unbounded })).toEqual({ mismatches: 2, clusters: 1 });
    expect((await store().mismatches({ limit: 10 })).items.map(({ id }) => id)).toEqual(['m9', 'm2']);
    expect((await store().clusters({ limit: 10 })).items.map(({ id }) => id)).toEqual(['seen']);
    expect((await store().journal({ limit: 10 })).items).toHaveLength(1);
    expect((await store().loadState()).size).toBe(1);
    expect(await store().loadCounts()).toHaveLength(1);
    expect((await store().loadKeys(0)).size).toBe(0);
  });

  test('a store that is too large loses its oldest mismatches first, never its journal', async () => {
    await store().commit({ journal: [entry({ at: 1 })], state: [] });
    for (let round = 0; round < 10; round += 1) {
      const mismatches = Array.from({ length: 100 }, (_, n) =>
        mismatch(`m${round}-${n}`, { at: round * 100 + n, cluster: `c${round}-${n}`, body: 'x'.repeat(4_000) }),
      );
      const clusters = mismatches.slice(0, 1).map(({ id }) => cluster(`c${id.slice(1)}`, { example: id }));
      await store().addVerified({ counts: [], clusters, mismatches });
    }
    const before = await store().size();
    expect(before).toBeGreaterThan(4_000_000);
    const { mismatches, clusters } = await store().prune({ olderThan: 0, maxBytes: 3_000_000 });
    expect(mismatches).toBeGreaterThan(100);
    expect(mismatches).toBeLessThan(990);
    expect(clusters).toBe(0);
    expect(await store().size()).toBeLessThan(3_100_000);
    expect(await store().mismatch('m9-99')).toBeDefined();
    expect(await store().mismatch('m0-0')).toBeDefined(); // an example
    expect(await store().mismatch('m0-1')).toBeUndefined();
    expect(await store().prune({ olderThan: 0, maxBytes: 1 })).toMatchObject({ clusters: 10 });
    expect((await store().mismatches({ limit: 1 })).items).toEqual([]);
    expect((await store().journal({ limit: 10 })).items).toHaveLength(1);
  });
}

/** All items of a list, `limit` at a time. */
async function everything<T>(read: (page: Page) => Promise<Paged<T>>, limit: number): Promise<T[]> {
  const all: T[] = [];
  let page = await read({ limit });
  for (let pages = 0; pages < 100; pages += 1) {
    expect(page.items.length).toBeLessThanOrEqual(limit);
    all.push(...page.items);
    if (page.next === undefined) return all;
    page = await read({ limit, cursor: page.next });
  }
  throw new Error('The list does not end.');
}

function cursorOf(page: Paged<unknown>): { cursor?: string } {
  return page.next === undefined ? {} : { cursor: page.next };
}

/** A journal entry with something in every field that must be there. */
export function entry(given: Partial<NewJournalEntry>): NewJournalEntry {
  return { at: 1, actor: 'api', action: 'dial.set', scope: 'all', reason: 'because', revision: 1, ...given };
}

function counts(tenant: string, n: number): CellCounts {
  return {
    cell: { tenant: tenant as TenantId, endpoint: 'GET /a' as EndpointId },
    served: { control: n, candidate: 2 * n },
    verdicts: { match: 3 * n, ignored: 4 * n, mismatch: 5 * n, inconclusive: 6 * n },
    unverified: 7 * n,
  };
}

function cluster(id: string, given: Partial<Cluster>): Cluster {
  return {
    id,
    endpoint: 'GET /a' as EndpointId,
    pathPattern: 'body/items/*/price',
    kind: 'type',
    transition: 'number → string',
    count: 1,
    firstSeen: 1,
    lastSeen: 1,
    lastVersion: 'v2',
    endpoints: [{ endpoint: 'GET /a' as EndpointId, count: 1 }],
    firstVersion: 'v2',
    tenants: 1,
    example: 'm1',
    difference: { path: 'body/items/0/price', kind: 'type', control: '1', candidate: '"1"' },
    ...given,
  };
}

interface MismatchTraits {
  readonly at?: number;
  readonly cluster?: string;
  readonly tenant?: string;
  readonly endpoint?: string;
  readonly body?: string;
}

/** A mismatch as the verifier hands it over. */
export function mismatch(id: string, traits: MismatchTraits): VerifiedExchange {
  const endpoint = (traits.endpoint ?? 'GET /a') as EndpointId;
  const signature = {
    id: traits.cluster ?? 'c1',
    endpoint,
    pathPattern: 'body/x',
    kind: 'value' as const,
    transition: 'text → text',
  };
  return {
    id,
    at: traits.at ?? 1,
    cell: { tenant: (traits.tenant ?? 'acme') as TenantId, endpoint },
    direction: 'forward',
    requestHash: 'r',
    result: { verdict: 'mismatch', differences: [], differenceCount: 1, identical: false, signature },
    statuses: { control: 200, candidate: 200 },
    durationsMs: { control: 1.5, candidate: 2 },
    versions: { control: 'v1', candidate: 'v2' },
    request: { method: 'GET', target: '/a', headers: [['accept', '*/*']], secrets: [] },
    answers: { control: { status: 200, body: traits.body ?? 'a' }, candidate: { status: 200, body: 'b' } },
  };
}

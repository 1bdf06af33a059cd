import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { cellOf, servedRecord, verifiedExchange } from '../../test/support/traffic.ts';
import { createLedger } from '../controller/ledger.ts';
import type { EndpointId } from '../core/cell.ts';
import { CutoverError } from '../core/errors.ts';
import type { CellCounts, Cluster, Log, Store, VerifiedExchange } from '../core/ports.ts';
import { createEvents } from '../telemetry/events.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { Recorder } from './recorder.ts';

const ENDPOINT = 'GET /a' as EndpointId; // as live traffic names it
const CELL = cellOf('acme', ENDPOINT);
const DIFFERENCE = { path: 'body/total', kind: 'value', control: '1', candidate: '2' } as const;

function clusterOf(id: string, count = 1): Cluster {
  return {
    id,
    endpoint: ENDPOINT,
    pathPattern: 'body/total',
    kind: 'value',
    transition: 'number → number',
    count,
    firstSeen: 1,
    lastSeen: 1,
    lastVersion: 'v1',
    endpoints: [],
    firstVersion: 'unknown',
    tenants: 1,
    example: 'x1',
    difference: DIFFERENCE,
  };
}

/** What a store took, and whether it takes anything. */
class FailingStore {
  readonly counts: CellCounts[] = [];
  readonly clusters: Cluster[] = [];
  readonly mismatches: VerifiedExchange[] = [];
  readonly recordings: VerifiedExchange[] = [];
  readonly documents: { readonly kind: string; readonly key: string }[] = [];
  readonly deleted: string[] = [];
  readonly pruned: number[] = [];
  writes = 0;
  failure: CutoverError | undefined;
  failDocuments = false;

  #check(): void {
    if (this.failure !== undefined) throw this.failure;
  }
  async addVerified(batch: Parameters<Store['addVerified']>[0]): Promise<void> {
    this.writes += 1;
    this.#check();
    this.counts.push(...batch.counts);
    this.clusters.push(...batch.clusters);
    this.mismatches.push(...batch.mismatches);
    this.recordings.push(...(batch.recordings ?? []));
  }
  async saveDocuments(kind: string, documents: Parameters<Store['saveDocuments']>[1]): Promise<void> {
    this.#check();
    if (this.failDocuments) throw new Error('no room for documents');
    this.documents.push(...documents.map(({ key }) => ({ kind, key })));
    this.deleted.push(...documents.filter(({ value }) => value === undefined).map(({ key }) => `${kind} ${key}`));
  }
  async prune({ olderThan }: Parameters<Store['prune']>[0]): Promise<{ mismatches: number; clusters: number }> {
    this.#check();
    this.pruned.push(olderThan);
    return { mismatches: 0, clusters: 0 };
  }
  async size(): Promise<number> {
    this.#check();
    return 1;
  }
}

function rig() {
  const clock = new ManualClock();
  const store = new FailingStore();
  const ledger = createLedger({ limits: { cells: 100, endpoints: 100 }, clock });
  const logged: string[] = [];
  const say = (event: string): void => void logged.push(event);
  const log: Log = { debug: say, info: say, warn: say, error: say };
  const works: boolean[] = [];
  const prunedBefore: number[] = [];
  const noise = new Map<EndpointId, unknown>([[ENDPOINT, { learned: 1 }]]);
  const recorder = new Recorder({
    store: store as unknown as Store, // the five methods a recorder calls
    ledger,
    clock,
    events: createEvents({ log, metrics: createMetrics().metrics, clock }),
    retention: { maxAgeMs: 1_000_000, maxBytes: 1 },
    noise: () => noise,
    catalog: () => ({ endpoints: [ENDPOINT] }),
    onStore: (isWorking) => works.push(isWorking),
    onPruned: (before) => prunedBefore.push(before),
  });
  const mismatch = (id: string, cluster = 'c1', count = 1): void => {
    const verified = verifiedExchange(CELL, 'mismatch', { id });
    ledger.verified(verified);
    recorder.verified(verified, [clusterOf(cluster, count)]);
  };
  const match = (): void => {
    const verified = verifiedExchange(CELL, 'match');
    ledger.verified(verified);
    recorder.verified(verified, []);
  };
  /** Lets the recorder's timer fire, and what it began end. */
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await recorder.flush();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, store, ledger, logged, works, prunedBefore, noise, recorder, mismatch, match, pass };
}

const full = new CutoverError('STORE_FULL', 'There is no space left on the disk.', { hint: 'Make room.' });

function sumOf(counts: readonly CellCounts[]): number {
  return counts.reduce((sum, { verdicts }) => sum + verdicts.match + verdicts.mismatch, 0);
}

test('what was found is written once a second, in one batch: counts of all, copies of mismatches only', async () => {
  const { store, recorder, ledger, mismatch, match, pass } = rig();
  recorder.start();
  ledger.served(servedRecord({ endpoint: ENDPOINT }));
  for (let n = 0; n < 5; n += 1) match();
  mismatch('x1', 'c1', 1);
  mismatch('x2', 'c1', 2);
  expect(store.writes).toBe(0);
  await pass(1_000);
  expect(store.writes).toBe(1);
  expect(sumOf(store.counts)).toBe(7);
  expect(store.mismatches.map(({ id }) => id)).toEqual(['x1', 'x2']);
  expect(store.clusters).toEqual([clusterOf('c1', 2)]);
  await pass(1_000);
  expect(store.writes, 'nothing new, nothing written').toBe(1);
  await recorder.close();
});

test('a mismatch of which no copy was kept is counted, its cluster written, and nothing else', async () => {
  const { store, ledger, recorder, pass } = rig();
  recorder.start();
  const verified = verifiedExchange(CELL, 'mismatch', { id: 'x1', unkept: true });
  ledger.verified(verified);
  recorder.verified(verified, [clusterOf('c1', 21)]);
  await pass(1_000);
  expect(sumOf(store.counts)).toBe(1);
  expect(store.clusters).toEqual([clusterOf('c1', 21)]);
  expect(store.mismatches).toEqual([]);
  await recorder.close();
});

test('I6: what a failing store did not take is neither lost nor counted twice', async () => {
  const { store, recorder, works, logged, mismatch, match, pass } = rig();
  recorder.start();
  store.failure = full;
  match();
  mismatch('x1');
  await pass(1_000);
  expect(works).toEqual([false]);
  expect(recorder.trouble).toBe('There is no space left on the disk. Make room.');
  match();
  mismatch('x2', 'c1', 2);
  await pass(5_000);
  expect(works, 'told once').toEqual([false]);
  store.failure = undefined;
  await pass(5_000);
  expect(works).toEqual([false, true]);
  expect(recorder.trouble).toBe('');
  expect(sumOf(store.counts)).toBe(4);
  expect(store.mismatches.map(({ id }) => id)).toEqual(['x1', 'x2']);
  expect(store.clusters, 'the newest count of a cluster').toEqual([clusterOf('c1', 2)]);
  expect(logged).toContain('store.failed');
  expect(logged.at(-1)).toBe('store.recovered');
  await recorder.close();
});

test('a failing store is tried every five seconds, not every second', async () => {
  const { store, recorder, match, clock, pass } = rig();
  recorder.start();
  store.failure = full;
  match();
  await pass(1_000);
  const { writes } = store;
  clock.advance(4_999);
  await new Promise((resolve) => setImmediate(resolve));
  expect(store.writes).toBe(writes);
  clock.advance(1);
  await new Promise((resolve) => setImmediate(resolve));
  expect(store.writes).toBe(writes + 1);
  store.failure = undefined;
  await recorder.close();
});

test('a store that failed is asked whether it works although nothing new was found', async () => {
  const { store, recorder, works, match, pass } = rig();
  recorder.start();
  match();
  await pass(1_000);
  store.failure = full;
  match();
  await pass(1_000);
  expect(works).toEqual([false]);
  store.failure = undefined;
  await pass(5_000);
  expect(works).toEqual([false, true]);
  await recorder.close();
});

test('at most 1,000 mismatches wait, and every one of them is counted', async () => {
  const { store, recorder, mismatch, pass } = rig();
  recorder.start();
  store.failure = full;
  for (let n = 0; n < 700; n += 1) mismatch(`a${n}`);
  await pass(1_000);
  for (let n = 0; n < 700; n += 1) mismatch(`b${n}`);
  await pass(5_000);
  store.failure = undefined;
  await pass(5_000);
  expect(store.mismatches).toHaveLength(1_000);
  expect(store.mismatches[0]?.id).toBe('a0');
  expect(sumOf(store.counts)).toBe(1_400);
  await recorder.close();
});

test('what was learned is written every 15 seconds, and only where it changed', async () => {
  const { store, recorder, noise, pass } = rig();
  recorder.start();
  await pass(1_000);
  expect(store.documents).toEqual([
    { kind: 'noise', key: ENDPOINT },
    { kind: 'catalog', key: 'endpoints' },
  ]);
  noise.set('GET /b' as EndpointId, { learned: 1 });
  await pass(14_000);
  expect(store.documents).toHaveLength(2);
  await pass(1_000);
  expect(store.documents.slice(2)).toEqual([{ kind: 'noise', key: 'GET /b' }]);
  await recorder.close();
});

test('the noise of an endpoint that is no more is deleted, also where the store failed first', async () => {
  const { store, noise, pass } = rig();
  await pass(20_000);
  noise.delete(ENDPOINT);
  store.failDocuments = true;
  await pass(20_000);
  expect(store.deleted).toEqual([]);
  store.failDocuments = false;
  await pass(20_000);
  await pass(20_000);
  expect(store.deleted).toEqual([`noise ${ENDPOINT}`]);
});

test('what was learned and could not be written is written whole the next time', async () => {
  const { store, recorder, works, pass } = rig();
  recorder.start();
  store.failDocuments = true;
  await pass(1_000);
  expect(works).toEqual([false]);
  expect(recorder.trouble).toContain('no room for documents');
  store.failDocuments = false;
  await pass(20_000);
  expect(store.documents).toHaveLength(2);
  expect(works.at(-1)).toBe(true);
  await recorder.close();
});

test('what is too old goes every ten minutes, by the time of day', async () => {
  const { store, recorder, prunedBefore, clock, pass } = rig();
  recorder.start();
  await pass(599_000);
  expect(store.pruned).toEqual([]);
  await pass(1_000);
  expect(store.pruned).toEqual([clock.now() - 1_000_000]);
  expect(prunedBefore).toEqual(store.pruned);
  await recorder.close();
});

test('closing writes everything one last time, documents too, and leaves no timer', async () => {
  const { store, recorder, clock, match, noise, pass } = rig();
  recorder.start();
  await pass(1_000);
  match();
  noise.set(ENDPOINT, { learned: 2 });
  await recorder.close();
  expect(sumOf(store.counts)).toBe(1);
  expect(store.documents.at(-1)).toEqual({ kind: 'noise', key: ENDPOINT });
  expect(clock.timers).toBe(0);
});

test('closing over a store that fails ends all the same', async () => {
  const { store, recorder, clock, mismatch } = rig();
  recorder.start();
  store.failure = full;
  mismatch('x1');
  await expect(recorder.close()).resolves.toBeUndefined();
  expect(clock.timers).toBe(0);
});

test('what is recorded is written whatever its verdict, at most a hundred at a time, and kept where the store fails', async () => {
  const { store, recorder, pass } = rig();
  recorder.start();
  const copies = {
    recorded: true,
    request: { method: 'GET', target: '/a', headers: [], secrets: [] },
    answers: { control: { status: 200 }, candidate: { status: 200 } },
  } as const;
  recorder.verified(verifiedExchange(CELL, 'match', { id: 'r0', ...copies }), []);
  recorder.verified(verifiedExchange(CELL, 'inconclusive', { id: 'lost', recorded: true }), []);
  for (let n = 1; n < 150; n += 1) recorder.verified(verifiedExchange(CELL, 'match', { id: `r${n}`, ...copies }), []);
  store.failure = full;
  await pass(1_000);
  store.failure = undefined;
  await pass(5_000);
  expect(store.recordings.map(({ id }) => id)).toEqual(Array.from({ length: 100 }, (_, n) => `r${n}`));
  expect(store.mismatches).toEqual([]);
  await recorder.close();
});

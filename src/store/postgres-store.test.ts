import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { entry, mismatch } from '../../test/contract/store.ts';
import { cuttable } from '../../test/support/cuttable.ts';
import { type PostgresServer, startPostgres } from '../../test/support/postgres.ts';
import type { Log, Store } from '../core/ports.ts';
import { systemClock } from '../telemetry/clock.ts';
import { createLog } from '../telemetry/log.ts';
import { Leadership } from './postgres-leader.ts';
import { lockKey } from './postgres-locks.ts';
import { POSTGRES_MIGRATIONS } from './postgres-migrations.ts';
import { openPostgresStore, type PostgresStoreOptions } from './postgres-store.ts';

const WAIT = { timeout: 40_000, interval: 20 };
let lines: string[];
const log: Log = createLog({ level: 'debug', write: (line) => lines.push(line) });
let server: PostgresServer;
let url: string;
let ends: (() => unknown)[];

beforeAll(async () => {
  server = await startPostgres();
}, 180_000);
afterAll(() => server.stop());
beforeEach(async () => {
  lines = [];
  ends = [];
  url = await server.database();
});
afterEach(async () => {
  for (const end of ends.reverse()) await end();
});

async function opened(more: Partial<PostgresStoreOptions> = {}): Promise<Store> {
  const store = await openPostgresStore({ url, log, ...more });
  ends.push(() => store.close());
  return store;
}

/** A connection of somebody who may do everything. */
function byHand(): postgres.Sql {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  ends.push(() => sql.end());
  return sql;
}

describe('a database that cannot be used is refused', () => {
  test('one that nobody answers for, without telling the password', async () => {
    const away = { url: 'postgres://cutover:hunter22@127.0.0.1:1/nothing' };
    const refused = await opened(away).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'STORE_FAILED',
      hint: expect.stringContaining('server runs'),
      cause: { code: 'ECONNREFUSED' },
    });
    expect(`${String(refused)} ${JSON.stringify(refused)} ${lines.join()}`).not.toContain('hunter22');
  });

  test('an address that is none, without telling it', async () => {
    const refused = await opened({ url: 'mysql://u:hunter22@h/d' }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'USAGE' });
    expect(`${String(refused)} ${JSON.stringify(refused)}`).not.toContain('hunter22');
  });

  test('one that is not there', async () => {
    await expect(opened({ url: `${url}_gone` })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      hint: expect.stringContaining('createdb'),
    });
  });

  test('a version we do not know, which is left as it is: STORE_NEWER', async () => {
    await (await opened()).close();
    const sql = byHand();
    await sql`UPDATE cutover.version SET version = 99`;
    await expect(opened()).rejects.toMatchObject({ code: 'STORE_NEWER', message: expect.stringContaining('99') });
    expect(await sql`SELECT version FROM cutover.version`).toEqual([{ version: 99 }]);
  });

  test('one that says a commit is on disk before it is', async () => {
    await byHand()`ALTER ROLE cutover SET synchronous_commit = off`;
    ends.push(() => byHand()`ALTER ROLE cutover RESET synchronous_commit`);
    await expect(opened()).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('synchronous_commit'),
    });
  });
});

test('processes that start at once on an empty database make the tables once', async () => {
  const stores = await Promise.all(Array.from({ length: 5 }, () => opened()));
  await Promise.all(stores.map((store) => store.commit({ journal: [entry({}), entry({})], state: [] })));
  const { items } = await (stores[0] as Store).journal({ limit: 100, order: 'oldest' });
  expect(items.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test('a step that is added later is made on the tables that are there', async () => {
  const before = await opened();
  await before.commit({ journal: [entry({})], state: [] });
  await before.close();
  const after = await opened({ migrations: [...POSTGRES_MIGRATIONS, 'CREATE TABLE cutover.more (one INTEGER)'] });
  expect((await after.journal({ limit: 9 })).items).toHaveLength(1);
  expect(await byHand()`SELECT * FROM cutover.more`).toEqual([]);
  await expect(opened()).rejects.toMatchObject({ code: 'STORE_NEWER' });
});

test('a step that fails leaves the tables as they were', async () => {
  await (await opened()).close();
  const broken = [...POSTGRES_MIGRATIONS, 'CREATE TABLE cutover.more (one INTEGER)', 'SELECT nonsense'];
  await expect(opened({ migrations: broken })).rejects.toMatchObject({ code: 'STORE_FAILED' });
  const store = await opened();
  await store.commit({ journal: [entry({})], state: [] });
  expect(await byHand()`SELECT to_regclass('cutover.more') AS more`).toEqual([{ more: null }]);
});

test('the journal cannot be changed or deleted, not even by hand', async () => {
  const store = await opened();
  await store.commit({ journal: [entry({})], state: [] });
  const sql = byHand();
  for (const statement of [
    'DELETE FROM cutover.journal',
    "UPDATE cutover.journal SET entry = ''",
    'TRUNCATE cutover.journal',
  ])
    await expect(sql.unsafe(statement)).rejects.toThrow('append-only');
});

test('names with characters that PostgreSQL does not take come back as they were', async () => {
  const store = await opened();
  const odd = mismatch('m1', { tenant: 'a\u0000\\0b' });
  const counts = {
    cell: odd.cell,
    served: { control: 1, candidate: 0 },
    verdicts: { match: 0, ignored: 0, mismatch: 1, inconclusive: 0 },
    unverified: 0,
  };
  await store.addVerified({ counts: [counts], clusters: [], mismatches: [odd] });
  await store.commit({ journal: [], state: [{ key: 'cell:a\u0000', value: '\u0000' }] });
  expect(await store.loadCounts()).toEqual([counts]);
  expect((await store.mismatch('m1'))?.exchange).toEqual(odd);
  expect([...(await store.loadState())]).toEqual([['cell:a\u0000', '\u0000']]);
  expect(await store.purge(odd.cell.tenant)).toMatchObject({ mismatches: 1 });
});

test('a key that two processes record at once has one side in both', async () => {
  const stores = [await opened(), await opened()];
  const hashes = Array.from({ length: 200 }, (_, n) => `h${n}`);
  const [one, two] = await Promise.all(
    stores.map((store, at) =>
      Promise.all(
        // In opposite orders: whoever waits for the other must not wait for ever.
        (at === 0 ? hashes : hashes.toReversed()).map((hash) =>
          store.recordKey({ hash, side: at === 0 ? 'control' : 'candidate', at: 1 }),
        ),
      ),
    ),
  );
  expect(one).toEqual(two?.toReversed());
});

test('a server that was killed is used again once it is back, and has every commit that resolved', async () => {
  const store = await opened();
  let acknowledged = 0;
  for (let n = 1; n <= 20; n += 1) {
    await store.commit({ journal: [entry({ at: n })], state: [{ key: 'revision', value: n }] });
    acknowledged = n;
  }
  const under = store.commit({ journal: [entry({ at: 21 })], state: [] }).catch((error: unknown) => error);
  await server.kill();
  await expect(store.loadState()).rejects.toMatchObject({ code: 'STORE_FAILED' });
  await server.start();
  const last = await under;
  await expect
    .poll(() => store.loadState().catch(() => undefined), WAIT)
    .toEqual(new Map([['revision', acknowledged]]));
  const { items } = await store.journal({ limit: 100 });
  expect(items).toHaveLength(last instanceof Error ? acknowledged : acknowledged + 1);
});

test('a commit whose connection was cut as it ended tells what became of it', async () => {
  const line = await cuttable(server.port);
  ends.push(() => line.close());
  const store = await opened({ url: url.replace(`:${server.port}/`, `:${line.port}/`) });
  await store.commit({ journal: [entry({})], state: [] });
  // The server gets the last word and its answer never comes back.
  line.dropAnswer('COMMIT');
  const made = await store.commit({ journal: [entry({ reason: 'in doubt' })], state: [] });
  expect(made).toMatchObject([{ sequence: 2, reason: 'in doubt' }]);
  expect(lines.join()).toContain('store.commit-in-doubt');
  expect((await store.journal({ limit: 9 })).items).toHaveLength(2);
});

describe('who leads', () => {
  function candidate(name: string, through = url): Leadership {
    const leadership = new Leadership({ url: through, name, address: () => `http://${name}`, clock: systemClock, log });
    ends.push(() => leadership.close());
    return leadership;
  }

  test('is one of many, and the next one as soon as that one is gone', async () => {
    const first = await opened();
    await first.commit({ journal: [entry({})], state: [] });
    const all = ['a', 'b', 'c'].map((name) => candidate(name));
    for (const one of all) await one.start();
    expect(all.map(({ term }) => term)).toEqual([1, undefined, undefined]);
    expect(all[1]?.leader).toMatchObject({ term: 1, name: 'a', address: 'http://a' });
    await all[0]?.close();
    await expect.poll(() => all.filter(({ term }) => term === 2).length, WAIT).toBe(1);
  });

  test('writes, and nobody of an earlier term', async () => {
    const store = await opened();
    const late = await opened({ term: () => 1 });
    const leader = candidate('a');
    await leader.start();
    await late.commit({ journal: [entry({})], state: [] });
    await leader.close();
    const next = candidate('b');
    await expect.poll(() => next.start().then(() => next.term), WAIT).toBe(2);
    const fenced = { code: 'STORE_FENCED', message: expect.stringContaining('term 2') };
    await expect(late.commit({ journal: [entry({})], state: [] })).rejects.toMatchObject(fenced);
    await expect(late.saveDocuments('noise', [{ key: 'a', value: 1 }])).rejects.toMatchObject(fenced);
    await expect(late.addVerified({ counts: [], clusters: [], mismatches: [] })).rejects.toMatchObject(fenced);
    expect((await store.journal({ limit: 9 })).items).toHaveLength(1);
  });

  test('stops by itself when cut off, and is replaced although its connection seems alive', async () => {
    const store = await opened();
    await store.size();
    const line = await cuttable(server.port);
    ends.push(() => line.close());
    const cutOff = candidate('a', url.replace(`:${server.port}/`, `:${line.port}/`));
    await cutOff.start();
    expect(cutOff.term).toBe(1);
    line.stall();
    const next = candidate('b');
    await next.start();
    const seen: (readonly [number | undefined, number | undefined])[] = [];
    await expect
      .poll(() => {
        seen.push([cutOff.term, next.term]);
        return next.term;
      }, WAIT)
      .toBe(2);
    expect(cutOff.term).toBeUndefined();
    expect(seen.filter(([one, other]) => one !== undefined && other !== undefined)).toEqual([]);
  });

  test('two that stand by do not end each other while a write of the leader before is under way', async () => {
    await opened();
    const way = await cuttable(server.port);
    ends.push(() => way.close());
    await candidate('a', url.replace(`:${server.port}/`, `:${way.port}/`)).start();
    const write = byHand();
    await write`SELECT pg_advisory_lock_shared(${lockKey('term')})`;
    way.stall();
    const others = [candidate('b'), candidate('c')];
    for (const other of others) await other.start();
    const terms = (): (number | undefined)[] => others.map(({ term }) => term).filter((term) => term !== undefined);
    // Whoever has the lock waits for the write as long as it may, and nobody ends its session.
    await expect.poll(() => lines.filter((line) => line.includes('lock timeout')).length, WAIT).toBeGreaterThan(0);
    expect(terms()).toEqual([]);
    await write`SELECT pg_advisory_unlock_shared(${lockKey('term')})`;
    await expect.poll(terms, WAIT).toEqual([2]);
    expect(lines.filter((line) => line.includes('leader.cut-off'))).toHaveLength(1);
    expect(lines.join()).not.toContain('CONNECTION_CLOSED');
  });

  test('sees that another one led since, and tells it once that one does', async () => {
    await opened();
    const way = await cuttable(server.port);
    ends.push(() => way.close());
    const told: string[] = [];
    const first = new Leadership({
      url: url.replace(`:${server.port}/`, `:${way.port}/`),
      name: 'a',
      address: () => 'http://a',
      clock: systemClock,
      log,
      onOvertaken: () => told.push('overtaken'),
    });
    ends.push(() => first.close());
    await first.start();
    way.cut();
    await expect.poll(() => first.term, WAIT).toBeUndefined();
    const second = candidate('b');
    await second.start();
    await expect.poll(() => second.term, WAIT).toBe(2);
    expect(told).toEqual([]);
    way.mend();
    await expect.poll(() => told[0], WAIT).toBe('overtaken');
    expect(second.term).toBe(2);
  });

  test('goes on where a restart of the server ended its session', async () => {
    await (await opened()).close();
    const terms: [number, boolean][] = [];
    const leadership = new Leadership({
      url,
      name: 'a',
      address: () => '',
      clock: systemClock,
      log,
      onGained: (term, continues) => terms.push([term, continues]),
    });
    ends.push(() => leadership.close());
    await leadership.start();
    await server.kill();
    await expect.poll(() => leadership.term, WAIT).toBeUndefined();
    await server.start();
    await expect
      .poll(() => terms, WAIT)
      .toEqual([
        [1, false],
        [2, true],
      ]);
  });
});

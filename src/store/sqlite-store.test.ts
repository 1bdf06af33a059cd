import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { entry, mismatch } from '../../test/contract/store.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { Log, Store } from '../core/ports.ts';
import { createLog } from '../telemetry/log.ts';
import { DATABASE_FILE, openSqliteStore } from './sqlite-store.ts';

const quiet: Log = createLog({ level: 'error', write: () => {} });
let dir: string;
let file: string;
const open: Store[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cutover-sqlite-'));
  file = join(dir, DATABASE_FILE);
});
afterEach(async () => {
  for (const store of open.splice(0)) await store.close();
  await rm(dir, { recursive: true });
});

async function opened(options: { maxPages?: number; clock?: ManualClock; worker?: URL } = {}): Promise<Store> {
  const store = await openSqliteStore({ dir, log: quiet, ...options });
  open.push(store);
  return store;
}

/** A database with rows on many pages, closed. */
async function filled(): Promise<Buffer> {
  const store = await opened();
  const journal = Array.from({ length: 2_000 }, (_, at) => entry({ at, reason: `reason ${at}`.repeat(10) }));
  await store.commit({ journal, state: [{ key: 'revision', value: 1 }] });
  await store.close();
  return readFile(file);
}

describe('what was acknowledged is there', () => {
  test('a store that is opened again has everything', async () => {
    await filled();
    const store = await opened();
    expect((await store.journal({ limit: 1 })).items).toMatchObject([{ sequence: 2_000 }]);
    expect([...(await store.loadState())]).toEqual([['revision', 1]]);
  });

  test('closing moves the log into the file', async () => {
    const bytes = await filled();
    expect(bytes.length).toBeGreaterThan(100_000);
    await expect(stat(`${file}-wal`)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('its owner alone may read it, also the log', async () => {
    const store = await opened();
    await store.commit({ journal: [entry({})], state: [] });
    for (const name of [file, `${file}-wal`]) expect((await stat(name)).mode & 0o777).toBe(0o600);
  });

  test('idempotency keys that gather while others are written are answered one by one, also when the store closes', async () => {
    const store = await opened();
    const sides = Array.from({ length: 50 }, (_, n) =>
      store.recordKey({ hash: `h${n % 10}`, side: n < 10 ? 'candidate' : 'control', at: n }),
    );
    const closing = store.close();
    await expect(store.recordKey({ hash: 'late', side: 'control', at: 1 })).rejects.toMatchObject({
      code: 'STORE_FAILED',
    });
    expect(new Set(await Promise.all(sides))).toEqual(new Set(['candidate']));
    await closing;
    expect((await (await opened()).loadKeys(0)).size).toBe(10);
  });

  test('a commit does not wait for the whole of a large pruning', async () => {
    const store = await opened();
    for (let round = 0; round < 20; round += 1) {
      const mismatches = Array.from({ length: 100 }, (_, n) =>
        mismatch(`m${round}-${n}`, { at: 1, cluster: `c${round}-${n}` }),
      );
      await store.addVerified({ counts: [], clusters: [], mismatches });
    }
    const order: string[] = [];
    const pruning = store.prune({ olderThan: 2, maxBytes: 1e9 }).then(({ mismatches }) => order.push(`${mismatches}`));
    await store.commit({ journal: [entry({})], state: [] }).then(() => order.push('commit'));
    await pruning;
    expect(order).toEqual(['commit', '2000']);
  });

  test('calls made before closing are done before it', async () => {
    const store = await opened();
    const written = store.commit({ journal: [entry({})], state: [] });
    await store.close();
    expect(await written).toHaveLength(1);
  });

  test('I5: each commit acknowledged before a kill -9 is in the journal, 50 times over', {
    timeout: 180_000,
  }, async () => {
    let acknowledged = 0;
    for (let round = 0; round < 50; round += 1) {
      acknowledged = Math.max(acknowledged, await killedWriter(5 + (round % 7)));
      const store = await opened();
      const [newest] = (await store.journal({ limit: 1 })).items;
      // One commit may have been written whose acknowledgement was not read.
      expect(newest?.sequence).toBeGreaterThanOrEqual(acknowledged);
      acknowledged = newest?.sequence ?? 0;
      // Journal and state go together, or not at all.
      expect((await store.loadState()).get('last')).toBe(newest?.revision);
      await store.close();
    }
    const store = await opened();
    const { items } = await store.journal({ limit: 1_000 });
    expect(items.map(({ sequence }) => sequence)).toEqual(items.map((_, n) => acknowledged - n));
  });
});

/** Runs a process that commits without end and kills it after so many acknowledgements; gives the last sequence it told. */
async function killedWriter(commits: number): Promise<number> {
  const program = fileURLToPath(new URL('../../test/support/store-writer.ts', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [program, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  let told = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    told += chunk.toString();
    if (told.split('\n').length > commits) child.kill('SIGKILL');
  });
  await once(child, 'close');
  const lines = told.split('\n').slice(0, -1);
  expect(lines.length).toBeGreaterThanOrEqual(commits);
  return Number(lines.at(-1)?.split(' ')[0]);
}

describe('a disk that is full', () => {
  test('refuses with STORE_FULL, keeps what was there, and works again when there is room', async () => {
    let store = await opened({ maxPages: 60 });
    let stored = 0;
    const fill = async (): Promise<void> => {
      for (; stored < 1_000; stored += 1) {
        const exchange = mismatch(`m${stored}`, { at: stored, cluster: `c${stored}`, body: 'x'.repeat(4_000) });
        await store.addVerified({ counts: [], clusters: [], mismatches: [exchange] });
      }
    };
    await expect(fill()).rejects.toMatchObject({ code: 'STORE_FULL', retryable: true });
    expect(stored).toBeGreaterThan(0);
    expect((await store.mismatches({ limit: 1_000 })).items).toHaveLength(stored);
    await store.close();

    store = await opened({ maxPages: 10_000 });
    await fill();
    expect((await store.mismatches({ limit: 1_000 })).items).toHaveLength(1_000);
  });

  test('a limit of the system on the size of files is STORE_FULL too', async () => {
    const program = fileURLToPath(new URL('../../test/support/store-writer.ts', import.meta.url));
    // Blocks of 512 bytes or of 1 KiB, as the shell likes it; the writer is told its first refusal.
    const child = spawn('sh', ['-c', 'ulimit -f 300; exec "$0" "$@"', process.execPath, program, dir], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let told = '';
    child.stderr.on('data', (chunk: Buffer) => {
      told += chunk.toString();
    });
    child.stdout.resume();
    await once(child, 'close');
    expect(told).toContain("code: 'STORE_FULL'");
    const store = await opened();
    const [newest] = (await store.journal({ limit: 1 })).items;
    expect((await store.loadState()).get('last')).toBe(newest?.revision);
  });

  test('has room again after pruning', async () => {
    const store = await opened({ maxPages: 60 });
    const put = (n: number): Promise<void> =>
      store.addVerified({ counts: [], clusters: [], mismatches: [mismatch(`m${n}`, { body: 'x'.repeat(60_000) })] });
    await expect(Promise.all([1, 2, 3, 4, 5].map(put))).rejects.toMatchObject({ code: 'STORE_FULL' });
    await store.prune({ olderThan: 2, maxBytes: 1e9 });
    await put(6);
    expect(await store.mismatch('m6')).toBeDefined();
  });
});

describe('a database that cannot be used is refused and left as it is', () => {
  test.each([
    { what: 'random bytes in its middle', spoil: (bytes: Buffer) => bytes.fill(0xa7, 8_192, bytes.length - 8_192) },
    { what: 'its end cut off', spoil: (bytes: Buffer) => bytes.subarray(0, Math.floor(bytes.length / 2)) },
    { what: 'fewer bytes than a header', spoil: (bytes: Buffer) => bytes.subarray(0, 40) },
    { what: 'something else in it', spoil: () => Buffer.from('This is a letter, not a database. '.repeat(100)) },
  ])('$what: STORE_CORRUPT', async ({ spoil }) => {
    const spoiled = spoil(await filled());
    await writeFile(file, spoiled);
    await expect(opened()).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      message: expect.stringContaining(file),
      hint: expect.stringContaining('aside'),
    });
    expect(spoiled.equals(await readFile(file))).toBe(true);
  });

  test('damage found later: STORE_CORRUPT, and nothing is written from then on', async () => {
    await filled();
    const db = new DatabaseSync(file);
    db.exec("UPDATE state SET value = '{'");
    db.close();
    const store = await opened();
    await expect(store.loadState()).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    const before = await readFile(file);
    const refused = { code: 'STORE_CORRUPT', hint: expect.stringContaining('aside') };
    await expect(store.commit({ journal: [entry({})], state: [] })).rejects.toMatchObject(refused);
    await expect(store.recordKey({ hash: 'h', side: 'control', at: 1 })).rejects.toMatchObject(refused);
    await expect(store.prune({ olderThan: 5, maxBytes: 1 })).rejects.toMatchObject(refused);
    expect((await store.journal({ limit: 1 })).items).toMatchObject([{ sequence: 2_000 }]);
    await store.close();
    expect(before.equals(await readFile(file))).toBe(true);
  });

  test('a version we do not know: STORE_NEWER', async () => {
    await filled();
    const db = new DatabaseSync(file);
    db.exec('PRAGMA user_version = 99');
    db.close();
    const before = await readFile(file);
    await expect(opened()).rejects.toMatchObject({ code: 'STORE_NEWER', message: expect.stringContaining('99') });
    expect(before.equals(await readFile(file))).toBe(true);
    await expect(stat(`${file}-wal`)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a version we do not know that lies in the log only: STORE_NEWER', async () => {
    await filled();
    const db = new DatabaseSync(file);
    db.exec('PRAGMA wal_autocheckpoint = 0; PRAGMA user_version = 99');
    const before = await readFile(file);
    expect(before.readInt32BE(60)).toBeLessThan(99);
    await expect(opened()).rejects.toMatchObject({ code: 'STORE_NEWER' });
    expect(before.equals(await readFile(file))).toBe(true);
    db.close();
  });

  test('an empty file is a new database', async () => {
    await filled();
    await truncate(file, 0);
    const store = await opened();
    expect((await store.loadState()).size).toBe(0);
  });

  test('the journal cannot be changed or deleted, not even by hand', async () => {
    await filled();
    const db = new DatabaseSync(file);
    expect(() => db.exec('DELETE FROM journal')).toThrow('append-only');
    expect(() => db.exec("UPDATE journal SET actor = 'me'")).toThrow('append-only');
    db.close();
  });
});

/** How the store answers now: `fine`, or the code of its error. */
function codeOf(store: Store): Promise<string> {
  return store.loadState().then(
    () => 'fine',
    (error: { code: string }) => error.code,
  );
}

describe('the writer thread', () => {
  const worker = new URL('../../test/support/mortal-store-worker.ts', import.meta.url);
  const key = (hash: string) => ({ hash, side: 'control' as const, at: 1 });

  test.each(['die', 'throw'])(
    'that ends by "%s" fails what waits, and is started again after a second',
    async (end) => {
      const clock = new ManualClock();
      const store = await opened({ worker, clock });
      await store.commit({ journal: [entry({})], state: [] });
      for (let round = 0; round < 2; round += 1) {
        const waiting = [store.recordKey(key(end)), store.loadState(), store.size()];
        const outcomes = await Promise.allSettled(waiting);
        // A thread that throws dies a moment later: it may have answered by then, but nothing waits for ever.
        if (end === 'die') expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
        await expect.poll(() => codeOf(store), { timeout: 10_000 }).toBe('STORE_FAILED');
        clock.advance(999);
        await expect(store.loadState()).rejects.toMatchObject({ code: 'STORE_FAILED' });
        clock.advance(1);
        await expect
          .poll(
            () =>
              store.journal({ limit: 9 }).then(
                ({ items }) => items.length,
                () => -1,
              ),
            { timeout: 10_000 },
          )
          .toBe(1);
      }
    },
  );

  test('that cannot open the database again tells why, and tries again after twice as long', async () => {
    const clock = new ManualClock();
    const store = await opened({ worker, clock });
    await store.commit({ journal: [entry({})], state: [] });
    await expect(store.recordKey(key('die'))).rejects.toMatchObject({ code: 'STORE_FAILED' });
    const whole = await readFile(file);
    await writeFile(file, 'no database');
    clock.advance(1_000);
    const code = (): Promise<string> => codeOf(store);
    await expect.poll(code, { timeout: 10_000 }).toBe('STORE_CORRUPT');
    await writeFile(file, whole);
    clock.advance(1_999);
    expect(await code()).toBe('STORE_CORRUPT');
    clock.advance(1);
    await expect.poll(code, { timeout: 10_000 }).toBe('fine');
  });

  test('that is gone does not hinder closing', async () => {
    const store = await opened({ worker, clock: new ManualClock() });
    await expect(store.recordKey(key('die'))).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await store.close();
  });

  test('a value that cannot be stored fails its call only', async () => {
    const store = await opened();
    const state = [{ key: 'f', value: () => 1 }];
    await expect(store.commit({ journal: [], state })).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect((await store.loadState()).size).toBe(0);
  });

  test('keeps no process alive, whether the store was closed or forgotten', async () => {
    const from = new URL('./sqlite-store.ts', import.meta.url).href;
    for (const end of ['await store.close();', '']) {
      const script = `import { openSqliteStore } from ${JSON.stringify(from)};
        const log = { debug() {}, info() {}, warn() {}, error() {} };
        const store = await openSqliteStore({ dir: ${JSON.stringify(dir)}, log });
        await store.loadState(); ${end}`;
      const program = join(dir, 'program.mjs');
      await writeFile(program, script);
      const child = spawn(process.execPath, [program], { stdio: 'inherit', timeout: 20_000 });
      expect(await once(child, 'close')).toEqual([0, null]);
    }
  });
});

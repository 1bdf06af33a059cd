import { join } from 'node:path';
import type { Clock, Log, Store } from '../core/ports.ts';
import { systemClock } from '../telemetry/clock.ts';
import { KeyBatches } from './key-batches.ts';
import { WriterThread } from './writer-thread.ts';

export interface SqliteStoreOptions {
  /** The state folder; made if it does not exist. The database is `cutover.db` in it. */
  readonly dir: string;
  readonly log: Log;
  /** Bound of the database, pages of 4 KiB; default: what the disk holds. */
  readonly maxPages?: number;
  /** Times the restarts of the writer thread; default: the system's. */
  readonly clock?: Clock;
  /** The program of the writer thread; default: the store's own. */
  readonly worker?: URL;
}

/** The database's name in the state folder. */
export const DATABASE_FILE = 'cutover.db';

/**
 * A store on SQLite, in a thread of its own: no disk access happens on the caller's event loop (I2).
 * Rejects with STORE_CORRUPT or STORE_NEWER without having written to the file, with STORE_FULL, STORE_BUSY or STORE_FAILED.
 * A writer thread that dies is started again after 1 s, then more slowly up to 30 s; calls meanwhile reject with STORE_FAILED.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const writer = new WriterThread({
    url: options.worker ?? WORKER,
    data: {
      file: join(options.dir, DATABASE_FILE),
      ...(options.maxPages === undefined ? {} : { maxPages: options.maxPages }),
    },
    clock: options.clock ?? systemClock,
    log: options.log,
  });
  await writer.open();
  const keys = new KeyBatches((batch) => writer.call('recordKeys', batch));
  return {
    commit: (change) => writer.call('commit', change),
    loadState: () => writer.call('loadState'),
    journal: (page) => writer.call('journal', page),
    addVerified: (batch) => writer.call('addVerified', batch),
    loadCounts: () => writer.call('loadCounts'),
    clusters: (page) => writer.call('clusters', page),
    cluster: (id) => writer.call('cluster', id),
    mismatches: (page) => writer.call('mismatches', page),
    mismatch: (id) => writer.call('mismatch', id),
    recordings: (page) => writer.call('recordings', page),
    saveDocuments: (kind, documents) => writer.call('saveDocuments', kind, documents),
    loadDocuments: (kind) => writer.call('loadDocuments', kind),
    recordKey: (key) => keys.record(key),
    loadKeys: (since) => writer.call('loadKeys', since),
    purge: (tenant) => writer.call('purge', tenant),
    prune: (bounds) => pruned(writer, bounds),
    size: () => writer.call('size'),
    close: () => keys.end().then(() => writer.close()),
  };
}

/** Prunes in small pieces, so that commits made meanwhile come between them. */
async function pruned(
  writer: WriterThread,
  bounds: Parameters<Store['prune']>[0],
): Promise<{ mismatches: number; clusters: number }> {
  let [mismatches, clusters] = [0, 0];
  for (;;) {
    const step = await writer.call('pruneStep', bounds);
    mismatches += step.mismatches;
    clusters += step.clusters;
    if (step.isDone) return { mismatches, clusters };
  }
}

/** From the sources `.ts`, compiled `.js`. */
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './sqlite-worker.ts' : './sqlite-worker.js', import.meta.url);

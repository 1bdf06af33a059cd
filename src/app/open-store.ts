import { CutoverError, ERRORS, isCutoverError } from '../core/errors.ts';
import type { Clock, Log, Store, Timer } from '../core/ports.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';

/** Reasons to refuse a start: going on could damage what another process or a newer version wrote. */
const REFUSE: ReadonlySet<string> = new Set(['STORE_BUSY', 'STORE_NEWER']);
/** Pause before a store that may come back (a full disk) is opened again. */
const REOPEN_MS = 5_000;

/**
 * Opens the store; where it is damaged or full, gives one that refuses everything, so that clients are served all the same (I6).
 * One that may come back is tried again every five seconds, and works from then on; a damaged one waits for a person.
 * @throws CutoverError STORE_BUSY, STORE_NEWER.
 */
export async function openStore(dir: string, log: Log, clock: Clock): Promise<Store> {
  try {
    return await openSqliteStore({ dir, log });
  } catch (error) {
    const trouble = troubleOf(error, dir);
    if (REFUSE.has(trouble.code)) throw trouble;
    log.error('store.unusable', { code: trouble.code, message: trouble.message, hint: trouble.hint });
    return lateStore(trouble, { clock, open: () => openSqliteStore({ dir, log }) });
  }
}

function troubleOf(error: unknown, dir: string): CutoverError {
  return isCutoverError(error)
    ? error
    : new CutoverError('STORE_FAILED', `The store in ${dir} cannot be opened.`, { cause: error });
}

export interface LateStoreOptions {
  readonly clock: Clock;
  readonly open: () => Promise<Store>;
}

/** A store whose every call rejects with the trouble it is in, until it can be opened. */
export function lateStore(first: CutoverError, options: LateStoreOptions): Store {
  let trouble = first;
  let opened: Store | undefined;
  let timer: Timer | undefined;
  let opening: Promise<void> | undefined;
  let isClosed = false;
  const reopen = async (): Promise<void> => {
    try {
      const store = await options.open();
      if (isClosed) await store.close();
      else opened = store;
    } catch (error) {
      if (isCutoverError(error)) trouble = error;
      tryLater();
    }
  };
  const tryLater = (): void => {
    if (isClosed || !ERRORS[trouble.code].retryable) return;
    timer = options.clock.after(REOPEN_MS, () => {
      opening = reopen();
    });
  };
  tryLater();
  const use = <T>(call: (store: Store) => Promise<T>): Promise<T> =>
    opened === undefined ? Promise.reject(trouble) : call(opened);
  return {
    commit: (change) => use((store) => store.commit(change)),
    loadState: () => use((store) => store.loadState()),
    journal: (page) => use((store) => store.journal(page)),
    addVerified: (batch) => use((store) => store.addVerified(batch)),
    loadCounts: () => use((store) => store.loadCounts()),
    clusters: (page) => use((store) => store.clusters(page)),
    cluster: (id) => use((store) => store.cluster(id)),
    mismatches: (page) => use((store) => store.mismatches(page)),
    mismatch: (id) => use((store) => store.mismatch(id)),
    recordings: (page) => use((store) => store.recordings(page)),
    saveDocuments: (kind, documents) => use((store) => store.saveDocuments(kind, documents)),
    loadDocuments: (kind) => use((store) => store.loadDocuments(kind)),
    recordKey: (key) => use((store) => store.recordKey(key)),
    loadKeys: (since) => use((store) => store.loadKeys(since)),
    purge: (tenant) => use((store) => store.purge(tenant)),
    prune: (bounds) => use((store) => store.prune(bounds)),
    size: () => use((store) => store.size()),
    close: async () => {
      isClosed = true;
      timer?.cancel();
      await opening;
      await opened?.close();
    },
  };
}

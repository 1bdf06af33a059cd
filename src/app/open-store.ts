import type { Settings, StoreSettings } from '../config/settings.ts';
import { isStoreUrl } from '../config/store-url.ts';
import { CutoverError, ERRORS, isCutoverError } from '../core/errors.ts';
import type { Clock, Log, Store, Timer } from '../core/ports.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';
import { openSharedStore, processName } from './shared-store.ts';

/** Reasons to refuse a start: going on could damage what another process or a newer version wrote. */
const REFUSE: ReadonlySet<string> = new Set(['STORE_BUSY', 'STORE_NEWER']);
/** Pause before a store that may come back (a full disk) is opened again. */
const REOPEN_MS = 5_000;

export interface OpenOptions {
  /** The state folder. */
  readonly dir: string;
  readonly log: Log;
  readonly clock: Clock;
}

/**
 * Opens the store; where it is damaged or full, gives one that refuses everything, so that clients are served all the same (I6).
 * One that may come back is tried again every five seconds, and works from then on; a damaged one waits for a person.
 * @throws CutoverError STORE_BUSY, STORE_NEWER.
 */
export async function openStore(settings: Pick<StoreSettings, 'url'>, options: OpenOptions): Promise<Store> {
  const { dir, log, clock } = options;
  const { url } = settings;
  const open = (): Promise<Store> => (url === undefined ? openSqliteStore({ dir, log }) : openLedStore(url, options));
  try {
    return await open();
  } catch (error) {
    const trouble = troubleOf(error, dir);
    if (REFUSE.has(trouble.code)) throw trouble;
    log.error('store.unusable', { code: trouble.code, message: trouble.message, hint: trouble.hint });
    return lateStore(trouble, { clock, open });
  }
}

/** A database of which this process is the only leader: two that decide over one database would fight each other. */
async function openLedStore(url: string, { log, clock }: OpenOptions): Promise<Store> {
  const shared = await openSharedStore({ url, log, clock, name: processName(), address: () => '' });
  try {
    await shared.leadership.start();
    const { leader, term } = shared.leadership;
    if (term !== undefined) return shared.store;
    const who = leader === undefined ? '' : `: ${leader.name}`;
    throw new CutoverError('STORE_BUSY', `Another Cutover decides in ${shared.place}${who}.`, {
      hint: 'Stop it first, or give this one a database of its own. Several that share one are a fleet: cutover controller, cutover proxy.',
    });
  } catch (error) {
    await shared.store.close();
    throw error;
  }
}

function troubleOf(error: unknown, dir: string): CutoverError {
  return isCutoverError(error)
    ? error
    : new CutoverError('STORE_FAILED', `The store in ${dir} cannot be opened.`, { cause: error });
}

/** Settings with the database that the command line or `CUTOVER_STORE` names. @throws CutoverError USAGE */
export function withStore(settings: Settings, given: string | undefined): Settings {
  const url = given ?? process.env['CUTOVER_STORE'];
  if (url === undefined || url === '') return settings;
  if (!isStoreUrl(url))
    throw new CutoverError('USAGE', 'The address of the store is not that of a PostgreSQL database.', {
      hint: 'It is of the form postgres://user:password@host:5432/database.',
    });
  return { ...settings, store: { ...settings.store, url } };
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

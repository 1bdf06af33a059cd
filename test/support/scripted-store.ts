import { CutoverError } from '../../src/core/errors.ts';
import type {
  Cluster,
  JournalEntry,
  JournalPage,
  NewJournalEntry,
  Page,
  Paged,
  Recording,
  StateItem,
  Store,
  StoredMismatch,
} from '../../src/core/ports.ts';
import { chained } from '../../src/store/journal-hash.ts';

type Change = { readonly journal: readonly NewJournalEntry[]; readonly state: readonly StateItem[] };

/** The part of a store that the controller and the control API use, in memory, failing and waiting when told to. */
export class ScriptedStore
  implements
    Pick<Store, 'commit' | 'loadState' | 'journal' | 'clusters' | 'cluster' | 'mismatches' | 'mismatch' | 'recordings'>
{
  readonly entries: JournalEntry[] = [];
  readonly items = new Map<string, unknown>();
  readonly clusterList: Cluster[] = [];
  readonly mismatchList: StoredMismatch[] = [];
  readonly recordingList: Recording[] = [];
  /** While set, every method rejects with it. */
  failure: CutoverError | undefined;
  /** Called before each commit: a test looks at what is in force at that moment. */
  onCommit: (change: Change) => void = () => {};
  #gate: Promise<void> = Promise.resolve();
  #open: (() => void) | undefined;

  /** Makes every method fail. */
  fail(): void {
    this.failure = new CutoverError('STORE_FULL', 'There is no space left on the disk.', { hint: 'Make room.' });
  }

  /** Holds commits until `release`. */
  hold(): void {
    if (this.#open !== undefined) return;
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  release(): void {
    this.#open?.();
    this.#open = undefined;
  }

  /** Resolves when the next commit has begun. */
  nextCommit(): Promise<void> {
    return new Promise((resolve) => {
      this.onCommit = () => resolve();
    });
  }

  async commit(change: Change): Promise<readonly JournalEntry[]> {
    this.onCommit(change);
    await this.#gate;
    this.#check();
    // JSON, as a real store: what does not survive it would be found here.
    const copy = JSON.parse(JSON.stringify(change.journal)) as NewJournalEntry[]; // journal entries are JSON
    const written = chained(copy, this.entries.at(-1));
    this.entries.push(...written);
    for (const { key, value } of change.state) {
      if (value === undefined) this.items.delete(key);
      else this.items.set(key, JSON.parse(JSON.stringify(value)));
    }
    return written;
  }

  async loadState(): Promise<ReadonlyMap<string, unknown>> {
    this.#check();
    return new Map(this.items);
  }

  async journal(page: JournalPage): Promise<Paged<JournalEntry>> {
    this.#check();
    const fits = (page.order === 'oldest' ? [...this.entries] : [...this.entries].reverse()).filter(
      (entry) => page.action === undefined || entry.action === page.action,
    );
    return paged(fits, page);
  }

  async clusters(page: Page & { readonly endpoint?: string }): Promise<Paged<Cluster>> {
    this.#check();
    return paged(
      this.clusterList.filter((cluster) => page.endpoint === undefined || cluster.endpoint === page.endpoint),
      page,
    );
  }

  async cluster(id: string): Promise<Cluster | undefined> {
    this.#check();
    return this.clusterList.find((cluster) => cluster.id === id);
  }

  async mismatches(page: Page & { readonly cluster?: string }): Promise<Paged<StoredMismatch>> {
    this.#check();
    return paged(
      this.mismatchList.filter((one) => page.cluster === undefined || one.cluster === page.cluster),
      page,
    );
  }

  async mismatch(id: string): Promise<StoredMismatch | undefined> {
    this.#check();
    return this.mismatchList.find((one) => one.id === id);
  }

  async recordings(page: Page & { readonly endpoint?: string }): Promise<Paged<Recording>> {
    this.#check();
    return paged(
      this.recordingList.filter((one) => page.endpoint === undefined || one.cell.endpoint === page.endpoint),
      page,
    );
  }

  #check(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

function paged<T>(all: readonly T[], page: Page): Paged<T> {
  const begin = page.cursor === undefined ? 0 : Number(page.cursor);
  if (!Number.isInteger(begin))
    throw new CutoverError('INPUT_INVALID', `The cursor ${page.cursor} is not one of ours.`);
  const end = begin + page.limit;
  return { items: all.slice(begin, end), ...(end < all.length ? { next: String(end) } : {}) };
}

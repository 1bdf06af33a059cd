import type { Ledger } from '../controller/ledger.ts';
import type { EndpointId } from '../core/cell.ts';
import { isCutoverError } from '../core/errors.ts';
import type { Clock, Cluster, Store, Timer, VerifiedExchange } from '../core/ports.ts';
import type { Events } from '../telemetry/events.ts';

export interface RecorderOptions {
  readonly store: Store;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly events: Events;
  readonly retention: { readonly maxAgeMs: number; readonly maxBytes: number };
  /** What each endpoint learned of noise, as it is now. */
  readonly noise: () => ReadonlyMap<EndpointId, unknown>;
  /** The endpoint catalogue as it is now. */
  readonly catalog: () => unknown;
  /** Cells, proofs, ramps and evidence that changed, at most so many. */
  readonly movement?: (max: number) => readonly { readonly key: string; readonly value: unknown }[];
  /** What `movement` gave last was not written. */
  readonly movementLost?: () => void;
  /** Which clusters strike which cells, as far as it changed; at most so many. */
  readonly strikes?: (max: number) => readonly { readonly key: string; readonly value: unknown }[];
  /** What `strikes` gave was not written. */
  readonly strikesLost?: (documents: readonly { readonly key: string }[]) => void;
  /** Comparing stops while the store takes nothing, but for what the candidate serves, and goes on when it does again. */
  readonly onStore: (works: boolean) => void;
  /** Mismatches older than this were deleted. */
  readonly onPruned: (before: number) => void;
}

/** Mismatches that wait to be written; further ones are counted and not kept. */
const MAX_WAITING = 1_000;
/** Recordings that wait; two come a second, and others come again. */
const MAX_RECORDINGS = 100;
const FLUSH_MS = 1_000;
const DOCUMENTS_MS = 15_000;
/** Documents of cells and endpoints in one round; each is a few KB. */
const MAX_MOVEMENT = 5_000;
const PRUNE_MS = 10 * 60_000;
const RETRY_MS = 5_000;

/**
 * Carries what was counted and found into the store, in batches, once a second.
 * If the store fails, the counts go back to the ledger, mismatches are kept up to a bound, `onStore` hears of it, and it is tried again every five seconds.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  #mismatches: VerifiedExchange[] = [];
  #recordings: VerifiedExchange[] = [];
  readonly #clusters = new Map<string, Cluster>();
  #timer: Timer | undefined;
  #flushing: Promise<void> | undefined;
  #documentsAt = 0;
  #prunedAt: number;
  #works = true;
  #savedDocuments = new Map<string, string>();
  /** Endpoints whose noise was there when it was saved last. */
  #savedNoise: Set<string> = new Set();
  /** What went wrong with the store last, for people; empty while it works. */
  trouble = '';

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#prunedAt = options.clock.monotonic();
  }

  start(): void {
    this.#schedule(FLUSH_MS);
  }

  /** Takes a comparison in; it is written with the next batch. */
  verified(verified: VerifiedExchange, clusters: readonly Cluster[]): void {
    const isComplete = verified.recorded === true && verified.request !== undefined && verified.answers !== undefined;
    if (isComplete && this.#recordings.length < MAX_RECORDINGS) this.#recordings.push(verified);
    if (clusters.length === 0) return;
    for (const cluster of clusters) this.#clusters.set(cluster.id, cluster);
    if (verified.unkept !== true && this.#mismatches.length < MAX_WAITING) this.#mismatches.push(verified);
  }

  /** Writes what there is, and resolves when it is written or the store refused it. Never rejects. */
  flush(): Promise<void> {
    this.#flushing ??= this.#write().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  /** Writes everything one last time. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#flushing;
    this.#documentsAt = Number.NEGATIVE_INFINITY;
    await this.flush();
    this.#timer?.cancel();
  }

  #schedule(ms: number): void {
    this.#timer = this.#options.clock.after(ms, () => {
      void this.flush().then(() => this.#schedule(this.#works ? FLUSH_MS : RETRY_MS));
    });
  }

  async #write(): Promise<void> {
    const { store, ledger } = this.#options;
    const counts = ledger.takeCounts();
    const mismatches = this.#mismatches.splice(0);
    const recordings = this.#recordings.splice(0);
    const clusters = [...this.#clusters.values()];
    this.#clusters.clear();
    try {
      if (counts.length + mismatches.length + clusters.length + recordings.length > 0)
        await store.addVerified({ counts, clusters, mismatches, recordings });
      else if (!this.#works) await store.size();
    } catch (error) {
      ledger.returnCounts(counts);
      this.#mismatches = [...mismatches, ...this.#mismatches].slice(0, MAX_WAITING);
      this.#recordings = [...recordings, ...this.#recordings].slice(0, MAX_RECORDINGS);
      for (const cluster of clusters) if (!this.#clusters.has(cluster.id)) this.#clusters.set(cluster.id, cluster);
      this.#failed('writing comparisons', error);
      return;
    }
    this.#recovered();
    await this.#saveDocuments();
    await this.#prune();
  }

  /** Learned noise and found endpoints change slowly and may be learned again: they are written seldom, and only where they changed. */
  async #saveDocuments(): Promise<void> {
    const { store, clock } = this.#options;
    if (clock.monotonic() - this.#documentsAt < DOCUMENTS_MS) return;
    this.#documentsAt = clock.monotonic();
    const before = this.#savedNoise;
    const noise = [...this.#options.noise()].map(([key, value]) => ({ key: key as string, value }));
    try {
      await store.saveDocuments('noise', [...this.#changed('noise', noise), ...this.#vanished(noise)]);
      await store.saveDocuments(
        'catalog',
        this.#changed('catalog', [{ key: 'endpoints', value: this.#options.catalog() }]),
      );
      const movement = this.#options.movement?.(MAX_MOVEMENT) ?? [];
      if (movement.length > 0) await store.saveDocuments('movement', movement);
      await this.#saveStrikes();
    } catch (error) {
      this.#savedDocuments = new Map();
      for (const key of before) this.#savedNoise.add(key);
      this.#options.movementLost?.();
      this.#failed('writing what was learned', error);
    }
  }

  async #saveStrikes(): Promise<void> {
    const { store, strikes, strikesLost } = this.#options;
    const documents = strikes?.(MAX_MOVEMENT) ?? [];
    if (documents.length === 0) return;
    try {
      await store.saveDocuments('clusters', documents);
    } catch (error) {
      strikesLost?.(documents);
      throw error;
    }
  }

  #changed(
    kind: string,
    documents: readonly { readonly key: string; readonly value: unknown }[],
  ): { key: string; value: unknown }[] {
    return documents.filter(({ key, value }) => {
      const text = JSON.stringify(value);
      const isNew = this.#savedDocuments.get(`${kind} ${key}`) !== text;
      if (isNew) this.#savedDocuments.set(`${kind} ${key}`, text);
      return isNew;
    });
  }

  /** Noise of endpoints that are no more, to be deleted. */
  #vanished(noise: readonly { readonly key: string }[]): { key: string; value: undefined }[] {
    const present = new Set(noise.map(({ key }) => key));
    const gone = [...this.#savedNoise].filter((key) => !present.has(key));
    this.#savedNoise = present;
    for (const key of gone) this.#savedDocuments.delete(`noise ${key}`);
    return gone.map((key) => ({ key, value: undefined }));
  }

  async #prune(): Promise<void> {
    const { store, clock, retention } = this.#options;
    if (clock.monotonic() - this.#prunedAt < PRUNE_MS) return;
    this.#prunedAt = clock.monotonic();
    const olderThan = clock.now() - retention.maxAgeMs;
    try {
      await store.prune({ olderThan, maxBytes: retention.maxBytes });
      this.#options.onPruned(olderThan);
    } catch (error) {
      this.#failed('deleting what is too old', error);
    }
  }

  #failed(doing: string, error: unknown): void {
    this.trouble = isCutoverError(error) ? `${error.message} ${error.hint ?? ''}`.trim() : String(error);
    this.#options.events.storeFailed(doing, error);
    if (!this.#works) return;
    this.#works = false;
    this.#options.onStore(false);
  }

  #recovered(): void {
    if (this.#works) return;
    this.#works = true;
    this.trouble = '';
    this.#options.events.storeWorked();
    this.#options.onStore(true);
  }
}

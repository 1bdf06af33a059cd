import type { EndpointId, Side } from '../core/cell.ts';
import type { EndpointCatalog } from '../core/endpoint-catalog.ts';
import { isCutoverError } from '../core/errors.ts';
import type { Clock, Log, Store, Timer } from '../core/ports.ts';
import type { Verifier } from '../verifier/verifier.ts';

/** What a proxy learned before, and the keys it saw; nothing where its disk is in trouble: it learns anew then. */
export interface Learned {
  readonly noise: ReadonlyMap<EndpointId, unknown>;
  readonly catalog: unknown;
  readonly keys: ReadonlyMap<string, Side>;
}

export async function loadLearned(local: Store, log: Log, keysSince: number): Promise<Learned> {
  try {
    const [noise, catalog, keys] = await Promise.all([
      local.loadDocuments('noise'),
      local.loadDocuments('catalog'),
      local.loadKeys(keysSince),
    ]);
    // Documents of this kind are saved under the endpoint they belong to.
    return { noise: noise as ReadonlyMap<EndpointId, unknown>, catalog: catalog.get('endpoints'), keys };
  } catch (error) {
    if (!isCutoverError(error)) throw error;
    log.error('store.unread', { code: error.code, message: error.message });
    return { noise: new Map(), catalog: undefined, keys: new Map() };
  }
}

export interface LearnedKeeperOptions {
  readonly local: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly verifier: Verifier;
  readonly catalog: EndpointCatalog;
}

const SAVE_MS = 15_000;
const KEYS_KEPT_MS = 24 * 3_600_000;

/** Writes what a proxy learned to its own disk, where it changed: after a restart it need not learn it again. */
export class LearnedKeeper {
  readonly #options: LearnedKeeperOptions;
  readonly #saved = new Map<string, string>();
  #timer: Timer | undefined;

  constructor(options: LearnedKeeperOptions) {
    this.#options = options;
    this.#later();
  }

  /** Writes for the last time. Never rejects. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#save();
  }

  #later(): void {
    this.#timer = this.#options.clock.after(SAVE_MS, () => {
      void this.#save().finally(() => this.#later());
    });
  }

  async #save(): Promise<void> {
    const { local, clock, log, verifier, catalog } = this.#options;
    const snapshots = verifier.snapshots();
    const gone = [...this.#saved.keys()].filter((key) => key !== '' && !snapshots.has(key as EndpointId));
    try {
      await local.saveDocuments('noise', [
        ...this.#changed([...snapshots].map(([key, value]) => ({ key, value }))),
        ...gone.map((key) => ({ key, value: undefined })),
      ]);
      for (const key of gone) this.#saved.delete(key);
      const found = this.#changed([{ key: '', value: catalog.snapshot() }]);
      await local.saveDocuments(
        'catalog',
        found.map(({ value }) => ({ key: 'endpoints', value })),
      );
      await local.prune({ olderThan: clock.now() - KEYS_KEPT_MS, maxBytes: Number.MAX_SAFE_INTEGER });
    } catch (error) {
      this.#saved.clear();
      log.warn('fleet.learned-not-saved', { message: error instanceof Error ? error.message : String(error) });
    }
  }

  #changed(documents: readonly { readonly key: string; readonly value: unknown }[]): { key: string; value: unknown }[] {
    return documents.filter(({ key, value }) => {
      const text = JSON.stringify(value);
      const isNew = this.#saved.get(key) !== text;
      if (isNew) this.#saved.set(key, text);
      return isNew;
    });
  }
}

import type { Side } from '../core/cell.ts';
import type { Clock, Store } from '../core/ports.ts';

export interface KeyMemoryOptions {
  readonly store: Pick<Store, 'recordKey'>;
  readonly clock: Clock;
  readonly known: ReadonlyMap<string, Side>;
  readonly lifeMs: number;
}

/** Keys remembered at once; the oldest go first. 100,000 keys of 64 hex digits take about 15 MB. */
const MAX_KEYS = 100_000;

/** Which side saw an idempotency key first: in memory for every decision, in the store for the next start. */
export class KeyMemory {
  readonly #options: KeyMemoryOptions;
  readonly #keys = new Map<string, { readonly side: Side; readonly at: number }>();

  constructor(options: KeyMemoryOptions) {
    this.#options = options;
    const at = options.clock.now();
    for (const [hash, side] of options.known) this.#remember(hash, side, at);
  }

  /** The side recorded, or undefined; forgotten after its life. */
  side(hash: string): Side | undefined {
    const found = this.#keys.get(hash);
    return found !== undefined && this.#options.clock.now() - found.at < this.#options.lifeMs ? found.side : undefined;
  }

  /** Records the side unless another was first; gives the one that counts. A store that fails is no reason to refuse the request: memory counts then. */
  async record(hash: string, side: Side): Promise<Side> {
    const known = this.side(hash);
    if (known !== undefined) return known;
    const at = this.#options.clock.now();
    this.#remember(hash, side, at);
    try {
      const recorded = await this.#options.store.recordKey({ hash, side, at });
      if (recorded !== side) this.#remember(hash, recorded, at);
      return recorded;
    } catch {
      return side;
    }
  }

  #remember(hash: string, side: Side, at: number): void {
    this.#keys.delete(hash);
    this.#keys.set(hash, { side, at });
    if (this.#keys.size <= MAX_KEYS) return;
    const oldest = this.#keys.keys().next();
    if (oldest.done !== true) this.#keys.delete(oldest.value);
  }
}

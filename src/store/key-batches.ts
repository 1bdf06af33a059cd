import type { Side } from '../core/cell.ts';
import { CutoverError } from '../core/errors.ts';
import type { Store } from '../core/ports.ts';
import { MOST_WAITING_CALLS } from './store-bounds.ts';

type Key = Parameters<Store['recordKey']>[0];

interface Waiting {
  readonly key: Key;
  readonly resolve: (side: Side) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Idempotency keys on their way to the disk: while one batch is written, the next one gathers.
 * A request waits for two syncs of the disk at most, however many others wait with it.
 */
export class KeyBatches {
  readonly #write: (keys: readonly Key[]) => Promise<readonly Side[]>;
  /** At most MOST_WAITING_CALLS. */
  #next: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #isEnding = false;

  /** @param write Gives the side recorded for each key, in their order. */
  constructor(write: (keys: readonly Key[]) => Promise<readonly Side[]>) {
    this.#write = write;
  }

  /** The side recorded, old or new. Rejects with what the write rejects with, or STORE_FAILED where too many wait or it has ended. */
  record(key: Key): Promise<Side> {
    if (this.#isEnding) {
      return Promise.reject(new CutoverError('STORE_FAILED', 'The store is closed: no idempotency key is recorded.'));
    }
    if (this.#next.length >= MOST_WAITING_CALLS) {
      return Promise.reject(
        new CutoverError('STORE_FAILED', `${MOST_WAITING_CALLS} idempotency keys wait to be stored.`, {
          hint: 'The disk of the state folder does not keep up.',
        }),
      );
    }
    const recorded = new Promise<Side>((resolve, reject) => {
      this.#next.push({ key, resolve, reject });
    });
    this.#writing ??= this.#writeAll();
    return recorded;
  }

  /** Takes no more keys; resolves when those that wait are written. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#writing;
  }

  /** Never rejects: each key has its own answer. */
  async #writeAll(): Promise<void> {
    while (this.#next.length > 0) {
      const batch = this.#next;
      this.#next = [];
      try {
        const sides = await this.#write(batch.map(({ key }) => key));
        batch.forEach(({ key, resolve }, at) => {
          resolve(sides[at] ?? key.side);
        });
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#writing = undefined;
  }
}

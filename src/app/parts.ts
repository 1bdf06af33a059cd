import type { Log } from '../core/ports.ts';

/** What was started, ended in the opposite order. */
export class Parts {
  readonly #log: Log;
  readonly #ends: (() => unknown)[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  add(end: () => unknown): void {
    this.#ends.push(end);
  }

  /** Never rejects: a part that cannot end properly (a store without room) must not keep the others from it. */
  async close(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) {
      try {
        await end();
      } catch (error) {
        this.#log.error('close.failed', { message: error instanceof Error ? error.message : String(error) });
      }
    }
  }
}

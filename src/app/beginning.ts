import type { Controller } from '../controller/controller.ts';
import { type CutoverError, ERRORS, isCutoverError } from '../core/errors.ts';
import type { Clock, Log, Timer } from '../core/ports.ts';

export interface BeginningOptions {
  readonly controller: Pick<Controller, 'start'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Called once the controller has started; tried again like the start itself where the store refuses it. */
  readonly started?: () => Promise<void>;
}

const AGAIN_MS = 5_000;

/**
 * Starts the controller by what is stored, now or as soon as the store allows: until then the last table is served,
 * nothing is promoted, and a rollback covers everything (I6).
 */
export class Beginning {
  readonly #options: BeginningOptions;
  #timer: Timer | undefined;
  #isOver = false;
  #isStarted = false;
  /** Why the controller has not started; undefined once it has. */
  trouble: CutoverError | undefined;

  constructor(options: BeginningOptions) {
    this.#options = options;
  }

  /** Resolves after the first try, whether the store allowed it or not; rejects only for what is no trouble of the store. */
  async begin(): Promise<void> {
    const { controller, clock, log } = this.#options;
    try {
      if (!this.#isStarted) await controller.start();
      this.#isStarted = true;
      await this.#options.started?.();
      this.trouble = undefined;
    } catch (error) {
      if (!isCutoverError(error) || !error.code.startsWith('STORE_')) throw error;
      if (this.trouble?.code !== error.code)
        log.error('controller.not-started', { code: error.code, message: error.message, hint: error.hint });
      this.trouble = error;
      if (this.#isOver || !ERRORS[error.code].retryable) return;
      this.#timer = clock.after(AGAIN_MS, () => {
        this.begin().catch((fault: unknown) => log.error('controller.fault', { message: String(fault) }));
      });
    }
  }

  close(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }
}

import { Worker } from 'node:worker_threads';
import type { Clock, Log, Timer } from '../core/ports.ts';
import { READY, type RulesRequest, type WorkerData, type WorkerReply, type WorkerRequest } from './worker-protocol.ts';

export interface WorkerPoolOptions {
  /** Number of workers; at least 1. */
  readonly size: number;
  readonly url: URL;
  /** What the worker in `slot` starts with; asked anew for each replacement. */
  readonly data: (slot: number) => WorkerData;
  /** A worker that has not answered this step after so long is replaced, milliseconds. */
  readonly deadlineMs: (request: WorkerRequest | RulesRequest) => number;
  readonly clock: Clock;
  readonly log: Log;
}

/** One step in a worker, or why it was lost: none of these is the candidate's doing. */
export type Outcome = WorkerReply | { readonly kind: 'lost'; readonly why: 'deadline' | 'crash' | 'closed' };

export interface Job {
  readonly request: WorkerRequest | RulesRequest;
  /** Moved to the worker instead of copied. */
  readonly transfer: readonly ArrayBuffer[];
  /** True: goes before what has not begun, because it frees what is held. */
  readonly isUrgent: boolean;
}

/** Memory of one worker's heap; bodies lie outside it. Two bodies of 8 MiB as trees need about 150 MiB. */
const WORKER_HEAP_MB = 384;
/**
 * Beside it, room for what has just been made: three parts, two of which are in use. Left to the engine it grows to 192,
 * of which a thread that once had much to do keeps 128.
 */
const WORKER_YOUNG_MB = 48;
/** A worker that is not ready by then will not be; loading takes about 0.3 s. */
const START_MS = 15_000;
/** Pause before a worker that could not start is started again, doubled each time; one that had worked is replaced at once. */
const RESTART_MS = 500;
const LONGEST_RESTART_MS = 30_000;

interface Waiting {
  readonly job: Job;
  readonly resolve: (outcome: Outcome) => void;
}

/**
 * Worker threads, each with its own queue, one step at a time.
 * A worker that hangs, falls over or runs out of memory costs the step it was at, and is replaced.
 * The queues are bounded by the caller, who knows what a job weighs.
 */
export class WorkerPool {
  readonly #slots: readonly Slot[];

  constructor(options: WorkerPoolOptions) {
    this.#slots = Array.from({ length: Math.max(1, options.size) }, (_, index) => new Slot(index, options));
  }

  get size(): number {
    return this.#slots.length;
  }

  /** Steps that have not begun. */
  get queueLength(): number {
    return this.#slots.reduce((sum, slot) => sum + slot.queueLength, 0);
  }

  /** Runs one step in the worker of `slot`. Never rejects. */
  run(slot: number, job: Job): Promise<Outcome> {
    const worker = this.#slots[slot % this.#slots.length];
    return worker === undefined ? Promise.resolve({ kind: 'lost', why: 'closed' }) : worker.run(job);
  }

  /** Gives every worker other rules, before whatever has not begun. One that is replaced is born with them. */
  follow(rules: RulesRequest['rules']): void {
    for (const slot of this.#slots) void slot.run({ request: { kind: 'rules', rules }, transfer: [], isUrgent: true });
  }

  /** Ends all workers; what waits or runs is lost. */
  async close(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.close()));
  }
}

class Slot {
  readonly #index: number;
  readonly #options: WorkerPoolOptions;
  readonly #urgent: Waiting[] = [];
  readonly #waiting: Waiting[] = [];
  #worker: Worker | undefined;
  #isReady = false;
  #failedStarts = 0;
  #running: Waiting | undefined;
  #deadline: Timer | undefined;
  #isClosed = false;

  constructor(index: number, options: WorkerPoolOptions) {
    this.#index = index;
    this.#options = options;
    this.#start();
  }

  get queueLength(): number {
    return this.#urgent.length + this.#waiting.length;
  }

  run(job: Job): Promise<Outcome> {
    if (this.#isClosed) return Promise.resolve({ kind: 'lost', why: 'closed' });
    return new Promise((resolve) => {
      (job.isUrgent ? this.#urgent : this.#waiting).push({ job, resolve });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#deadline?.cancel();
    const worker = this.#worker;
    this.#worker = undefined;
    for (const { resolve } of [this.#running, ...this.#urgent.splice(0), ...this.#waiting.splice(0)].filter(
      isPresent,
    )) {
      resolve({ kind: 'lost', why: 'closed' });
    }
    this.#running = undefined;
    await worker?.terminate();
  }

  #start(): void {
    if (this.#isClosed) return;
    this.#isReady = false;
    try {
      this.#worker = this.#spawn();
    } catch (error) {
      // What the worker was to start with cannot be cloned.
      this.#lose('crash', error);
    }
  }

  #spawn(): Worker {
    const worker = new Worker(this.#options.url, {
      workerData: this.#options.data(this.#index),
      name: `compare-${this.#index}`,
      resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB, maxYoungGenerationSizeMb: WORKER_YOUNG_MB },
    });
    worker.on('message', (message: WorkerReply | typeof READY) => this.#onMessage(worker, message));
    worker.on('error', (error) => this.#onEnd(worker, 'crash', error));
    worker.on('messageerror', (error) => this.#onEnd(worker, 'crash', error));
    worker.on('exit', () => this.#onEnd(worker, 'crash', undefined));
    // A pool that nobody closed must not keep the process alive.
    worker.unref();
    this.#deadline = this.#options.clock.after(START_MS, () => this.#onEnd(worker, 'deadline', undefined));
    return worker;
  }

  #onMessage(worker: Worker, message: WorkerReply | typeof READY): void {
    if (worker !== this.#worker) return;
    this.#deadline?.cancel();
    if (message === READY) {
      this.#isReady = true;
    } else {
      const running = this.#running;
      this.#running = undefined;
      running?.resolve(message);
    }
    this.#next();
  }

  #next(): void {
    const worker = this.#worker;
    if (worker === undefined || !this.#isReady || this.#running !== undefined) return;
    const next = this.#urgent.shift() ?? this.#waiting.shift();
    if (next === undefined) return;
    this.#running = next;
    this.#deadline = this.#options.clock.after(this.#options.deadlineMs(next.job.request), () =>
      this.#onEnd(worker, 'deadline', undefined),
    );
    try {
      worker.postMessage(next.job.request, next.job.transfer);
    } catch (error) {
      // Nothing was sent, so the worker is well; only this step is lost.
      this.#deadline.cancel();
      this.#running = undefined;
      this.#options.log.error('verifier.fault', { error: nameOf(error) });
      next.resolve({ kind: 'lost', why: 'crash' });
      this.#next();
    }
  }

  /** Once per worker: the first of hanging, falling over and ending counts. */
  #onEnd(worker: Worker, why: 'deadline' | 'crash', error: unknown): void {
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    worker.terminate().catch((reason: unknown) => {
      this.#options.log.error('verifier.fault', { error: nameOf(reason) });
    });
    this.#lose(why, error);
  }

  /** The step at hand is lost, and a new worker starts. */
  #lose(why: 'deadline' | 'crash', error: unknown): void {
    const wasReady = this.#isReady;
    this.#isReady = false;
    this.#deadline?.cancel();
    // A worker that cannot start would hold its queue for ever: each try costs one step.
    const lost = this.#running ?? (wasReady ? undefined : (this.#urgent.shift() ?? this.#waiting.shift()));
    this.#running = undefined;
    this.#options.log.warn('verifier.worker-replaced', {
      worker: this.#index,
      why,
      step: lost?.job.request.kind,
      error: error === undefined ? undefined : nameOf(error),
      // Only before the first step: afterwards a message might quote what was compared (I8).
      message: wasReady || !(error instanceof Error) ? undefined : error.message,
    });
    this.#failedStarts = wasReady ? 0 : this.#failedStarts + 1;
    // First the new worker, then the news: who hears it may close the pool.
    if (wasReady) this.#start();
    else this.#deadline = this.#options.clock.after(restartMs(this.#failedStarts), () => this.#start());
    lost?.resolve({ kind: 'lost', why });
  }
}

function restartMs(failedStarts: number): number {
  return Math.min(LONGEST_RESTART_MS, RESTART_MS * 2 ** (failedStarts - 1));
}

function isPresent<T>(value: T | undefined): value is T {
  return value !== undefined;
}

/** `ERR_WORKER_OUT_OF_MEMORY`, `TypeError`. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

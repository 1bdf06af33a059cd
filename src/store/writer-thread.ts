import { Worker } from 'node:worker_threads';
import { CutoverError } from '../core/errors.ts';
import type { Clock, Log, Timer } from '../core/ports.ts';
import type { StoreCalls } from './sqlite-tables.ts';
import { MOST_WAITING_CALLS } from './store-bounds.ts';
import { storeError } from './store-error.ts';
import { type CallMessage, OPENING, type ReplyMessage, type SentError, type WriterData } from './store-protocol.ts';

export interface WriterOptions {
  readonly url: URL;
  readonly data: WriterData;
  readonly clock: Clock;
  readonly log: Log;
}

/** Pause before a dead thread is started again; doubled each time until one has opened the database. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: CutoverError) => void;
}

/** The thread that holds the database, and the calls that wait for it. Keeps the process alive only while calls wait. */
export class WriterThread {
  readonly #options: WriterOptions;
  /** By id, at most MOST_WAITING_CALLS. */
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  /** Why there is no thread to call. */
  #down: CutoverError | undefined;
  #lastId = OPENING;
  #pauseMs = FIRST_PAUSE_MS;
  #timer: Timer | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** Starts the thread; rejects when the database cannot be opened, and no thread is left then. */
  async open(): Promise<void> {
    const worker = new Worker(this.#options.url, { workerData: this.#options.data, name: 'cutover-store' });
    this.#worker = worker;
    const opened = this.#expect(OPENING);
    worker.on('message', (reply: ReplyMessage) => this.#settle(reply));
    // An error is followed by `exit`; what it says is kept for those who wait.
    let failure: unknown = new Error('the thread ended');
    worker.on('error', (error) => {
      failure = error;
    });
    worker.on('exit', () => this.#ended(worker, failure));
    try {
      await opened;
    } catch (error) {
      this.#forget(worker);
      await worker.terminate();
      throw error;
    }
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#down = undefined;
  }

  call<Name extends keyof StoreCalls>(
    method: Name,
    ...args: Parameters<StoreCalls[Name]>
  ): Promise<ReturnType<StoreCalls[Name]>> {
    if (this.#closing !== undefined) return Promise.reject(this.#failed('is closed'));
    // The thread answers what the method of this name returns.
    return this.#send(method, args) as Promise<ReturnType<StoreCalls[Name]>>;
  }

  /** Waits for the calls made before, moves the log into the file and ends the thread. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#timer?.cancel();
    const worker = this.#worker;
    if (worker === undefined) return;
    try {
      // A thread that is still opening has nothing to finish.
      if (this.#down === undefined) await this.#send('close', []);
    } finally {
      this.#forget(worker);
      worker.ref();
      await worker.terminate();
    }
  }

  async #send(method: CallMessage['method'], args: readonly unknown[]): Promise<unknown> {
    const worker = this.#worker;
    if (worker === undefined || this.#down !== undefined) throw this.#down ?? this.#failed('is not open');
    if (this.#waiting.size >= MOST_WAITING_CALLS && method !== 'close') {
      throw this.#failed(`has ${MOST_WAITING_CALLS} calls waiting; the disk does not keep up`);
    }
    this.#lastId += 1;
    const message: CallMessage = { id: this.#lastId, method, args };
    const answer = this.#expect(message.id);
    try {
      worker.postMessage(message);
    } catch (error) {
      // A value that cannot be copied to a thread, such as a function.
      this.#take(message.id)?.reject(storeError(error, this.#options.data.file));
    }
    return answer;
  }

  #expect(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker?.ref();
    });
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker?.unref();
    return waiting;
  }

  #settle(reply: ReplyMessage): void {
    const waiting = this.#take(reply.id);
    if (reply.ok) waiting?.resolve(reply.value);
    else waiting?.reject(received(reply.error));
  }

  /** From here on the end of `worker` is nobody's business. */
  #forget(worker: Worker): void {
    if (this.#worker === worker) this.#worker = undefined;
  }

  #ended(worker: Worker, failure: unknown): void {
    // There is one thread at a time, so whoever waits has waited for this one.
    const isOpening = this.#waiting.has(OPENING);
    const error = this.#failed('lost its thread', failure);
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(error);
    const wasOurs = this.#worker === worker;
    this.#forget(worker);
    // Whoever opens or closes has the error, and decides.
    if (!wasOurs || isOpening || this.#closing !== undefined) return;
    this.#options.log.error('store.thread-died', { file: this.#options.data.file, error: error.message });
    this.#startLater(error);
  }

  #startLater(reason: CutoverError): void {
    this.#down = reason;
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    this.#timer = this.#options.clock.after(pauseMs, () => {
      this.open().then(
        () => this.#options.log.info('store.thread-restarted', { file: this.#options.data.file }),
        (error: unknown) => {
          if (this.#closing === undefined) this.#startLater(storeError(error, this.#options.data.file));
        },
      );
    });
  }

  #failed(what: string, cause?: unknown): CutoverError {
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    return new CutoverError('STORE_FAILED', `The store ${this.#options.data.file} ${what}${why}.`, {
      hint: 'It is opened again by itself after a pause; until then nothing is promoted. If it stays so, look at the log for `store.thread-died`.',
      cause,
    });
  }
}

function received(error: SentError): CutoverError {
  return new CutoverError(error.code, error.message, error.hint === undefined ? {} : { hint: error.hint });
}

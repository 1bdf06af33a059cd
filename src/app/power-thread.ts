import { Worker } from 'node:worker_threads';
import type { Clock } from '../core/ports.ts';
import type { EndpointPower } from '../core/power.ts';
import type { PowerReply, PowerTask } from './power-worker.ts';

/** What became of a measurement; `trouble` is a sentence without values of answers. */
export type Measured = { readonly found: EndpointPower } | { readonly trouble: string; readonly isLong: boolean };

/** Longest measurement of an endpoint; ten answers of 60 KB under twenty rules take some seconds. */
const LONGEST_MS = 60_000;
/** Ten answers of 64 KiB and one comparison at a time. */
const HEAP_MB = 256;
const WORKER_URL = new URL(
  import.meta.url.endsWith('.ts') ? './power-worker.ts' : './power-worker.js',
  import.meta.url,
);

/** The thread that measures power: begun with the first measurement, replaced when one takes too long or falls over. */
export class PowerThread {
  readonly #clock: Clock;
  readonly #url: URL;
  #worker: Worker | undefined;
  #end: ((measured: Measured) => void) | undefined;

  constructor(clock: Clock, url: URL = WORKER_URL) {
    this.#clock = clock;
    this.#url = url;
  }

  /** Measures one endpoint; never rejects. One at a time: call again when the last one is answered. */
  async measure(task: PowerTask): Promise<Measured> {
    const worker = this.#start();
    const timer = this.#clock.after(LONGEST_MS, () =>
      this.#give({ trouble: `measuring took longer than ${LONGEST_MS / 1_000} s`, isLong: true }),
    );
    const measured = await new Promise<Measured>((resolve) => {
      this.#end = resolve;
      try {
        worker.postMessage(task);
      } catch (error) {
        this.#give({ trouble: `its thread takes no task (${nameOf(error)})`, isLong: false });
      }
    });
    timer.cancel();
    // What did not answer in time, or fell over, is in a state that nobody knows.
    if ('trouble' in measured) await this.close();
    return measured;
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#give({ trouble: 'it was closed', isLong: false });
    await worker?.terminate();
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(this.#url, { name: 'power', resourceLimits: { maxOldGenerationSizeMb: HEAP_MB } });
    worker.on('message', (reply: PowerReply) => this.#give(measuredOf(reply)));
    const onEnd = (error?: unknown): void => {
      if (worker !== this.#worker) return;
      this.#worker = undefined;
      this.#give({ trouble: `its thread ended (${nameOf(error)})`, isLong: false });
    };
    worker.on('error', onEnd);
    worker.on('exit', () => onEnd());
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #give(measured: Measured): void {
    const end = this.#end;
    this.#end = undefined;
    end?.(measured);
  }
}

function measuredOf(reply: PowerReply): Measured {
  if (!reply.ok) return { trouble: `measuring failed (${reply.error})`, isLong: false };
  return reply.found === undefined ? { trouble: 'nothing was measured', isLong: false } : { found: reply.found };
}

/** `ERR_WORKER_OUT_OF_MEMORY`, `TypeError`. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

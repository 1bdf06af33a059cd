import type { Draft, Medium, Memory, Reading } from './reading.ts';

/** A fault planted into noise itself. */
export interface InsideFault {
  readonly name: string;
  /** Whether only several exchanges show it: a frozen value is sound once. */
  readonly lasting: boolean;
}

/** One kind of noise, put into an answer by each reading anew. */
export interface Injector {
  readonly name: string;
  /** Documents in which it makes sense. */
  readonly media: readonly Medium[];
  readonly faults: readonly InsideFault[];
  /** @param fault One of `faults`, planted into the noise in place of the sound value. */
  apply(draft: Draft, reading: Reading, fault?: string, memory?: Memory): void;
}

/** What a table of many cells costs a proxy. */
export interface LoadFigures {
  readonly cells: number;
  /** From the file to the first decision. */
  readonly loadedMs: number;
  /** Processor time of it, all threads. */
  readonly loadedCpuMs: number;
  /** More than before it was loaded, after collection: heap and what lies outside it. */
  readonly heldMib: number;
  /** Processor time of one decision, median of rounds. */
  readonly decisionUs: number;
  /** A thousand cells change. */
  readonly changeMs: number;
  /** Longest turn of the event loop while the whole table, and then the change, is written to disk. */
  readonly wholeTurnMs: number;
  readonly changeTurnMs: number;
  /** Decisions for the candidate; so that none is optimised away. */
  readonly candidate: number;
}

/** What a round of the controller costs. */
export interface TickFigures {
  readonly name: string;
  readonly cells: number;
  readonly changed: number;
  readonly opened: number;
  /** Processor time of this thread, and its longest turn: what a proxy in the same process waits. */
  readonly cpuMs: number;
  readonly turnMs: number;
  readonly wallMs: number;
  /** What the controller keeps of all these cells. */
  readonly heldMib: number;
}

/** MiB in use after collection; needs `--expose-gc`. */
export function memoryMib(): number {
  if (globalThis.gc === undefined) throw new Error('start it with --expose-gc');
  for (let i = 0; i < 3; i += 1) globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}

/** The longest time between two turns of the event loop until `run` is done. */
export async function longestTurn(run: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  let isDone = false;
  const done = run().finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve));
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }
  await done;
  return longest;
}

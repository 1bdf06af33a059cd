import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Growth of a thread's heap that is given back; everyday bodies seldom reach it. */
const GROWTH_BYTES = 32 * 1024 * 1024;
/** A step that took much is seldom alone: what several took is collected once. */
const WAIT_MS = 500;

/**
 * Gives memory back to the system once steps took much of it; call it after each step.
 * It collects within half a second, in this thread only, 20 to 100 ms for a thread that compares, so twice a second at most.
 *
 * An ordinary collection does not do: the engine keeps the pages it empties for later (in Node 24 without a bound, outside of
 * every figure in `getHeapStatistics`), and a young generation that has grown stays as large as it became. Only a collection
 * of last resort lets go of both. Measured with 143 hostile pairs: 100 MB of such pages stayed, and 128 MB of young generation.
 * An engine that knows no such collection makes an ordinary one: no error, and memory that goes back later (Node 20, tried).
 */
export function heapTidier(collect: (() => void) | undefined = collector(engineCollect())): () => void {
  if (collect === undefined) return () => undefined;
  let settled = heldBytes();
  let isDue = false;
  const tidy = (): void => {
    isDue = false;
    collect();
    settled = heldBytes();
  };
  return () => {
    if (isDue || heldBytes() < settled + GROWTH_BYTES) return;
    isDue = true;
    setTimeout(tidy, WAIT_MS);
  };
}

/** What `--expose-gc` puts into a context. Engines differ in the options they know, and no standard promises any. */
type EngineCollect = (options?: { readonly type: 'major'; readonly flavor?: 'last-resort' }) => unknown;

function engineCollect(): EngineCollect | undefined {
  try {
    setFlagsFromString('--expose-gc');
    const found: unknown = runInNewContext('globalThis.gc');
    return typeof found === 'function' ? (found as EngineCollect) : undefined; // put there by the flag
  } catch {
    return undefined;
  }
}

/**
 * The most thorough collection that the engine takes without an error, found by trying: of last resort, else a full one.
 * Undefined where there is none: memory is then given back when the engine likes to, within seconds.
 */
export function collector(collect: EngineCollect | undefined): (() => void) | undefined {
  if (collect === undefined) return undefined;
  const ways = [{ type: 'major', flavor: 'last-resort' } as const, { type: 'major' } as const, undefined];
  return () => {
    while (ways.length > 0) {
      try {
        collect(ways[0]);
        return;
      } catch {
        ways.shift();
      }
    }
  };
}

function heldBytes(): number {
  const { total_heap_size, external_memory } = getHeapStatistics();
  return total_heap_size + external_memory;
}

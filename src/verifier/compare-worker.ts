import { createHmac } from 'node:crypto';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';
import type { EndpointId } from '../core/cell.ts';
import { Redactor } from '../core/redact.ts';
import { CompareSession } from './compare-session.ts';
import { Comparer } from './comparer.ts';
import { readableText } from './decode.ts';
import { READY, type WorkerData, type WorkerRequest } from './worker-protocol.ts';

/** The thread that decodes, parses and compares, so that the loop which serves never does. Started by WorkerPool. */
function serve(data: WorkerData): void {
  const comparer = new Comparer({ policy: data.policy, limits: data.limits });
  for (const [endpoint, snapshot] of data.noise) restore(comparer, endpoint, snapshot);
  const hash = (name: string, value: string) =>
    createHmac('sha256', data.redactKey).update(`${name}\0${value}`).digest('hex');
  const session = new CompareSession(comparer, {
    redactor: new Redactor({ names: data.redactNames, hash }),
    bodies: data.bodies,
    textOf: (headers, body) => readableText(headers, body, data.limits.maxDecodedBytes),
  });
  const tidy = heapTidier();
  parentPort?.on('message', (request: WorkerRequest) => {
    parentPort?.postMessage(session.handle(request));
    tidy();
  });
  parentPort?.postMessage(READY);
}

/** Growth of the thread's heap that is given back at once; everyday bodies never reach it. */
const HEAP_GROWTH_BYTES = 32 * 1024 * 1024;

/**
 * Gives memory back after a step that took much of it: the engine itself would keep it until the thread needs more.
 * It collects after the answer was sent, in this thread only, about 10 to 50 ms.
 */
function heapTidier(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options?: { type: 'major' }) => void; // what the flag puts there
  let settled = getHeapStatistics().total_heap_size;
  return () => {
    const { total_heap_size, external_memory } = getHeapStatistics();
    if (total_heap_size + external_memory < settled + HEAP_GROWTH_BYTES) return;
    collect({ type: 'major' });
    settled = getHeapStatistics().total_heap_size;
  };
}

/** A snapshot of another version may not fit; the endpoint then learns anew. */
function restore(comparer: Comparer, endpoint: EndpointId, snapshot: unknown): void {
  try {
    comparer.restore(endpoint, snapshot);
  } catch {
    // Nothing to do: an endpoint without snapshot is the normal beginning.
  }
}

// The pool is the only one who starts this file, and it always gives this shape.
serve(workerData as WorkerData);

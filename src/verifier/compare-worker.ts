import { createHmac } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import type { EndpointId } from '../core/cell.ts';
import { Redactor } from '../core/redact.ts';
import { CompareSession } from './compare-session.ts';
import { Comparer } from './comparer.ts';
import { readableText } from './decode.ts';
import { heapTidier } from './heap-tidier.ts';
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

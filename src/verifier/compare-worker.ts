import { createHmac, createSecretKey } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import type { EndpointId } from '../core/cell.ts';
import { Redactor } from '../core/redact.ts';
import { CompareSession } from './compare-session.ts';
import { Comparer } from './comparer.ts';
import { readableText } from './decode.ts';
import { heapTidier } from './heap-tidier.ts';
import type { StoreOptions } from './stored-exchange.ts';
import { READY, type RulesRequest, type WorkerData, type WorkerRequest, type WorkerRules } from './worker-protocol.ts';

/** The thread that decodes, parses and compares, so that the loop which serves never does. Started by WorkerPool. */
function serve(data: WorkerData): void {
  const comparer = new Comparer({ policy: data.policy, limits: data.limits });
  for (const [endpoint, snapshot] of data.noise) restore(comparer, endpoint, snapshot);
  const key = createSecretKey(data.redactKey);
  const hash = (name: string, value: string) => createHmac('sha256', key).update(`${name}\0${value}`).digest('hex');
  const storeOf = ({ redactNames, bodies, limits }: WorkerRules): StoreOptions => ({
    redactor: new Redactor({ names: redactNames, hash }),
    bodies,
    textOf: (headers, body) => readableText(headers, body, limits.maxDecodedBytes),
  });
  const session = new CompareSession(comparer, storeOf(data));
  const tidy = heapTidier();
  parentPort?.on('message', (request: WorkerRequest | RulesRequest) => {
    if (request.kind === 'rules') {
      comparer.follow(request.rules);
      session.storeBy(storeOf(request.rules));
      parentPort?.postMessage({ kind: 'done' });
      return;
    }
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

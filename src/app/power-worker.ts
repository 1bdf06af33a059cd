/** The thread that measures power, one endpoint after the other. Started by power-thread.ts. */
import { constants, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { RecordingView } from '../api/recording-types.ts';
import type { EndpointPower } from '../core/power.ts';
import { measurePower } from './power.ts';
import { recordedOf, type Standard } from './recorded-traffic.ts';

/** One endpoint to be measured. */
export interface PowerTask {
  readonly recordings: readonly RecordingView[];
  readonly standard: Standard;
}

export type PowerReply =
  | { readonly ok: true; readonly found: EndpointPower | undefined }
  | { readonly ok: false; readonly error: string };

yieldToOthers();
parentPort?.on('message', (task: PowerTask) => parentPort?.postMessage(answer(task)));

function answer({ recordings, standard }: PowerTask): PowerReply {
  try {
    const [found] = measurePower(recordings.map(recordedOf), standard);
    return { ok: true, found };
  } catch (error) {
    // The message of a parser may quote an answer, so only the error's name leaves (I8).
    return { ok: false, error: error instanceof Error ? error.name : 'unknown' };
  }
}

/** On Linux a thread has a niceness of its own (setpriority(2), Notes); elsewhere it would be that of the whole process. */
function yieldToOthers(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(0, constants.priority.PRIORITY_LOW);
  } catch {
    // Where a sandbox forbids it, the pauses between two measurements are what is left.
  }
}

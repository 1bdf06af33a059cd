import { parentPort, workerData } from 'node:worker_threads';
import { type Explored, explore } from '../../src/simulation/explorer.ts';

/** From one thread that explores to the one that adds up. */
export type Told = { readonly tried: number } | { readonly explored: Explored };

const { from, to } = workerData as { readonly from: number; readonly to: number }; // as the section gives it
const explored = await explore({ from, to, progress: (tried) => parentPort?.postMessage({ tried } satisfies Told) });
parentPort?.postMessage({ explored } satisfies Told);

/** The store's writer thread, which ends when it is asked to record the key `die`, and throws at `throw`. */
import { parentPort } from 'node:worker_threads';

parentPort?.on('message', ({ method, args }: { method: string; args: readonly (readonly { hash?: string }[])[] }) => {
  if (method !== 'recordKeys') return;
  const [key] = args[0] ?? [];
  if (key?.hash === 'die') process.exit(1);
  if (key?.hash === 'throw') throw new Error('a fault in the thread');
});
await import('../../src/store/sqlite-worker.ts');

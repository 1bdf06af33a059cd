/** The writer thread: the only place where the database is touched. Started by sqlite-store.ts. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { CutoverError } from '../core/errors.ts';
import { openDatabase } from './open-database.ts';
import { SqliteTables } from './sqlite-tables.ts';
import { storeError } from './store-error.ts';
import { type CallMessage, OPENING, type ReplyMessage, type WriterData } from './store-protocol.ts';

if (parentPort !== null) serve(parentPort, workerData as WriterData); // sqlite-store.ts gives it

/** Calls that write. After damage was seen they are refused: they could make it worse. Reading goes on, as far as it can. */
const WRITES: ReadonlySet<CallMessage['method']> = new Set([
  'commit',
  'addVerified',
  'saveDocuments',
  'recordKeys',
  'pruneStep',
]);

function serve(port: MessagePort, data: WriterData): void {
  let damage: CutoverError | undefined;
  const answer = (id: number, run: () => unknown): boolean => {
    try {
      port.postMessage({ id, ok: true, value: run() } satisfies ReplyMessage);
      return true;
    } catch (caught) {
      const error = storeError(caught, data.file);
      if (error.code === 'STORE_CORRUPT') damage ??= error;
      const { code, message, hint } = error;
      port.postMessage({ id, ok: false, error: { code, message, hint } } satisfies ReplyMessage);
      return false;
    }
  };
  let tables: SqliteTables | undefined;
  const isOpen = answer(OPENING, () => {
    mkdirSync(dirname(data.file), { recursive: true, mode: 0o700 });
    tables = new SqliteTables(openDatabase(data), data.file);
  });
  if (!isOpen) return;
  // Messages arrive in the order they were sent, and each is done before the next begins.
  port.on('message', ({ id, method, args }: CallMessage) => {
    answer(id, () => {
      if (damage !== undefined && WRITES.has(method)) throw damage;
      // The arguments were typed where the call was made; the class checks nothing that the type says.
      const call = tables?.[method] as ((...args: readonly unknown[]) => unknown) | undefined;
      return call?.apply(tables, args as unknown[]);
    });
    if (method === 'close') port.close();
  });
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { storeContract } from './store.ts';

storeContract('the store in memory', async () => {
  const store = createMemoryStore();
  return { store, dispose: () => store.close() };
});

storeContract('the store on SQLite', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'cutover-store-'));
  const store = await openSqliteStore({ dir, log: createLog({ level: 'error', write: () => {} }) });
  return {
    store,
    dispose: async () => {
      await store.close();
      await rm(dir, { recursive: true });
    },
  };
});

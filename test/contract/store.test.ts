import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import { openPostgresStore } from '../../src/store/postgres-store.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
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

describe('with a server of its own', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 180_000);
  afterAll(() => server.stop());

  storeContract('the store on PostgreSQL', async () => {
    const url = await server.database();
    const store = await openPostgresStore({ url, log: createLog({ level: 'error', write: () => {} }) });
    return { store, dispose: () => store.close() };
  });
});

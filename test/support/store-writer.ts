/** A process that commits without end and says on standard output, line by line, what the store has acknowledged. */
import { writeSync } from 'node:fs';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { createLog } from '../../src/telemetry/log.ts';

const dir = process.argv[2] ?? '';
const store = await openSqliteStore({ dir, log: createLog({ level: 'error', write: () => {} }) });
for (let n = 0; ; n += 1) {
  const change = { at: n, actor: 'api', action: 'dial.set', scope: 'all', reason: 'loop', revision: n };
  const written = await store.commit({ journal: [change], state: [{ key: 'last', value: n }] });
  for (const { sequence } of written) writeSync(1, `${sequence} ${n}\n`);
}

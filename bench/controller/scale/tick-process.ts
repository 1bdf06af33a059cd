/*
 * What a round of the controller costs with a million known cells, in a process of its own, on a real database:
 * node --expose-gc tick-process.ts FOLDER TENANTS ENDPOINTS CHANGED
 * prints one line of JSON for each kind of round.
 */
import { createController } from '../../../src/controller/controller.ts';
import { movementRules } from '../../../src/controller/movement-rules.ts';
import { Mover } from '../../../src/controller/mover.ts';
import type { RoutingTable } from '../../../src/core/table.ts';
import { compileTable } from '../../../src/core/table.ts';
import { openSqliteStore } from '../../../src/store/sqlite-store.ts';
import { TableFile } from '../../../src/store/table-file.ts';
import { createEvents } from '../../../src/telemetry/events.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { TRIPWIRES } from '../../../test/support/movement-rig.ts';
import { endpointPolicy, evidenceSettings, servedRecord, verifiedExchange } from '../../../test/support/traffic.ts';
import { longestTurn, memoryMib, type TickFigures } from './measure.ts';
import { endpointName, tenantName } from './world.ts';

const [folder = '', tenants = 0, endpoints = 0, changed = 0] = [
  process.argv[2],
  ...process.argv.slice(3).map(Number),
] as const;
const clock = new ManualClock();
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: console.error };
const store = await openSqliteStore({ dir: folder, log });
const file = new TableFile(folder);
let table: RoutingTable | undefined;
const controller = createController({
  store,
  base: {
    force: { control: { tenants: [], endpoints: [] }, candidate: { tenants: [], endpoints: [] } },
    cohorts: {},
    defaults: endpointPolicy(),
    endpoints: [],
    dials: [{ scope: {}, dialPpm: 500_000 }],
  },
  clock,
  events: createEvents({ log, metrics: createMetrics().metrics, clock }),
  version: 'bench',
  onTable: (data) => {
    table = compileTable(data);
    void file.write(data);
  },
});
const defaults = {
  dialPpm: 0,
  maxPpm: 1_000_000,
  proof: 'endpoint',
  mirrorPpm: 1_000_000,
  steps: [],
  dwellMs: 600_000,
};
const mover = new Mover({
  controller,
  store,
  clock,
  log,
  rules: movementRules({
    evidence: evidenceSettings({ minSpanMs: 0, pooledLimit: 0.01 }),
    protectedTenants: [],
    endpoints: [],
    defaults,
  } as Parameters<typeof movementRules>[0]),
  tripwires: TRIPWIRES,
  limits: { cells: 2_000_000, endpoints: 10_000 },
  fingerprint: 'rules',
  saved: new Map(),
});
await controller.start();
await mover.start();

const cellAt = (number: number) => ({
  tenant: tenantName(Math.floor(number / endpoints)),
  endpoint: endpointName(number % endpoints),
});
const before = memoryMib();
for (let number = 0; number < tenants * endpoints; number += 1)
  mover.served(servedRecord({ ...cellAt(number), at: clock.now() }));
const heldMib = memoryMib() - before;
const step = Math.floor((tenants * endpoints) / changed);
let request = 0;
const compare = (times: number): void => {
  for (let n = 0; n < changed; n += 1)
    for (let time = 0; time < times; time += 1) {
      request += 1;
      const exchange = { at: clock.now(), requestHash: `r${request}`, subjectHash: `s${request % 5_000}` };
      // A step that shares no factor with the endpoints reaches them all.
      mover.verified(verifiedExchange(cellAt(n * step + (n % endpoints)), 'match', exchange));
    }
};
const openNow = (): number => (table?.data.cells.count('open') ?? 0) + (table?.data.cells.count('renewing') ?? 0);

async function round(name: string): Promise<void> {
  globalThis.gc?.();
  const opened = openNow();
  const [cpu, begin] = [process.threadCpuUsage(), performance.now()];
  const turnMs = await longestTurn(() => mover.tick());
  const { user, system } = process.threadCpuUsage(cpu);
  const figures: TickFigures = {
    name,
    cells: mover.book.cellCount,
    changed,
    opened: openNow() - opened,
    cpuMs: (user + system) / 1_000,
    turnMs,
    wallMs: performance.now() - begin,
    heldMib,
  };
  console.log(JSON.stringify(figures));
}

await round('nothing changed');
compare(2);
await round('1 % were compared, none may open yet');
compare(2);
await round('1 % were compared, all of them open');
compare(1);
await round('1 % were compared, all are open');
await controller.rollback({}, { actor: 'cli:bench', reason: 'bench' });
await round('everything was rolled back');
await store.close();
process.exit(0);

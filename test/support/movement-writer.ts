/**
 * A process that promotes, takes back and rolls back without end, on a real database: real store, Controller and Mover, comparisons made up.
 * First line: `start {…}`, what it found. Then a line for each thing that was acknowledged: `ack REVISION LATCHES`.
 */
import { writeSync } from 'node:fs';
import { enableCompileCache } from 'node:module';

enableCompileCache();
const { createController } = await import('../../src/controller/controller.ts');
const { movementRules } = await import('../../src/controller/movement-rules.ts');
const { Mover } = await import('../../src/controller/mover.ts');
const { isOpen } = await import('../../src/core/cell.ts');
const { openStateDir } = await import('../../src/store/state-dir.ts');
const { openSqliteStore } = await import('../../src/store/sqlite-store.ts');
const { systemClock } = await import('../../src/telemetry/clock.ts');
const { createEvents } = await import('../../src/telemetry/events.ts');
const { createMetrics } = await import('../../src/telemetry/metrics.ts');
const { cellOf, endpointPolicy, evidenceSettings, verifiedExchange } = await import('./traffic.ts');

const dir = process.argv[2] ?? '';
const seed = Number(process.argv[3] ?? '1');
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
await openStateDir(dir);
const store = await openSqliteStore({ dir, log });
const clock = systemClock;
const { metrics } = createMetrics();
const policy = endpointPolicy();
const dial = { scope: {}, dialPpm: 1_000_000 };
const nobody = { tenants: [], endpoints: [] };
const force = { control: nobody, candidate: nobody };
/** Cells that the table in force lets the candidate serve, and that have no recorded proof: must stay empty. */
const unproven = new Set<string>();
const base = { force, cohorts: {}, defaults: policy, endpoints: [], dials: [dial] };
const controller = createController({
  store,
  base,
  clock,
  events: createEvents({ log, metrics, clock }),
  version: 'test',
  onTable: () => undefined,
});
await controller.start();
const defaults = {
  dialPpm: 1_000_000,
  maxPpm: 1_000_000,
  proof: 'cell',
  mirrorPpm: 1_000_000,
  steps: [],
  dwellMs: 1_000,
} as const;
const evidence = evidenceSettings({
  cellLimit: 0.2,
  minSpanMs: 0,
  minRequests: 5,
  coolDownMs: 1,
  returnIntervalMs: 3_600_000,
  retries: 5,
  renewWithinMs: 60_000,
});
const mover = new Mover({
  controller,
  store,
  clock,
  log,
  rules: movementRules({ evidence, protectedTenants: [], endpoints: [], defaults }),
  tripwires: {
    candidateFailures: { count: 5, withinMs: 10_000 },
    hardDown: { consecutive: 5 },
    reverseMismatch: { count: 3, withinMs: 10_000 },
  },
  limits: { cells: 1_000, endpoints: 100 },
  fingerprint: 'rules-1',
  saved: await store.loadDocuments('movement'),
});
await mover.start();

function look(): void {
  const proofs = new Map([...mover.book.tracks()].map((track) => [track.key, track.record.proof]));
  for (const [key, state] of controller.state.cells)
    if (isOpen(state) && proofs.get(key) === undefined) unproven.add(key);
}

look();
const open = [...controller.state.cells.values()].filter((state) => isOpen(state)).length;
const newest = await store.journal({ limit: 1 });
const found = {
  revision: newest.items[0]?.revision ?? 0,
  latches: [...controller.state.latches.keys()].sort().join('|'),
  unproven: unproven.size,
  open,
};
writeSync(1, `start ${JSON.stringify(found)}\n`);

function acknowledge(): void {
  look();
  const latches = [...controller.state.latches.keys()].sort().join('|');
  writeSync(1, `ack ${controller.state.revision} ${unproven.size} ${latches}\n`);
}

/** A seeded generator (mulberry32's increment is enough here). */
let state = seed;
function chance(): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
}

const by = { actor: 'test', reason: '' };
for (let round = 0; ; round += 1) {
  const cell = cellOf(`t${Math.floor(chance() * 8)}`, 'GET /a');
  const roll = chance();
  if (roll < 0.12) {
    const done = await controller.rollback({ tenant: cell.tenant }, by);
    // One that the store has not confirmed in time is in force, but not promised to survive.
    if (done.ok && done.journaledMs !== null) acknowledge();
  } else if (roll < 0.3) {
    const latch = [...controller.state.latches.values()][0];
    if (latch !== undefined && (await controller.command({ kind: 'unlatch', scope: latch.scope }, by)).ok)
      acknowledge();
  } else {
    const isBad = chance() < 0.15;
    for (let number = 0; number < 40; number += 1) {
      const verdict = isBad ? 'mismatch' : 'match';
      const direction = isBad ? 'reverse' : 'forward';
      const more = {
        requestHash: `r${round}-${number}`,
        subjectHash: `s${round}-${number}`,
        at: clock.now(),
        direction,
      } as const;
      mover.verified(verifiedExchange(cell, verdict, more));
    }
    const before = controller.state.revision;
    await mover.tick();
    if (controller.state.revision !== before) acknowledge();
  }
}

import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FleetProcess, startController } from '../../../src/app/fleet-controller.ts';
import { type FleetProxy, startProxy } from '../../../src/app/fleet-proxy.ts';
import { settingsFromUrls } from '../../../src/config/load.ts';
import { ensureSecret } from '../../../src/store/state-dir.ts';
import { FAULTS, type FleetOutcome, FleetWorld } from '../../../test/support/fleet-world.ts';
import { startPostgres } from '../../../test/support/postgres.ts';
import type { BenchSection, Row, Section, SectionOptions } from '../../verify/section.ts';

const PROXIES = 8;
const FAULT_ROUNDS = { quick: 7, whole: 1_000 } as const;
const CHANGES = { quick: 50, whole: 1_000 } as const;

/** How fast a fleet obeys, and what it loses when its parts are killed and cut off. */
export const fleet: BenchSection = {
  name: 'fleet',
  async run(options: SectionOptions): Promise<Section> {
    const speed = await obeying(options);
    const faults = await suffering(options);
    return {
      title: `A fleet on one machine: ${PROXIES} proxies that obey one controller; then two controllers and three proxies that suffer`,
      rows: [...speed, ...faults.rows],
      tables: [faults.table],
    };
  },
};

/** Proxies and controller in this process, over real sockets and a real PostgreSQL. */
async function obeying({ quick, progress }: SectionOptions): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'cutover-bench-fleet-'));
  const server = await startPostgres();
  const [control, candidate] = [await listening(), await listening()];
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const settings = (name: string) =>
      settingsFromUrls({
        control: [control.url],
        candidate: [candidate.url],
        listen: '127.0.0.1:0',
        apiListen: '127.0.0.1:0',
        dir: join(folder, name),
        logLevel: 'error',
        more: { defaults: { proof: 'none' }, compare: { workers: 1 } },
      });
    const own = settings('controller');
    const url = await server.database();
    const controller = await startController({
      settings: { ...own, store: { ...own.store, url } },
      name: 'controller',
      fleetListen: { host: '127.0.0.1', port: 0 },
    });
    ends.push(() => controller.close());
    const token = await ensureSecret(join(folder, 'controller', 'api-token'), 32);
    const proxies: FleetProxy[] = [];
    for (let n = 1; n <= PROXIES; n += 1) {
      mkdirSync(join(folder, `p${n}`), { mode: 0o700 });
      copyFileSync(join(folder, 'controller', 'api-token'), join(folder, `p${n}`, 'api-token'));
      const proxy = await startProxy({
        settings: settings(`p${n}`),
        name: `p${n}`,
        controllers: [controller.fleetUrl],
        token,
        door: { host: '127.0.0.1', port: 0 },
      });
      ends.push(() => proxy.close());
      proxies.push(proxy);
    }
    await until(() => Promise.resolve(proxies.every((proxy) => proxy.table().revision > 0)));
    progress(`${PROXIES} proxies obey`);
    return await measured({ controller, proxies, token, count: quick ? CHANGES.quick : CHANGES.whole });
  } finally {
    for (const end of ends.reverse()) await end();
    control.server.close();
    candidate.server.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

async function measured(rig: {
  readonly controller: FleetProcess;
  readonly proxies: readonly FleetProxy[];
  readonly token: string;
  readonly count: number;
}): Promise<Row[]> {
  const { controller, proxies, token, count } = rig;
  const call = async (method: string, path: string, body: unknown): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${controller.apiUrl()}/api/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const value = (await answer.json()) as Record<string, unknown>;
    if (!answer.ok) throw new Error(JSON.stringify(value));
    return value;
  };
  const changes: number[] = [];
  const rollbacks: number[] = [];
  const obeyed: number[] = [];
  let missing = 0;
  for (let n = 0; n < count; n += 1) {
    // From the order to the last proxy, the journal on disk in between.
    const begin = performance.now();
    const ordered = call('PUT', 'dials', { scope: {}, dialPpm: n });
    const target = Math.max(...proxies.map((proxy) => proxy.table().revision)) + 1;
    await until(() => Promise.resolve(proxies.every((proxy) => proxy.table().revision >= target)));
    changes.push(performance.now() - begin);
    await ordered;
    const ordering = performance.now();
    const { proxies: told } = (await call('POST', 'rollback', {})) as unknown as {
      proxies: { acknowledged: { ms: number }[]; missing: unknown[] };
    };
    rollbacks.push(performance.now() - ordering);
    obeyed.push(Math.max(...told.acknowledged.map(({ ms }) => ms)));
    missing += told.missing.length + (PROXIES - told.acknowledged.length);
    await call('DELETE', 'latch', {});
  }
  const slow = quantile(rollbacks, 0.99);
  const slowChange = quantile(changes, 0.99);
  return [
    {
      figure: `rollback acknowledged by ${PROXIES} proxies, order to answer, journaled: p99 of ${count} (median ${quantile(rollbacks, 0.5).toFixed(1)} ms; the last proxy obeys after ${quantile(obeyed, 0.99).toFixed(1)} ms)`,
      value: `${slow.toFixed(1)} ms`,
      target: '≤ 200 ms',
      met: slow <= 200,
    },
    { figure: 'proxies that were missing in an answer', value: String(missing), target: '0', met: missing === 0 },
    {
      figure: `change of the table to ${PROXIES} proxies, order to the last one, journaled first: p99 of ${count} (median ${quantile(changes, 0.5).toFixed(1)} ms)`,
      value: `${slowChange.toFixed(1)} ms`,
      target: '≤ 100 ms',
      met: slowChange <= 100,
    },
  ];
}

/** Processes that are killed and cut off, while clients never stop and somebody decides all the time. */
async function suffering({ quick, progress }: SectionOptions) {
  const rounds = quick ? FAULT_ROUNDS.quick : FAULT_ROUNDS.whole;
  const world = await FleetWorld.start();
  let outcome: FleetOutcome;
  try {
    for (let round = 0; round < rounds; round += 1) {
      const fault = FAULTS[round % FAULTS.length] ?? FAULTS[0];
      await world.suffer(fault);
      if (round % 10 === 0) progress(`${round + 1} of ${rounds} faults`);
    }
    outcome = await world.finish();
  } finally {
    await world.close();
  }
  const none = (figure: string, found: readonly string[]): Row => ({
    figure,
    value: String(found.length),
    target: '0',
    met: found.length === 0,
  });
  const { acknowledged, rollbacks, requests, byCandidate, terms, healedMs } = outcome;
  return {
    rows: [
      none(
        `acknowledged decisions lost, of ${acknowledged} and ${rollbacks} rollbacks, in ${rounds} faults and ${terms} terms`,
        outcome.lostDecisions,
      ),
      none('requests served by the candidate without a proof that is demanded', outcome.servedWithoutProof),
      none('requests served by the candidate after every proxy had acknowledged a rollback', outcome.servedUnderLatch),
      none(`client errors, of ${requests} requests, ${byCandidate} by the candidate`, outcome.clientErrors),
      none('breaks in the chain of the journal', outcome.brokenJournal === undefined ? [] : [outcome.brokenJournal]),
    ],
    table: {
      title: 'Milliseconds from a fault until somebody leads and every proxy obeys: median (most)',
      columns: ['fault', 'times', 'median', 'most'],
      rows: FAULTS.map((fault) => {
        const times = healedMs.filter((one) => one.fault === fault).map(({ ms }) => ms);
        return [fault, String(times.length), quantile(times, 0.5).toFixed(0), Math.max(0, ...times).toFixed(0)];
      }),
    },
  };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

async function listening(): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer((_, answer) => answer.end('same'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { server, url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}` };
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error('The fleet does not obey within 60 s.');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FAULTS, type FleetOutcome, FleetWorld } from '../../../test/support/fleet-world.ts';
import { startPostgres } from '../../../test/support/postgres.ts';
import type { BenchSection, Row, Section, SectionOptions } from '../../verify/section.ts';

const CUTOVER = fileURLToPath(new URL('../../../bin/cutover.cjs', import.meta.url));
const PROXIES = 8;
/** For a process to say where it listens, and for everybody to obey. */
const LIMIT_MS = 120_000;
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

/** The controller and each proxy are processes of their own, over real sockets and a real PostgreSQL. */
async function obeying({ quick, progress }: SectionOptions): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'cutover-bench-fleet-'));
  const server = await startPostgres();
  const [control, candidate] = [await listening(), await listening()];
  const children: ChildProcess[] = [];
  try {
    const config = join(folder, 'cutover.yaml');
    writeFileSync(
      config,
      // JSON is YAML
      JSON.stringify({
        control: { url: control.url },
        candidate: { url: candidate.url },
        log: { level: 'error' },
        defaults: { proof: 'none' },
        compare: { workers: 1 },
      }),
    );
    const started = async (name: string, args: readonly string[]): Promise<string> => {
      const child = spawn(
        process.execPath,
        [CUTOVER, ...args, '-c', config, '--name', name, '--dir', join(folder, name)],
        { stdio: ['ignore', 'ignore', 'pipe'] },
      );
      children.push(child);
      return said(child);
    };
    const line = await started('controller', [
      ...['controller', '--store', await server.database()],
      ...['--api-listen', '127.0.0.1:0', '--fleet-listen', '127.0.0.1:0'],
    ]);
    const [fleetUrl = '', apiUrl = ''] = line.match(/http:\/\/[\d.]+:\d+/g) ?? [];
    const tokenFile = join(folder, 'controller', 'api-token');
    for (let n = 1; n <= PROXIES; n += 1)
      await started(`p${n}`, [
        ...['proxy', '--listen', '127.0.0.1:0', '--door', '127.0.0.1:0'],
        ...['--controller', fleetUrl, '--token-file', tokenFile],
      ]);
    const call = caller(apiUrl, readFileSync(tokenFile, 'utf8').trim());
    await until(async () => (await obey(call)).length === PROXIES);
    progress(`${PROXIES} proxies obey`);
    return await measured(call, quick ? CHANGES.quick : CHANGES.whole);
  } finally {
    for (const child of children) await killed(child);
    control.server.close();
    candidate.server.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

type Call = (method: string, path: string, body?: unknown) => Promise<Record<string, unknown>>;

function caller(apiUrl: string, token: string): Call {
  return async (method, path, body) => {
    const answer = await fetch(`${apiUrl}/api/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const value = (await answer.json()) as Record<string, unknown>;
    if (!answer.ok) throw new Error(JSON.stringify(value));
    return value;
  };
}

/** The proxies that said that they obey what the controller decided last. */
async function obey(call: Call): Promise<readonly unknown[]> {
  const { members } = (await call('GET', 'fleet')) as {
    members?: readonly { readonly connected: boolean; readonly behind: number }[];
  };
  return (members ?? []).filter(({ connected, behind }) => connected && behind === 0);
}

async function measured(call: Call, count: number): Promise<Row[]> {
  const changes: number[] = [];
  const rollbacks: number[] = [];
  const obeyed: number[] = [];
  let missing = 0;
  for (let n = 0; n < count; n += 1) {
    // From the order, through the journal on disk, to an answer that the last proxy obeys: a little more than it takes.
    const begin = performance.now();
    await call('PUT', 'dials', { scope: {}, dialPpm: n });
    await until(async () => (await obey(call)).length === PROXIES);
    changes.push(performance.now() - begin);
    const ordering = performance.now();
    const { proxies: told } = (await call('POST', 'rollback', {})) as {
      proxies?: { acknowledged: { ms: number }[]; missing: unknown[] };
    };
    rollbacks.push(performance.now() - ordering);
    const acknowledged = told?.acknowledged ?? [];
    obeyed.push(Math.max(...acknowledged.map(({ ms }) => ms)));
    missing += PROXIES - acknowledged.length;
    await call('DELETE', 'latch', {});
    await until(async () => (await obey(call)).length === PROXIES);
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

/** The line by which a process says that it leads or serves; rejects when it ends before. */
function said(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(
      () => reject(new Error(`A process neither leads nor serves within ${LIMIT_MS / 1_000} s.`)),
      LIMIT_MS,
    );
    child.once('exit', (code) => reject(new Error(`A process ended with ${code}.`)));
    child.stderr?.on('data', (piece: Buffer) => {
      text += piece.toString();
      const line = /^(?:Leading|Serving)[^\n]*\n/m.exec(text)?.[0];
      if (line === undefined) return;
      clearTimeout(timer);
      resolve(line);
    });
  });
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`The fleet does not obey within ${LIMIT_MS / 1_000} s.`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

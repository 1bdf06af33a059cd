import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startPostgres } from '../../../test/support/postgres.ts';
import type { BenchSection, Row, Section, SectionOptions } from '../../verify/section.ts';
import { FleetClients, side } from '../fleet-clients.ts';

const CUTOVER = fileURLToPath(new URL('../../../bin/cutover.cjs', import.meta.url));
const PROXIES = 8;
/** For a process to say where it listens, and for everybody to obey. */
const LIMIT_MS = 120_000;
/** While a rollback holds, before it is lifted. */
const AFTER_MS = 50;
const CHANGES = { quick: 50, whole: 1_000 } as const;

/** How fast a fleet obeys, while each proxy has a client that never stops. */
export const fleet: BenchSection = {
  name: 'fleet',
  async run(options: SectionOptions): Promise<Section> {
    return {
      title: `A fleet on one machine: ${PROXIES} proxies that obey one controller`,
      rows: await obeying(options),
    };
  },
};

/** The controller and each proxy are processes of their own, over real sockets and a real PostgreSQL. */
async function obeying({ quick, progress }: SectionOptions): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'cutover-bench-fleet-'));
  const server = await startPostgres();
  const [control, candidate] = [await side('control'), await side('candidate')];
  const children: ChildProcess[] = [];
  let clients: FleetClients | undefined;
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
        endpoints: [{ match: 'POST /orders', writes: true }],
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
    const ports: number[] = [];
    for (let n = 1; n <= PROXIES; n += 1) {
      const serving = await started(`p${n}`, [
        ...['proxy', '--listen', '127.0.0.1:0', '--door', '127.0.0.1:0'],
        ...['--controller', fleetUrl, '--token-file', tokenFile],
      ]);
      ports.push(Number(/:(\d+),/.exec(serving)?.[1]));
    }
    const call = caller(apiUrl, readFileSync(tokenFile, 'utf8').trim());
    await until(async () => (await obey(call)).length === PROXIES);
    progress(`${PROXIES} proxies obey`);
    clients = new FleetClients(ports);
    return await measured(call, clients, quick ? CHANGES.quick : CHANGES.whole);
  } finally {
    await clients?.close();
    for (const child of children) await killed(child);
    for (const { server: one } of [control, candidate]) {
      one.closeAllConnections();
      one.close();
    }
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

interface Measured {
  readonly changes: number[];
  readonly rollbacks: number[];
  /** From the moment a rollback is in force at the controller until the last proxy obeys. */
  readonly obeyed: number[];
  missing: number;
  /** What may stay with the candidate: retries with a key it answered, and answers that had begun. */
  readonly kept: { keys: number; streams: number; uncounted: number };
}

async function measured(call: Call, clients: FleetClients, count: number): Promise<Row[]> {
  const found: Measured = {
    changes: [],
    rollbacks: [],
    obeyed: [],
    missing: 0,
    kept: { keys: 0, streams: 0, uncounted: 0 },
  };
  for (let n = 0; n < count; n += 1) {
    // From the order, through the journal on disk, to an answer that the last proxy obeys: a little more than it takes.
    const begin = performance.now();
    await call('PUT', 'dials', { scope: {}, dialPpm: 1_000_000 - n });
    await until(async () => (await obey(call)).length === PROXIES);
    found.changes.push(performance.now() - begin);
    await takenBack(call, clients, { n, found });
    await call('DELETE', 'latch', {});
    await until(async () => (await obey(call)).length === PROXIES);
  }
  return rowsOf(found, clients, count);
}

/** One rollback of everything, with a key and a stream that belong to the candidate. */
async function takenBack(
  call: Call,
  clients: FleetClients,
  { n, found }: { readonly n: number; readonly found: Measured },
): Promise<void> {
  const wrote = await clients.write(n, `order-${n}`);
  const stream = await clients.stream(n);
  const ordering = performance.now();
  const { proxies: told, inFlight } = (await call('POST', 'rollback', {})) as {
    inFlight: number;
    proxies?: { acknowledged: { ms: number }[]; missing: unknown[] };
  };
  found.rollbacks.push(performance.now() - ordering);
  const acknowledged = told?.acknowledged ?? [];
  clients.isLatched = acknowledged.length === PROXIES;
  found.obeyed.push(Math.max(...acknowledged.map(({ ms }) => ms)));
  found.missing += PROXIES - acknowledged.length;
  // A retry that comes to another proxy.
  const again = await clients.write(n + 1, `order-${n}`);
  if (wrote === 'candidate' && again === 'candidate') found.kept.keys += 1;
  if (stream.side === 'candidate' && stream.isOpen()) found.kept.streams += 1;
  if (stream.side === 'candidate' && inFlight < 1) found.kept.uncounted += 1;
  // Long enough for every client to come once more.
  await new Promise((resolve) => setTimeout(resolve, AFTER_MS));
  clients.isLatched = false;
  stream.end();
}

function rowsOf({ changes, rollbacks, obeyed, missing, kept }: Measured, { seen }: FleetClients, count: number): Row[] {
  const slow = quantile(rollbacks, 0.99);
  const slowChange = quantile(changes, 0.99);
  const none = (figure: string, found: number): Row => ({
    figure,
    value: String(found),
    target: '0',
    met: found === 0,
  });
  return [
    {
      figure: `rollback acknowledged by ${PROXIES} proxies, order to answer, journaled: p99 of ${count} (median ${quantile(rollbacks, 0.5).toFixed(1)} ms; the last proxy obeys after ${quantile(obeyed, 0.99).toFixed(1)} ms)`,
      value: `${slow.toFixed(1)} ms`,
      target: '≤ 200 ms',
      met: slow <= 200,
    },
    none('proxies that were missing in an answer', missing),
    none(
      `requests begun after an answer and served by the candidate, of ${seen.requests} (${seen.byCandidate} by the candidate before)`,
      seen.late,
    ),
    { figure: 'retries with a recorded key that stayed with the candidate, at another proxy', value: `${kept.keys}` },
    { figure: 'answers of the candidate that had begun and went on', value: `${kept.streams}` },
    none('rollbacks whose answer did not count them', kept.uncounted),
    none('requests that failed', seen.failed),
    {
      figure: `change of the table to ${PROXIES} proxies, order to the last one, journaled first: p99 of ${count} (median ${quantile(changes, 0.5).toFixed(1)} ms)`,
      value: `${slowChange.toFixed(1)} ms`,
      target: '≤ 100 ms',
      met: slowChange <= 100,
    },
  ];
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
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

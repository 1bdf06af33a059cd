import { cpus } from 'node:os';
import { join } from 'node:path';
import { CONTENDERS, type Contender, type Origin } from './contenders.ts';
import { cpuMicroseconds, residentMegabytes, start } from './process.ts';

interface Measure {
  readonly requests: number;
  readonly errors: number;
  readonly elapsedMs: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

interface Round extends Measure {
  readonly cpuMicros: number;
  readonly residentMb: number;
}

/** Figures of one contender: medians over the rounds. */
interface Row {
  readonly name: string;
  readonly requestsPerSecond: number;
  readonly cpuMicrosPerRequest: number | null;
  readonly timesNginx: number | null;
  readonly timesHttpProxy: number | null;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** At one connection, less the direct one in the same round. */
  readonly addedP50Ms: number;
  readonly residentMb: number;
}

const PROXY_CPU = Math.max(0, cpus().length - 1);
const LOAD_CPU = 0;
const generator = join(import.meta.dirname, 'generator.ts');

async function load(port: number, connections: number, milliseconds: number): Promise<Measure> {
  const running = start(
    process.execPath,
    [generator, String(port), String(connections), String(milliseconds)],
    LOAD_CPU,
  );
  const measure = JSON.parse(await running.output()) as Measure; // printed by generator.ts in this shape
  if (measure.errors > 0 || measure.requests === 0)
    throw new Error(`${measure.errors} of ${measure.requests} answers were wrong`);
  return measure;
}

/** Proves that a contender answers correctly: status, body, several connections, no mix-up. */
async function prove(port: number): Promise<void> {
  await load(port, 8, 300);
}

async function round(
  contender: Contender,
  origin: Origin,
  seconds: number,
  connections: number,
): Promise<{ busy: Round; alone: Measure }> {
  const running = await contender.start(origin, PROXY_CPU);
  try {
    await prove(running.port);
    await load(running.port, connections, 1_000); // warm-up
    const before = running.pid === 0 ? 0 : cpuMicroseconds(running.pid);
    const busy = await load(running.port, connections, seconds * 1000);
    const cpuMicros = running.pid === 0 ? 0 : cpuMicroseconds(running.pid) - before;
    const residentMb = running.pid === 0 ? 0 : residentMegabytes(running.pid);
    const alone = await load(running.port, 1, Math.min(2_000, seconds * 1000));
    return { busy: { ...busy, cpuMicros, residentMb }, alone };
  } finally {
    await running.stop();
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function option(args: readonly string[], name: string, fallback: number): number {
  const at = args.indexOf(`--${name}`);
  const value = at < 0 ? fallback : Number(args[at + 1]);
  if (!(value > 0)) throw new Error(`--${name} takes a number above 0`);
  return value;
}

/** Measures every contender in turn, round by round, so that a machine that slows down slows all of them. */
export async function run(args: readonly string[]): Promise<void> {
  const seconds = option(args, 'seconds', 4);
  const rounds = option(args, 'rounds', 3);
  const connections = option(args, 'connections', 64);
  const bytes = option(args, 'bytes', 1024);
  const json = args.includes('--output') && args[args.indexOf('--output') + 1] === 'json';
  const servers = [0, 1].map(() =>
    start(process.execPath, [join(import.meta.dirname, 'origin.ts'), String(bytes)], LOAD_CPU),
  );
  const results = new Map<string, { busy: Round; alone: Measure }[]>();
  try {
    const [port = 0, second = 0] = await Promise.all(
      servers.map(async (server) => Number((await server.line(/listening (\d+)/))[1])),
    );
    const origin = { port, second };
    const present = CONTENDERS.filter((contender) => {
      const missing = contender.missing();
      if (missing !== undefined) console.error(`left out: ${contender.name}: ${missing}`);
      return missing === undefined;
    });
    for (let number = 1; number <= rounds; number += 1) {
      for (const contender of present) {
        console.error(`round ${number} of ${rounds}: ${contender.name}`);
        const list = results.get(contender.name) ?? [];
        list.push(await round(contender, origin, seconds, connections));
        results.set(contender.name, list);
      }
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
  print(summarise(results), { seconds, rounds, connections, bytes }, json);
}

function summarise(results: ReadonlyMap<string, readonly { busy: Round; alone: Measure }[]>): Row[] {
  const cpu = (name: string): number | null => {
    const list = results.get(name);
    return list === undefined || name === 'direct'
      ? null
      : median(list.map(({ busy }) => busy.cpuMicros / busy.requests));
  };
  const ratio = (name: string, other: string): number | null => {
    const [mine, theirs] = [cpu(name), cpu(other)];
    return mine === null || theirs === null ? null : mine / theirs;
  };
  const directAlone = results.get('direct') ?? [];
  return [...results].map(([name, list]) => ({
    name,
    requestsPerSecond: median(list.map(({ busy }) => (busy.requests * 1000) / busy.elapsedMs)),
    cpuMicrosPerRequest: cpu(name),
    timesNginx: ratio(name, 'nginx'),
    timesHttpProxy: ratio(name, 'http-proxy'),
    p50Ms: median(list.map(({ busy }) => busy.p50)),
    p99Ms: median(list.map(({ busy }) => busy.p99)),
    addedP50Ms: median(list.map(({ alone }, at) => alone.p50 - (directAlone[at]?.alone.p50 ?? 0))),
    residentMb: median(list.map(({ busy }) => busy.residentMb)),
  }));
}

function print(rows: readonly Row[], settings: object, json: boolean): void {
  const machine = { node: process.version, cpus: cpus().length, model: cpus()[0]?.model ?? 'unknown' };
  if (json) {
    console.log(JSON.stringify({ benchmark: 'proxy', machine, settings, rows }));
    return;
  }
  const shown = (value: number | null, digits: number): string => (value === null ? '–' : value.toFixed(digits));
  console.log(`proxy: ${JSON.stringify(settings)}; Node ${machine.node}, ${machine.cpus} × ${machine.model}`);
  console.log(
    '| contender | req/s | CPU µs/req | × nginx | × http-proxy | p50 ms | p99 ms | added p50 ms, 1 connection | RSS MB |',
  );
  console.log('|---|---|---|---|---|---|---|---|---|');
  for (const row of rows) {
    const cells = [
      row.name,
      shown(row.requestsPerSecond, 0),
      shown(row.cpuMicrosPerRequest, 1),
      shown(row.timesNginx, 2),
      shown(row.timesHttpProxy, 2),
      shown(row.p50Ms, 2),
      shown(row.p99Ms, 2),
      shown(row.addedP50Ms, 3),
      shown(row.residentMb, 0),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

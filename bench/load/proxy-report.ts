import { machine } from '../report.ts';
import type { Load } from './generator.ts';

export interface Case {
  readonly name: string;
  readonly answerBytes: number;
  /** 0: a GET. */
  readonly bodyBytes: number;
}

/** What was measured of one contender in one round. */
export interface Round {
  readonly busy: Load;
  /** At a share of its highest rate. */
  readonly paced: Load;
  /** One connection. */
  readonly alone: Load;
  readonly cpuMicros: number;
  readonly residentMb: number;
}

/** Figures of one contender: medians over the rounds; null where there is nothing to compare with. */
interface Row {
  readonly name: string;
  readonly requestsPerSecond: number;
  readonly cpuMicrosPerRequest: number | null;
  readonly timesNginx: number | null;
  /** CPU a request beside each npm proxy. */
  readonly times: Readonly<Record<string, number | null>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** At 70 % of its own highest rate. */
  readonly pacedP99Ms: number;
  /** At one connection, less the direct one in the same round. */
  readonly addedP50Ms: number | null;
  readonly residentMb: number;
}

export interface Table {
  readonly case: string;
  readonly npm: readonly string[];
  readonly rows: readonly Row[];
}

export interface Report {
  readonly settings: object;
  /** Answers that were compared with the origin's before measuring. */
  readonly proven: number;
  readonly left: readonly string[];
  readonly tables: readonly Table[];
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function summarise(what: Case, results: ReadonlyMap<string, readonly Round[]>, npm: readonly string[]): Table {
  const cpu = (name: string): number | null => {
    const rounds = results.get(name);
    if (!rounds?.some(({ cpuMicros }) => cpuMicros > 0)) return null;
    return median(rounds.map(({ busy, cpuMicros }) => cpuMicros / busy.requests));
  };
  const ratio = (name: string, other: string): number | null => {
    const [mine, theirs] = [cpu(name), cpu(other)];
    return mine === null || theirs === null ? null : mine / theirs;
  };
  const direct = results.get('direct');
  const rows = [...results].map(
    ([name, rounds]): Row => ({
      name,
      requestsPerSecond: median(rounds.map(({ busy }) => (busy.requests * 1_000) / busy.elapsedMs)),
      cpuMicrosPerRequest: cpu(name),
      timesNginx: ratio(name, 'nginx'),
      times: Object.fromEntries(npm.map((other) => [other, ratio(name, other)])),
      p50Ms: median(rounds.map(({ busy }) => busy.p50)),
      p99Ms: median(rounds.map(({ busy }) => busy.p99)),
      pacedP99Ms: median(rounds.map(({ paced }) => paced.p99)),
      addedP50Ms:
        direct === undefined ? null : median(rounds.map(({ alone }, at) => alone.p50 - (direct[at]?.alone.p50 ?? 0))),
      residentMb: median(rounds.map(({ residentMb }) => residentMb)),
    }),
  );
  return { case: what.name, npm, rows };
}

/** Prints tables in Markdown, or everything as one JSON object. */
export function print(report: Report, json: boolean): void {
  const on = machine();
  if (json) {
    console.log(JSON.stringify({ benchmark: 'proxy', machine: on, ...report }));
    return;
  }
  console.log(`proxy: ${JSON.stringify(report.settings)}; Node ${on.node}, ${on.cpu}; ${report.proven} answers proven`);
  for (const line of report.left) console.log(`left out: ${line}`);
  for (const table of report.tables) printTable(table);
}

function printTable({ case: name, npm, rows }: Table): void {
  const shown = (value: number | null | undefined, digits: number): string =>
    value === null || value === undefined ? '–' : value.toFixed(digits);
  const columns = [
    ...['contender', 'req/s', 'CPU µs/req', '× nginx', ...npm.map((other) => `× ${other}`)],
    ...['p50 ms', 'p99 ms', 'p99 ms at 70 %', 'added p50 ms, 1 connection', 'RSS MB'],
  ];
  console.log(`\n${name}\n\n| ${columns.join(' | ')} |\n|${columns.map(() => '---').join('|')}|`);
  for (const row of rows) {
    const cells = [
      row.name,
      shown(row.requestsPerSecond, 0),
      shown(row.cpuMicrosPerRequest, 1),
      shown(row.timesNginx, 2),
      ...npm.map((other) => shown(row.times[other], 2)),
      shown(row.p50Ms, 2),
      shown(row.p99Ms, 2),
      shown(row.pacedP99Ms, 2),
      shown(row.addedP50Ms, 3),
      shown(row.residentMb, 0),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

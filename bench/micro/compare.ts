import { cpus } from 'node:os';
import { COMPARED_HEADERS } from '../../src/config/compare-schema.ts';
import type { EndpointId, TenantId } from '../../src/core/cell.ts';
import type { Exchange, Observation } from '../../src/core/observation.ts';
import { Comparer } from '../../src/verifier/comparer.ts';
import { exchangeOf, trialVerifier } from '../../test/support/trial-verifier.ts';
import { answerOf, PAIR_KINDS, type PairKind, seeded } from './pairs.ts';

/** Different pairs of a kind that are compared in turn. */
const PAIRS = 24;

interface Row {
  readonly kind: string;
  /** The first comparison of a new comparer in this process, milliseconds: what a fresh thread needs once. */
  readonly firstMs: number;
  /** Pairs a second of processor time in `Comparer.compare`, warmed, garbage collection and compiling included. */
  readonly perCpuSecond: number;
  readonly perSecond: number;
  /** Pairs a second of processor time through the verifier: queue, moving to the thread and back, comparing, redaction. */
  readonly wholePerCpuSecond: number;
}

function comparer(): Comparer {
  return new Comparer({
    policy: { rules: [], headers: [...COMPARED_HEADERS], keyOrder: false },
    limits: { maxDecodedBytes: 8_388_608, timeoutMs: 5_000 },
  });
}

function exchanges(kind: PairKind, count: number): Exchange[] {
  const random = seeded(20_000 + kind.name.length);
  return Array.from({ length: count }, () => {
    const { type, control, candidate } = kind.make(random);
    const cell = { tenant: 'bench' as TenantId, endpoint: `GET /${kind.name}` as EndpointId };
    return exchangeOf(answerOf(type, control), answerOf(type, candidate), { cell });
  });
}

/** A figure of a comparer that finds something else would be worth nothing. */
function prove(kind: PairKind, pairs: readonly Exchange[]): void {
  const judge = comparer();
  for (const pair of pairs) {
    const { differenceCount, reason } = judge.compare(pair);
    const isRight = kind.differences < 80 ? differenceCount === kind.differences : differenceCount >= 40;
    if (!isRight)
      throw new Error(`${kind.name}: ${differenceCount} differences, ${kind.differences} are right (${reason})`);
  }
}

/** Runs `step` until `milliseconds` are over, and gives how often it ran a second of processor time and of the clock. */
function rate(milliseconds: number, step: (turn: number) => void): { perCpuSecond: number; perSecond: number } {
  const begun = performance.now();
  const cpu = process.cpuUsage();
  let turns = 0;
  while (performance.now() - begun < milliseconds) for (let i = 0; i < 10; i++) step(turns++);
  const spent = process.cpuUsage(cpu);
  return {
    perCpuSecond: (turns * 1e6) / (spent.user + spent.system),
    perSecond: (turns * 1000) / (performance.now() - begun),
  };
}

function inside(kind: PairKind, milliseconds: number): Omit<Row, 'wholePerCpuSecond'> {
  const pairs = exchanges(kind, PAIRS);
  const judge = comparer();
  const begun = performance.now();
  judge.compare(pairs[0] as Exchange); // there are 24
  const firstMs = performance.now() - begun;
  prove(kind, pairs);
  const step = (turn: number): void => void judge.compare(pairs[turn % PAIRS] as Exchange); // a place in the list
  rate(milliseconds / 2, step);
  return { kind: kind.name, firstMs, ...rate(milliseconds, step) };
}

function copied(observation: Observation): Observation {
  return observation.kind === 'failure' ? observation : { ...observation, body: new Uint8Array(observation.body) };
}

/** Everything between an offered exchange and its redacted verdict, in this process's threads. */
async function whole(kind: PairKind, milliseconds: number): Promise<number> {
  const trial = trialVerifier({ settings: { headers: [...COMPARED_HEADERS], confirm: false, timeoutMs: 5_000 } });
  // The verifier's threads alone do not keep a process alive.
  const alive = setInterval(() => undefined, 60_000);
  try {
    const made = exchanges(kind, PAIRS);
    const batch = async (): Promise<number> => {
      // The bodies of what is offered are moved away; copies of them are all that is made in between.
      const pairs = made.map((pair) => ({ ...pair, control: copied(pair.control), candidate: copied(pair.candidate) }));
      const cpu = process.cpuUsage();
      for (const pair of pairs) trial.verifier.offer(pair);
      await trial.settled();
      const spent = process.cpuUsage(cpu);
      return spent.user + spent.system;
    };
    const begun = performance.now();
    while (performance.now() - begun < milliseconds) await batch();
    let cpu = 0;
    let done = 0;
    do {
      cpu += await batch();
      done += PAIRS;
    } while (performance.now() - begun < 2 * milliseconds);
    if (trial.verified.length < done) throw new Error(`${kind.name}: ${trial.unverified.length} were not compared`);
    return (done * 1e6) / cpu;
  } finally {
    clearInterval(alive);
    await trial.verifier.close();
  }
}

/** `--ms N`: how long each figure is measured. `--only TEXT`: kinds whose name holds it. `--inside`: without threads. */
export async function run(args: readonly string[]): Promise<void> {
  const value = (name: string): string | undefined => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
  const milliseconds = Number(value('--ms') ?? 1_500);
  const rows: Row[] = [];
  for (const kind of PAIR_KINDS.filter(({ name }) => name.includes(value('--only') ?? ''))) {
    const row = inside(kind, milliseconds);
    rows.push({ ...row, wholePerCpuSecond: args.includes('--inside') ? 0 : await whole(kind, milliseconds) });
  }
  print(rows, value('--output') === 'json');
}

function print(rows: readonly Row[], json: boolean): void {
  const machine = { node: process.version, cpus: cpus().length, model: cpus()[0]?.model ?? 'unknown' };
  if (json) {
    console.log(JSON.stringify({ benchmark: 'compare', machine, rows }));
    return;
  }
  console.log(`compare: Node ${machine.node}, ${machine.cpus} × ${machine.model}`);
  console.log('| pair | pairs / CPU s | pairs / s | through the verifier, pairs / CPU s | first, ms |');
  console.log('|---|---|---|---|---|');
  for (const row of rows) {
    const figures = [row.perCpuSecond, row.perSecond, row.wholePerCpuSecond].map((one) => one.toFixed(0));
    console.log(`| ${[row.kind, ...figures, row.firstMs.toFixed(1)].join(' | ')} |`);
  }
}

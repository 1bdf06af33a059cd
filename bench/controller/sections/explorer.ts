import { Worker } from 'node:worker_threads';
import type { Explored } from '../../../src/simulation/explorer.ts';
import { EVENT_KINDS } from '../../../src/simulation/scenario-events.ts';
import type { BenchSection, Section, SectionOptions } from '../../verify/section.ts';
import type { Told } from '../explore-worker.ts';

const SEEDS = 100_000;
const QUICK_SEEDS = 2_000;

/** Random worlds in which anything may happen: whether an invariant breaks in any of them. */
export const explorer: BenchSection = {
  name: 'explorer',
  async run({ seed, quick, seeds, jobs = 1, progress }: SectionOptions): Promise<Section> {
    const count = seeds ?? (quick ? QUICK_SEEDS : SEEDS);
    const from = seed * 1_000_000;
    const before = process.cpuUsage();
    const done = new Array<number>(jobs).fill(0);
    const parts = await Promise.all(
      done.map((_, job) =>
        exploreAside({
          from: from + Math.floor((count * job) / jobs),
          to: from + Math.floor((count * (job + 1)) / jobs),
          progress: (tried) => {
            done[job] = tried;
            progress(`${sum(done)} of ${count} worlds`);
          },
        }),
      ),
    );
    const { user, system } = process.cpuUsage(before);
    const tried = sum(parts.map((part) => part.tried));
    const broken = parts.flatMap((part) => part.broken);
    const checks = added(parts.map((part) => part.checks));
    const kinds = added(parts.map((part) => part.kinds));
    // Latency is drawn for a whole world here, never by an event.
    const missing = EVENT_KINDS.filter((kind) => kind !== 'latency' && kinds[kind] === undefined);
    const unchecked = Object.keys(checks).filter((name) => name !== 'I11' && checks[name] === 0);
    return {
      title: `Random worlds: crashes, partitions, outages, clock jumps, deployments, orders of people; seeds from ${from}`,
      rows: [
        { figure: 'worlds tried', value: String(tried) },
        { figure: 'processor time a world', value: `${((user + system) / 1_000 / tried).toFixed(1)} ms` },
        { figure: 'checks of invariants', value: String(sum(Object.values(checks))) },
        {
          figure: 'kinds of events, and invariants, that did not occur',
          value: [...missing, ...unchecked].join(', ') || 'none',
          target: 'none',
          met: missing.length + unchecked.length === 0,
        },
        {
          figure: 'worlds in which an invariant broke',
          value: String(broken.length),
          target: `0 of ${SEEDS}`,
          met: broken.length === 0,
        },
      ],
      tables: [
        counts('what occurred', 'worlds', kinds),
        counts('invariants', 'checks', checks),
        counts('what came of it', 'times', added(parts.map((part) => part.happened))),
        ...broken.map(({ seed: broke, violation, scenario }) => ({
          title: `seed ${broke}: ${violation.invariant} at ${violation.at} ms: ${violation.detail}; cutover simulate --seed ${broke} --scenario FILE with:`,
          columns: [''],
          rows: scenario.split('\n').map((line) => [line]),
        })),
      ],
    };
  },
};

/** Explores in a thread of its own. */
function exploreAside(options: {
  readonly from: number;
  readonly to: number;
  readonly progress: (tried: number) => void;
}): Promise<Explored> {
  const { from, to, progress } = options;
  const worker = new Worker(new URL('../explore-worker.ts', import.meta.url), { workerData: { from, to } });
  return new Promise((resolve, reject) => {
    worker.on('message', (told: Told) => ('explored' in told ? resolve(told.explored) : progress(told.tried)));
    worker.on('error', reject);
    worker.on('exit', () => reject(new Error('the thread ended without a result'))); // after a result it changes nothing
  });
}

function counts(title: string, column: string, rows: Readonly<Record<string, number>>) {
  const sorted = Object.entries(rows).toSorted(([, one], [, other]) => other - one);
  return { title, columns: ['', column], rows: sorted.map(([name, times]) => [name, String(times)]) };
}

function added(parts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const all: Record<string, number> = {};
  for (const part of parts) for (const [name, times] of Object.entries(part)) all[name] = (all[name] ?? 0) + times;
  return all;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}

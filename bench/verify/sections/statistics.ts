import { PathArms } from '../../../src/core/noise/path-arms.ts';
import { FALSE_ALARM, logEvidence } from '../../../src/core/noise/two-arm-test.ts';
import { isShown } from '../baselines/two-threshold.ts';
import { Random } from '../random.ts';
import { type BenchSection, percent, type Row, type SectionOptions, type Table } from '../section.ts';

const SIZES = [20, 50, 100, 200, 400];
const RATES = [0.01, 0.05, 0.1, 0.3, 0.5];
const NEEDED = -Math.log(FALSE_ALARM);
/** Pairs of each arm within which a regression is to be found. */
const POWER_PAIRS = 1_500;

/** One path: rates of either arm, and how many candidate pairs come with each control pair. */
interface Path {
  readonly control: number;
  readonly candidate: number;
  readonly perControl: number;
}

/** How often a noisy path is flagged wrongly and rightly: by the sequential test of two arms, and by two thresholds. */
export const statistics: BenchSection = {
  name: 'statistics',
  run({ seed, quick, progress }: SectionOptions) {
    const runs = quick ? 300 : 3_000;
    progress(`${runs} paths for each rate of noise`);
    const alarms = [1, 10].map((perControl) => ({ perControl, table: falseAlarms(seed, runs, perControl) }));
    progress('regressions');
    const powers = power(seed, quick ? 200 : 2_000);
    progress('many paths');
    const many = manyPaths(seed, quick ? 20 : 200);
    const worst = Math.max(...alarms.flatMap(({ table }) => table.ours.flat()));
    const theirs = Math.max(...alarms.flatMap(({ table }) => table.thresholds.flat()));
    const aim = powers.find(({ path }) => path.control === 0.3 && path.candidate === 0.4 && path.perControl === 1);
    const rows: Row[] = [
      {
        figure:
          'wrong alarm of a path of pure noise, highest of N 20 to 400 (looked at after every pair), noise 1 to 50 %',
        value: `${(100 * worst).toFixed(2)} %`,
        target: '≤ 1 %',
        met: worst <= FALSE_ALARM,
      },
      { figure: 'the same by two thresholds, looked at once', value: `${(100 * theirs).toFixed(1)} %` },
      {
        figure: `a path that differs in 40 % where the control does in 30 %, found within ${POWER_PAIRS} pairs of each arm`,
        value: percent(aim?.found ?? 0, aim?.runs ?? 0),
        target: '≥ 90 %',
        met: aim !== undefined && aim.found >= 0.9 * aim.runs,
      },
      {
        figure: 'of the flagged among 50 noisy paths, 5 of them with a regression: false, on average',
        value: `${(100 * many.falseShare).toFixed(2)} %`,
        target: '≤ 1 %',
        met: many.falseShare <= FALSE_ALARM,
      },
      {
        figure: 'of the 5 with a regression (20 % → 40 %): found within 1,500 pairs',
        value: percent(many.found, many.planted),
      },
    ];
    return Promise.resolve({
      title: 'Noisy paths: does the candidate differ more often than the control from itself?',
      rows,
      tables: [...alarms.map(({ perControl, table }) => alarmTable(perControl, table)), powerTable(powers)],
    });
  },
};

interface Alarms {
  /** By size, then by rate: share of paths flagged at this or an earlier look. */
  readonly ours: readonly (readonly number[])[];
  /** Share shown at a look at this size. */
  readonly thresholds: readonly (readonly number[])[];
}

function falseAlarms(seed: number, runs: number, perControl: number): Alarms {
  const ours = SIZES.map(() => RATES.map(() => 0));
  const thresholds = SIZES.map(() => RATES.map(() => 0));
  for (const [at, rate] of RATES.entries()) {
    for (let run = 0; run < runs; run++) {
      const random = new Random('statistics', seed, rate, perControl, run);
      const flaggedAt = flagged(random, { control: rate, candidate: rate, perControl }, 400);
      for (const [row, size] of SIZES.entries()) {
        if (flaggedAt !== undefined && flaggedAt <= size) add(ours, { row, at, by: 1 / runs });
        const counts = { raw: hits(random, size, rate), noise: hits(random, size, rate), total: size };
        if (isShown(counts)) add(thresholds, { row, at, by: 1 / runs });
      }
    }
  }
  return { ours, thresholds };
}

function add(table: number[][], { row, at, by }: { row: number; at: number; by: number }): void {
  const cells = table[row];
  if (cells !== undefined) cells[at] = (cells[at] ?? 0) + by;
}

function hits(random: Random, pairs: number, rate: number): number {
  let count = 0;
  for (let i = 0; i < pairs; i++) if (random.chance(rate)) count++;
  return count;
}

/** After how many control pairs the path is first flagged, looking after every pair of either arm; undefined: never. */
function flagged(random: Random, { control, candidate, perControl }: Path, pairs: number): number | undefined {
  let [controlDrifts, candidateDrifts, candidatePairs] = [0, 0, 0];
  for (let controlPairs = 1; controlPairs <= pairs; controlPairs++) {
    if (random.chance(control)) controlDrifts++;
    for (let i = 0; i < perControl; i++) {
      candidatePairs++;
      if (random.chance(candidate)) candidateDrifts++;
      if (logEvidence({ controlPairs, controlDrifts, candidatePairs, candidateDrifts }, NEEDED) >= NEEDED)
        return controlPairs;
    }
  }
  return undefined;
}

interface Power {
  readonly path: Path;
  readonly runs: number;
  readonly found: number;
  /** Control pairs after which half of all were found. */
  readonly median: number | undefined;
}

const REGRESSIONS: readonly Path[] = [
  { control: 0.3, candidate: 0.4, perControl: 1 },
  { control: 0.3, candidate: 0.4, perControl: 5 },
  { control: 0.1, candidate: 0.2, perControl: 1 },
  { control: 0.5, candidate: 0.6, perControl: 1 },
  { control: 0.01, candidate: 0.05, perControl: 1 },
  { control: 0.3, candidate: 0.9, perControl: 1 },
];

function power(seed: number, runs: number): readonly Power[] {
  return REGRESSIONS.map((path) => {
    const found: number[] = [];
    for (let run = 0; run < runs; run++) {
      const at = flagged(
        new Random('power', seed, path.control, path.candidate, path.perControl, run),
        path,
        POWER_PAIRS,
      );
      if (at !== undefined) found.push(at);
    }
    found.sort((a, b) => a - b);
    return { path, runs, found: found.length, median: found[Math.ceil(runs / 2) - 1] };
  });
}

const PATHS = 50;
const PLANTED = 5;

/** Endpoints with many noisy paths, as the verifier counts them; judged at every 50th pair, the worst look of a run counts. */
function manyPaths(seed: number, runs: number): { falseShare: number; found: number; planted: number } {
  let [falseShare, found] = [0, 0];
  for (let run = 0; run < runs; run++) {
    const random = new Random('many', seed, run);
    const rates = Array.from({ length: PATHS }, () => 0.01 + 0.49 * random.next());
    const keys = rates.map((_, i) => `body/${i}`);
    const arms = new PathArms();
    for (const key of keys) arms.overrules(key, 'one-of');
    let last: readonly boolean[] = [];
    let worst = 0;
    for (let pair = 1; pair <= POWER_PAIRS; pair++) {
      arms.countControl(new Set(keys.filter((_, i) => random.chance(i < PLANTED ? 0.2 : (rates[i] ?? 0)))));
      arms.countCandidate('1', new Set(keys.filter((_, i) => random.chance(i < PLANTED ? 0.4 : (rates[i] ?? 0)))));
      if (pair % 50 !== 0) continue;
      last = keys.map((key) => arms.overrules(key, 'one-of'));
      const all = last.filter((is) => is).length;
      if (all > 0) worst = Math.max(worst, last.slice(PLANTED).filter((is) => is).length / all);
    }
    falseShare += worst / runs;
    found += last.slice(0, PLANTED).filter((is) => is).length;
  }
  return { falseShare, found, planted: runs * PLANTED };
}

function alarmTable(perControl: number, { ours, thresholds }: Alarms): Table {
  return {
    title: `False alarms up to N control pairs, ${perControl} candidate pairs for each (in brackets: two thresholds, N of each)`,
    columns: ['N', ...RATES.map((rate) => `noise ${percent(rate, 1, 0)}`)],
    rows: SIZES.map((size, row) => [
      String(size),
      ...RATES.map((_, at) => `${percent(ours[row]?.[at] ?? 0, 1, 2)} (${percent(thresholds[row]?.[at] ?? 0, 1)})`),
    ]),
  };
}

function powerTable(powers: readonly Power[]): Table {
  return {
    title: `Regressions found within ${POWER_PAIRS} control pairs at 1 % false alarms`,
    columns: ['control', 'candidate', 'candidate pairs for each', 'found', 'median control pairs'],
    rows: powers.map(({ path, runs, found, median }) => [
      percent(path.control, 1, 0),
      percent(path.candidate, 1, 0),
      String(path.perControl),
      percent(found, runs),
      median === undefined ? '–' : String(median),
    ]),
  };
}

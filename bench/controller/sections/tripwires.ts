import { type BenchSection, percent, type Row, type Section, type SectionOptions } from '../../verify/section.ts';
import { type Outcome, play, type Weather } from '../live-traffic.ts';
import { RatioRule, ThresholdRule } from '../rules.ts';

const DAY = 1_440;
/** Dials of a ramp, parts per million, each for the same time. */
const RAMP = [50_000, 100_000, 200_000, 500_000];
const RULES = [new RatioRule(), new ThresholdRule()].map(({ name }) => name);

/** A healthy candidate that is taken back, an equally noisy one, and how long it takes to find one that fails 18 times as often. */
export const tripwires: BenchSection = {
  name: 'tripwires',
  run(options: SectionOptions): Promise<Section> {
    const healthy = [1, 5, 20, 100].map((perSecond) =>
      alarms(`0.5 % fail on both sides, ${perSecond} a second`, { perSecond, failing: 0.005 }, options),
    );
    const noisy = [20, 100].map((perSecond) =>
      alarms(`1.5 % fail on both sides, ${perSecond} a second`, { perSecond, failing: 0.015 }, options),
    );
    const found = [20, 100, 500].map((perSecond) => detection(perSecond, options));
    return Promise.resolve({
      title:
        'Tripwires on live failures: default settings, a day of a ramp of 5, 10, 20 and 50 %, 2,000 people of 40 tenants',
      rows: [...[...healthy, ...noisy].map(({ row }) => row), ...found.map(({ row }) => row)],
      tables: [
        {
          title: 'Days on which a candidate as good as the control was taken back',
          columns: ['', 'days', 'ours', ...RULES],
          rows: [...healthy, ...noisy].map(({ cells }) => cells),
        },
        {
          title:
            'Minutes until 0.9 % instead of 0.05 % are found: median (90 %); – of the other rules: ours was faster, or they never do',
          columns: ['a second', 'dial', 'compared', 'ours', ...RULES],
          rows: found.flatMap(({ rows }) => rows),
        },
      ],
    });
  },
};

interface Alarms {
  readonly row: Row;
  readonly cells: readonly string[];
}

/** As many days as take a minute or two together; of 100 requests a second that is few. */
function daysOf(perSecond: number, quick: boolean): number {
  return Math.max(quick ? 1 : 10, Math.floor((quick ? 40 : 1_000) / perSecond));
}

function alarms(
  name: string,
  { perSecond, failing }: { readonly perSecond: number; readonly failing: number },
  { seed, quick, progress }: SectionOptions,
): Alarms {
  const days = Math.min(500, daysOf(perSecond, quick));
  const outcomes = Array.from({ length: days }, (_, day) => {
    const weather: Weather = {
      perSecond,
      minutes: DAY,
      failing: () => ({ control: failing, candidate: failing }),
      dialPpm: (minute) => ramp(minute, DAY / RAMP.length),
      isMirrored: true,
    };
    return play(weather, [new RatioRule(), new ThresholdRule()], [seed, perSecond, failing, day]);
  });
  const ours = outcomes.filter((outcome) => outcome.ours !== undefined).length;
  progress(`${name}: ${ours} of ${days} days`);
  const others = RULES.map((_, at) => outcomes.filter((outcome) => outcome.others[at] !== undefined).length);
  return {
    row: {
      figure: `taken back though ${name}, of ${days} days`,
      value: percent(ours, days),
      target: '≤ 1 %',
      met: ours / days <= 0.01,
    },
    cells: [name, String(days), ...[ours, ...others].map((count) => percent(count, days))],
  };
}

function ramp(minute: number, step: number): number {
  return RAMP[Math.min(RAMP.length - 1, Math.max(0, Math.floor(minute / step)))] as number; // within the ramp
}

const STEP_MINUTES = 5;
/** Minutes that both sides fail 0.05 % before the candidate turns worse, in the last rows. */
const BEFORE = 360;
const TARGETS: Readonly<Record<number, number>> = { 20: 7, 100: 2, 500: 1 };

function detection(perSecond: number, options: SectionOptions): { row: Row; rows: string[][] } {
  const { seed, quick, progress } = options;
  const trials = quick ? 11 : 101;
  const tried = (name: string, weather: Partial<Weather>, before = 0, count = trials) => {
    const outcomes = Array.from({ length: count }, (_, trial) =>
      play(
        {
          perSecond,
          minutes: before + 120,
          failing: (minute) => ({ control: 0.0005, candidate: minute < before ? 0.0005 : 0.009 }),
          dialPpm: (minute) => ramp(minute, STEP_MINUTES),
          isMirrored: true,
          ...weather,
        },
        [new RatioRule(), new ThresholdRule()],
        [seed, perSecond, name, trial],
      ),
    );
    progress(`${perSecond} a second, ${name}`);
    return { name, outcomes, before };
  };
  const onRamp = tried(`5, 10, 20, 50 %, ${STEP_MINUTES} minutes each`, {});
  const list = [
    onRamp,
    ...RAMP.map((dialPpm) => tried(`${dialPpm / 10_000} %`, { dialPpm: () => dialPpm })),
    tried('100 %', { dialPpm: () => 1_000_000 }),
    ...(perSecond > 100
      ? []
      : [tried('20 %, after six good hours', { dialPpm: () => 200_000 }, BEFORE, quick ? 3 : 31)]),
  ];
  const alone = RAMP.map((dialPpm) =>
    tried(`${dialPpm / 10_000} %, no pairs`, { dialPpm: () => dialPpm, isMirrored: false }),
  );
  const median = quantile(minutesOf(onRamp), 0.5);
  const target = TARGETS[perSecond] ?? 0;
  return {
    row: {
      figure: `0.05 % → 0.9 % found on the ramp at ${perSecond} a second, median of ${trials}`,
      value: `${median.toFixed(1)} min`,
      target: `≤ ${target} min`,
      met: median <= target,
    },
    rows: [...list, ...alone].map((one) => [
      String(perSecond),
      one.name,
      alone.includes(one) ? 'no' : 'yes',
      spread(minutesOf(one)),
      ...RULES.map((_, at) => spread(one.outcomes.map((outcome) => timeOf(outcome.others[at], one.before)))),
    ]),
  };
}

interface Tried {
  readonly outcomes: readonly Outcome[];
  readonly before: number;
}

function minutesOf({ outcomes, before }: Tried): number[] {
  return outcomes.map((outcome) => timeOf(outcome.ours, before));
}

/** What went off before there was anything to find is no finding. */
function timeOf(at: number | undefined, before: number): number {
  return at === undefined || at < before ? Number.POSITIVE_INFINITY : at - before;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.POSITIVE_INFINITY;
}

function spread(values: readonly number[]): string {
  const [median, most] = [quantile(values, 0.5), quantile(values, 0.9)];
  const words = (value: number): string => (Number.isFinite(value) ? value.toFixed(1) : '–');
  return `${words(median)} (${words(most)})`;
}

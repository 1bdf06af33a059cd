import type { BenchSection, Row, Section, SectionOptions } from '../../verify/section.ts';
import { type Outcome, play, RAMP, ramp, type Weather } from '../live-traffic.ts';
import { RatioRule, ThresholdRule } from '../rules.ts';

const RULES = [new RatioRule(), new ThresholdRule()].map(({ name }) => name);

/** How long it takes to find a candidate that fails 18 times as often as the control, though hardly one in a hundred. */
export const detection: BenchSection = {
  name: 'detection',
  run(options: SectionOptions): Promise<Section> {
    const found = [20, 100, 500].map((perSecond) => detect(perSecond, options));
    return Promise.resolve({
      title: 'A candidate that fails 0.9 % instead of 0.05 %: default settings, 2,000 people of 40 tenants',
      rows: found.map(({ row }) => row),
      tables: [
        {
          title:
            'Minutes until it is taken back: median (90 %); – of the other rules: ours was faster, or they never do',
          columns: ['a second', 'dial', 'compared', 'ours', ...RULES],
          rows: found.flatMap(({ rows }) => rows),
        },
      ],
    });
  },
};

const STEP_MINUTES = 5;
/** Minutes that both sides fail 0.05 % before the candidate turns worse, in the last rows. */
const BEFORE = 360;
const TARGETS: Readonly<Record<number, number>> = { 20: 7, 100: 2, 500: 1 };

function detect(perSecond: number, options: SectionOptions): { row: Row; rows: string[][] } {
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

import { type BenchSection, percent, type Row, type Section, type SectionOptions } from '../../verify/section.ts';
import { play, RAMP, ramp, type Weather } from '../live-traffic.ts';
import { RatioRule, ThresholdRule } from '../rules.ts';

const DAY = 1_440;
const RULES = [new RatioRule(), new ThresholdRule()].map(({ name }) => name);

/** A candidate that fails as often as the control: how often it is taken back all the same. */
export const falseAlarms: BenchSection = {
  name: 'false-alarms',
  run(options: SectionOptions): Promise<Section> {
    const healthy = [1, 5, 20, 100].map((perSecond) =>
      alarms(`0.5 % fail on both sides, ${perSecond} a second`, { perSecond, failing: 0.005 }, options),
    );
    const noisy = [20, 100].map((perSecond) =>
      alarms(`1.5 % fail on both sides, ${perSecond} a second`, { perSecond, failing: 0.015 }, options),
    );
    const all = [...healthy, ...noisy];
    return Promise.resolve({
      title:
        'A candidate as good as the control: default settings, days of a ramp of 5, 10, 20 and 50 %, 2,000 people of 40 tenants',
      rows: all.map(({ row }) => row),
      tables: [
        {
          title: 'Days on which it was taken back',
          columns: ['', 'days', 'ours', ...RULES],
          rows: all.map(({ cells }) => cells),
        },
      ],
    });
  },
};

interface Alarms {
  readonly row: Row;
  readonly cells: readonly string[];
}

/** As many days as make 43 million requests; of 100 a second that is few. */
function daysOf(perSecond: number, quick: boolean): number {
  return Math.max(1, Math.floor((quick ? 40 : 500) / perSecond));
}

function alarms(
  name: string,
  { perSecond, failing }: { readonly perSecond: number; readonly failing: number },
  { seed, quick, progress }: SectionOptions,
): Alarms {
  const days = daysOf(perSecond, quick);
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

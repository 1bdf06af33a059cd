import { type BenchSection, percent, type Row, type Section, type SectionOptions } from '../../verify/section.ts';
import { playPace } from '../latency-world.ts';
import { RAMP, ramp } from '../live-traffic.ts';

const DAY = 1_440;
const STEP_MINUTES = 5;
/** Minutes after which a slower candidate counts as not found. */
const PATIENCE = 240;

/** The latency tripwire: how often it goes off over a candidate as fast as the control, and how soon over a slower one. */
export const latency: BenchSection = {
  name: 'latency',
  run(options: SectionOptions): Promise<Section> {
    const alarms = [1, 5, 20, 100].map((perSecond) => falseAlarms(perSecond, options));
    const found = [2, 1.5, 1.2, 1.05].map((slower) =>
      [5, 20, 100].map((perSecond) => detect(slower, perSecond, options)),
    );
    return Promise.resolve({
      title:
        'Latency, live: 2,000 people of different paces, heavy tails, a daily cycle, stalls of either side and of both; default settings',
      rows: [...alarms, ...(found[0] ?? []).map(({ row }) => row)],
      tables: [
        {
          title: `Minutes until a slower candidate is noticed, on a ramp of 5, 10, 20, 50 % of ${STEP_MINUTES} minutes: median (90 %); – : not within ${PATIENCE}`,
          columns: ['candidate takes', '5 a second', '20 a second', '100 a second'],
          rows: found.map((row) => [`× ${row[0]?.slower}`, ...row.map(({ cell }) => cell)]),
        },
      ],
    });
  },
};

function falseAlarms(perSecond: number, { seed, quick, progress }: SectionOptions): Row {
  const days = Math.max(quick ? 2 : 5, Math.floor((quick ? 20 : 300) / perSecond));
  let alarms = 0;
  for (let day = 0; day < days; day++) {
    const pace = { perSecond, minutes: DAY, dialPpm: (at: number) => ramp(at, DAY / RAMP.length), slower: () => 1 };
    if (playPace(pace, [seed, 'equal', perSecond, day]) !== undefined) alarms += 1;
  }
  progress(`as fast, ${perSecond} a second: ${alarms} of ${days} days`);
  return {
    figure: `held though as fast, ${perSecond} a second, of ${days} days`,
    value: percent(alarms, days),
    target: '≤ 1 %',
    met: alarms / days <= 0.01,
  };
}

function detect(slower: number, perSecond: number, { seed, quick, progress }: SectionOptions) {
  const trials = quick ? 5 : 31;
  const minutes = Array.from({ length: trials }, (_, trial) => {
    const pace = {
      perSecond,
      minutes: PATIENCE,
      dialPpm: (at: number) => ramp(at, STEP_MINUTES),
      slower: () => slower,
    };
    return playPace(pace, [seed, 'slower', slower, perSecond, trial]) ?? Number.POSITIVE_INFINITY;
  }).toSorted((a, b) => a - b);
  progress(`× ${slower}, ${perSecond} a second`);
  const [median, most] = [0.5, 0.9].map((share) => minutes[Math.floor(share * trials)] ?? Number.POSITIVE_INFINITY) as [
    number,
    number,
  ];
  const words = (value: number): string => (Number.isFinite(value) ? value.toFixed(1) : '–');
  const row: Row = {
    figure: `candidate twice as slow noticed, ${perSecond} a second, median of ${trials}`,
    value: `${words(median)} min`,
  };
  return { slower, row, cell: `${words(median)} (${words(most)})` };
}

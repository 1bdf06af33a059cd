import { chanceShown, isShown } from '../baselines/two-threshold.ts';
import { Random } from '../random.ts';
import type { BenchSection, SectionOptions } from '../section.ts';

const SIZES = [20, 50, 100, 200, 400];
const RATES = [0.01, 0.05, 0.1, 0.3, 0.5];

/** How often the rule of two thresholds shows a field of pure noise: computed, and drawn. */
export const thresholds: BenchSection = {
  name: 'thresholds',
  run({ seed, quick }: SectionOptions) {
    const draws = quick ? 500 : 5_000;
    const worst = Math.max(...SIZES.flatMap((size) => RATES.map((rate) => chanceShown(size, rate))));
    const rows = SIZES.map((size) => [
      String(size),
      ...RATES.map((rate) => {
        const random = new Random('thresholds', seed, size, rate);
        return `${chanceShown(size, rate).toFixed(3)} (drawn ${shareShown(random, size, rate, draws).toFixed(3)})`;
      }),
    ]);
    return Promise.resolve({
      title: 'The rule of two thresholds (20 %, 0.03 %) on a field of pure noise',
      rows: [{ figure: 'highest chance of a false alarm', value: worst.toFixed(3) }],
      tables: [{ title: 'False alarms by pairs and rate of noise', columns: ['pairs', ...RATES.map(String)], rows }],
    });
  },
};

/** Share of draws in which the field is shown. */
export function shareShown(random: Random, total: number, rate: number, draws: number): number {
  const hits = (): number => {
    let count = 0;
    for (let i = 0; i < total; i++) if (random.chance(rate)) count++;
    return count;
  };
  let shown = 0;
  for (let i = 0; i < draws; i++) if (isShown({ raw: hits(), noise: hits(), total })) shown++;
  return shown / draws;
}

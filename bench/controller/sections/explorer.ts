import { explore } from '../../../src/simulation/explorer.ts';
import type { BenchSection, Section, SectionOptions } from '../../verify/section.ts';

const SEEDS = 100_000;
const QUICK_SEEDS = 2_000;

/** Random worlds in which anything may happen: whether an invariant breaks in any of them. */
export const explorer: BenchSection = {
  name: 'explorer',
  async run({ seed, quick, seeds, progress }: SectionOptions): Promise<Section> {
    const count = seeds ?? (quick ? QUICK_SEEDS : SEEDS);
    const from = seed * 1_000_000;
    const { tried, broken, checks } = await explore({
      from,
      to: from + count,
      progress: (done) => progress(`${done} of ${count} worlds`),
    });
    return {
      title: `Random worlds: crashes, partitions, outages, clock jumps, deployments, orders of people; seeds from ${from}`,
      rows: [
        { figure: 'worlds tried', value: String(tried) },
        { figure: 'checks of invariants', value: String(checks) },
        {
          figure: 'worlds in which an invariant broke',
          value: String(broken.length),
          target: `0 of ${SEEDS}`,
          met: broken.length === 0,
        },
      ],
      tables: broken.map(({ seed: broke, violation, scenario }) => ({
        title: `seed ${broke}: ${violation.invariant} at ${violation.at} ms: ${violation.detail}; cutover simulate --seed ${broke} --scenario FILE with:`,
        columns: [''],
        rows: scenario.split('\n').map((line) => [line]),
      })),
    };
  },
};

import { isProven, type RateTest } from '../../../src/core/sequential-test.ts';
import { Random } from '../../verify/random.ts';
import { type BenchSection, percent, type Row, type Section, type SectionOptions } from '../../verify/section.ts';

/** So many that chance makes 0.1 % at most. */
const CELLS = 200_000;

/** Cells whose true mismatch rate is exactly what a proof must exclude, looked at after every comparison. */
export const atLimit: BenchSection = {
  name: 'at-limit',
  run(options: SectionOptions): Promise<Section> {
    return Promise.resolve({
      title: `${CELLS.toLocaleString('en')} cells exactly at the limit of their bound, looked at after each comparison: ever proven, at 95 %`,
      rows: [
        proven('1 % (a cell)', { limit: 0.01, confidence: 0.95 }, 10_000, options),
        proven('0.1 % (pooled)', { limit: 0.001, confidence: 0.95 }, 50_000, options),
      ],
    });
  },
};

function proven(name: string, test: RateTest, comparisons: number, { seed, quick, progress }: SectionOptions): Row {
  const cells = quick ? CELLS / 10 : CELLS;
  const random = new Random('at-limit', seed, name);
  let opened = 0;
  for (let cell = 0; cell < cells; cell++) if (everProven(test, comparisons, random)) opened += 1;
  progress(name);
  return {
    figure: `${name}: ever proven within ${comparisons.toLocaleString('en')} comparisons`,
    value: percent(opened, cells, 2),
    target: '≤ 5 %, give or take two standard errors',
    met: opened / cells <= 0.05 + 2 * Math.sqrt((0.05 * 0.95) / cells),
  };
}

/** Mismatches come after geometrically distributed runs of matches; between two of them the evidence only grows. */
function everProven(test: RateTest, comparisons: number, random: Random): boolean {
  let matches = 0;
  for (let mismatches = 0; matches + mismatches < comparisons; mismatches++) {
    const run = Math.floor(Math.log(1 - random.next()) / Math.log(1 - test.limit));
    matches += Math.min(run, comparisons - matches - mismatches);
    // The run's end is where most speaks for the cell: proven anywhere in it, proven there.
    if (isProven(test, matches, mismatches)) return true;
  }
  return false;
}

import { endpoints, INJECTORS } from '../corpus/endpoint.ts';
import { type PowerOutcome, powerTrial } from '../power-trial.ts';
import { Random } from '../random.ts';
import { type BenchSection, percent, type Section, type SectionOptions, type Table } from '../section.ts';
import { spearman } from '../spearman.ts';

/** Lower ends of the classes of power, in which it is set beside what was found. */
const CLASSES = [0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99] as const;
/** Below it a rank correlation would be of no use to anybody who sorts endpoints by power. */
const LEAST_CORRELATION = 0.7;

/**
 * Whether the power of an endpoint, measured by the product from matches, tells how much of other faults is found there:
 * of mutators that it was not measured with, and of faults inside the noise.
 */
export const power: BenchSection = {
  name: 'power',
  run({ seed, quick, progress }: SectionOptions): Promise<Section> {
    const outcomes: PowerOutcome[] = [];
    const list = endpoints(seed, quick);
    list.forEach((endpoint, index) => {
      const fitting = INJECTORS.filter(({ media }) => media.includes(endpoint.medium));
      const noise = [new Random(seed, 'power noise', endpoint.id).pick(fitting)];
      const found = powerTrial(endpoint, noise, index % 2);
      if (found !== undefined) outcomes.push(found);
      if (index % 20 === 19) progress(`${index + 1} of ${list.length} endpoints`);
    });
    return Promise.resolve(sectionOf(outcomes, list.length));
  },
};

function sectionOf(outcomes: readonly PowerOutcome[], tried: number): Section {
  const inside = outcomes.filter((one): one is PowerOutcome & { readonly inside: number } => one.inside !== undefined);
  const rank = spearman(outcomes.map(({ power, leftOut }) => [power, leftOut]));
  const rankInside = spearman(inside.map(({ power, inside: found }) => [power, found]));
  const error = mean(outcomes.map(({ power, leftOut }) => Math.abs(power - leftOut)));
  const bias = mean(outcomes.map(({ power, leftOut }) => power - leftOut));
  return {
    title: `Power beside what is found of other faults: ${outcomes.length} of ${tried} endpoints, most under one to five drawn rules`,
    rows: [
      {
        figure: 'rank correlation of power and share found, mutators left out of power (Spearman)',
        value: rank?.toFixed(2) ?? '–',
        target: `≥ ${LEAST_CORRELATION}`,
        met: (rank ?? 0) >= LEAST_CORRELATION,
      },
      {
        figure: `the same, faults inside noise (${inside.length} endpoints)`,
        value: rankInside?.toFixed(2) ?? '–',
      },
      { figure: 'mean distance of power and share found, points', value: (100 * error).toFixed(1) },
      { figure: 'power above share found on average, points', value: (100 * bias).toFixed(1) },
    ],
    tables: [calibration(outcomes)],
  };
}

function calibration(outcomes: readonly PowerOutcome[]): Table {
  const rows = CLASSES.map((from, at) => {
    const to = CLASSES[at + 1] ?? Number.POSITIVE_INFINITY;
    const list = outcomes.filter((one) => one.power >= from && one.power < to);
    const inside = list.flatMap((one) => (one.inside === undefined ? [] : [one.inside]));
    const lowest = list.reduce((least, { leftOut }) => Math.min(least, leftOut), 1);
    const shown = (shares: readonly number[]): string => (shares.length === 0 ? '–' : percent(mean(shares), 1));
    return [
      to > 1 ? `${from * 100} % and more` : `${from * 100} to ${to * 100} %`,
      String(list.length),
      shown(list.map((one) => one.power)),
      shown(list.map(({ leftOut }) => leftOut)),
      list.length === 0 ? '–' : percent(lowest, 1),
      shown(inside),
      shown(list.map(({ rules }) => rules / 100)).replace(/ %$/, ''),
    ];
  });
  return {
    title: 'Calibration',
    columns: ['power', 'endpoints', 'mean power', 'found, left out', 'least found', 'found, inside noise', 'rules'],
    rows,
  };
}

function mean(numbers: readonly number[]): number {
  return numbers.length === 0 ? 0 : numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
}

import { search } from '../../../src/simulation/small-search.ts';
import type { BenchSection, Section, SectionOptions } from '../../verify/section.ts';

/** How often each accident may happen; together they decide how many states there are. */
const LEFT = { crashes: 1, cuts: 1, outages: 1, deployments: 1, orders: 1 };
const MAX_STATES = 3_000_000;
const QUICK_STATES = 100_000;

/** Two cells, two proxies, one store: every order in which crashes, partitions and outages can fall. */
export const exhaustive: BenchSection = {
  name: 'exhaustive',
  run({ quick, progress }: SectionOptions): Promise<Section> {
    const { states, steps, isComplete, depth, violations } = search({
      left: LEFT,
      maxStates: quick ? QUICK_STATES : MAX_STATES,
      progress: (seen, deep) => progress(`${seen} states, ${deep} steps deep`),
    });
    const each = Object.entries(LEFT).map(([what, times]) => `${times} ${what}`);
    return Promise.resolve({
      title: `Every order of events in the small model: two cells, two proxies; at most ${each.join(', ')}`,
      rows: [
        { figure: 'states', value: String(states) },
        { figure: 'steps between them', value: String(steps) },
        { figure: 'deepest', value: `${depth} steps` },
        { figure: 'every state seen', value: isComplete ? 'yes' : `no, the first ${states}` },
        {
          figure: 'I4, I5, I6, I10 or a latch broken',
          value: String(violations.length),
          target: '0',
          met: violations.length === 0,
        },
      ],
      tables: violations.map(({ invariant, detail, path }) => ({
        title: `${invariant}: ${detail}`,
        columns: ['how it comes about'],
        rows: path.map((name) => [name]),
      })),
    });
  },
};

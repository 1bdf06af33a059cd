import { UNLIMITED } from '../../../src/simulation/small-model.ts';
import { search } from '../../../src/simulation/small-search.ts';
import type { BenchSection, Section, SectionOptions } from '../../verify/section.ts';

const MAX_STATES = 3_000_000;
const QUICK_DEPTH = 12;

/** Two cells, two proxies, one store: every order in which crashes, partitions and outages can fall. */
export const exhaustive: BenchSection = {
  name: 'exhaustive',
  run({ quick, progress }: SectionOptions): Promise<Section> {
    const { states, steps, isComplete, depth, violations } = search({
      left: UNLIMITED,
      maxStates: MAX_STATES,
      ...(quick ? { maxDepth: QUICK_DEPTH } : {}),
      progress: (seen, deep) => progress(`${seen} states, ${deep} steps deep`),
    });
    return Promise.resolve({
      title: `Every order of events in the small model: two cells, two proxies; ${Object.keys(UNLIMITED).join(', ')} anywhere, as often as one likes`,
      rows: [
        { figure: 'states', value: String(states) },
        { figure: 'steps between them', value: String(steps) },
        { figure: 'deepest', value: `${depth} steps` },
        { figure: 'every state seen', value: isComplete ? 'yes' : `no, those within ${depth} steps` },
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

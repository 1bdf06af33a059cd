import { reportFiles, summary } from '../accuracy-report.ts';
import { endpoints, INJECTORS } from '../corpus/endpoint.ts';
import type { Injector } from '../corpus/injector.ts';
import { Random } from '../random.ts';
import { type BenchSection, percent, type Section, type SectionOptions, type Table } from '../section.ts';
import type { Tallies } from '../tally.ts';
import { Scores, TOOLS, Trial } from '../trial.ts';

/** Kinds of noise each endpoint is tried with, in turn. */
const PER_ENDPOINT = 3;

/** False alarms, faults found beside noise and inside it, ours and four baselines'. */
export const accuracy: BenchSection = {
  name: 'accuracy',
  run({ seed, quick, progress }: SectionOptions): Promise<Section> {
    const scores = runTrials(seed, quick, progress);
    const tables = tablesOf(scores);
    const [alarms, outside, inside] = [scores.alarms.sum(), scores.outside.sum(), scores.inside.sum()];
    const share = (part: number | undefined, whole: number) => (part ?? 0) / whole;
    return Promise.resolve({
      title: 'Accuracy on made answers whose truth is known',
      rows: [
        {
          figure: `equivalent pairs not called a match, of ${alarms.total}`,
          value: percent(alarms.hits[0] ?? 0, alarms.total, 2),
          target: '≤ 0.1 %',
          met: share(alarms.hits[0], alarms.total) <= 0.001,
        },
        {
          figure: `faults outside noise found, of ${outside.total}`,
          value: percent(outside.hits[0] ?? 0, outside.total, 2),
          target: '≥ 99.5 %',
          met: share(outside.hits[0], outside.total) >= 0.995,
        },
        {
          figure: `faults inside noise found, of ${inside.total}`,
          value: percent(inside.hits[0] ?? 0, inside.total, 2),
          target: '≥ 95 %',
          met: share(inside.hits[0], inside.total) >= 0.95,
        },
      ],
      tables: [summary(scores), ...tables],
      longTables: [
        toolTable('Faults outside noise that were found, by noise and fault', scores.matrix.names, scores.matrix),
      ],
      files: reportFiles(scores, namesOf(scores), tables, seed),
      details: scores.wrong,
    });
  },
};

export function runTrials(seed: number, quick: boolean, progress: (text: string) => void): Scores {
  const scores = new Scores();
  const list = endpoints(seed, quick);
  const turns = new Map<string, number>();
  list.forEach((endpoint, index) => {
    const fitting = new Random(seed, 'noise', endpoint.medium).shuffled(
      INJECTORS.filter(({ media }) => media.includes(endpoint.medium)),
    );
    for (let i = 0; i < PER_ENDPOINT; i++) {
      const turn = turns.get(endpoint.medium) ?? 0;
      turns.set(endpoint.medium, turn + 1);
      new Trial(endpoint, noiseOf(fitting, turn), scores).run();
    }
    if (index % 20 === 19) progress(`${index + 1} of ${list.length} endpoints`);
  });
  return scores;
}

/** One kind of noise; every fourth time two more beside it. */
function noiseOf(fitting: readonly Injector[], turn: number): Injector[] {
  const at = (offset: number): Injector => fitting[(turn + offset) % fitting.length] as Injector; // below the length
  return turn % 4 === 3 ? [at(0), at(7), at(19)] : [at(0)];
}

/** Kinds of noise that were met, in the order of the corpus. */
function namesOf(scores: Scores): string[] {
  return INJECTORS.map(({ name }) => name).filter((name) => scores.alarms.of(name).total > 0);
}

function tablesOf(scores: Scores): Table[] {
  const names = namesOf(scores);
  return [
    toolTable('False alarms on equivalent pairs, by noise', names, scores.alarms),
    toolTable('Faults outside noise that were found, by noise', names, scores.outside),
    toolTable('Faults outside noise that were found, by fault', scores.byMutator.names, scores.byMutator),
    toolTable('Faults inside noise that were found, by noise', names, scores.inside),
    toolTable('Faults inside noise that were found, by noise and fault', scores.byFault.names, scores.byFault),
  ];
}

function toolTable(title: string, names: readonly string[], tallies: Tallies): Table {
  const rows = names
    .filter((name) => tallies.of(name).total > 0)
    .map((name) => {
      const { total, hits } = tallies.of(name);
      return [name, String(total), ...hits.map((count) => percent(count, total))];
    });
  return { title, columns: ['', 'pairs', ...TOOLS], rows };
}

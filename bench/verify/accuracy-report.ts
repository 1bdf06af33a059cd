import { MUTATORS } from '../../src/core/mutation/mutators.ts';
import { matrixSvg } from './matrix-picture.ts';
import { heatMapSvg } from './picture.ts';
import { percent, type Section, type Table } from './section.ts';
import type { Tallies } from './tally.ts';
import { type Scores, TOOLS } from './trial.ts';

const PAGE = 'docs/reference/verification-accuracy.md';
const PICTURE = 'docs/pictures/verification-accuracy.svg';
const MATRIX = 'docs/pictures/verification-matrix.svg';

/** The page and the pictures of one run. */
export function reportFiles(
  scores: Scores,
  names: readonly string[],
  tables: readonly Table[],
  seed: number,
): NonNullable<Section['files']> {
  return [
    { path: PICTURE, text: picture(scores, names) },
    { path: MATRIX, text: matrix(scores, names) },
    { path: PAGE, text: page(scores, tables, seed) },
  ];
}

function sharesOf(tallies: Tallies, name: string): (number | undefined)[] {
  const { total, hits } = tallies.of(name);
  return hits.map((count) => (total === 0 ? undefined : count / total));
}

function picture(scores: Scores, names: readonly string[]): string {
  const inside = names.filter((name) => scores.inside.of(name).total > 0);
  return heatMapSvg({
    title: 'Faults inside noisy values, and alarms about nothing',
    subtitle: `Percent, by kind of noise. ${scores.inside.sum().total} planted faults and ${scores.alarms.sum().total} equivalent pairs of made answers; 30 pairs to learn from.`,
    tools: TOOLS,
    panels: [
      { title: 'Faults found inside noise (more is better)', full: [17, 94, 131], rows: rowsOf(scores.inside, inside) },
      {
        title: 'False alarms on equivalent pairs (less is better)',
        full: [178, 60, 23],
        rows: rowsOf(scores.alarms, inside),
      },
    ],
  });
}

/** Every kind of noise × every fault: ours, and the baseline that found most. */
function matrix(scores: Scores, names: readonly string[]): string {
  const { total, hits } = scores.outside.sum();
  const best = hits.reduce(
    (most, count, tool) => (tool > 0 && (most === 0 || count > (hits[most] ?? 0)) ? tool : most),
    0,
  );
  const shareOf = (tool: number) => (row: string, column: string) =>
    sharesOf(scores.matrix, `${row} × ${column}`)[tool];
  const panel = (tool: number, what: string) => ({
    title: `${what}: ${percent(hits[tool] ?? 0, total, 2)} found`,
    share: shareOf(tool),
  });
  return matrixSvg({
    title: 'Every kind of noise × every fault',
    subtitle: `Share of planted faults that were found, of ${total}; the fault stands beside the noise, in the same answer. Figures where less than all was found.`,
    rows: names,
    columns: MUTATORS.map(({ name }) => name),
    large: panel(0, TOOLS[0] ?? ''),
    small: panel(best, `The best of the others, ${TOOLS[best]}`),
  });
}

function rowsOf(tallies: Tallies, names: readonly string[]) {
  return names.map((name) => ({ name, shares: sharesOf(tallies, name) }));
}

function page(scores: Scores, tables: readonly Table[], seed: number): string {
  const missed = scores.matrix.names
    .map((name) => ({ name, tally: scores.matrix.of(name) }))
    .filter(({ tally }) => (tally.hits[0] ?? 0) < tally.total)
    .map(({ name, tally }) => [name, String(tally.total), ...tally.hits.map((count) => percent(count, tally.total))]);
  return `# Accuracy of verification

How often the verifier is right, on made answers whose truth is known, beside four other ways to tell noise from regressions.
Made by \`npm run bench -- verify --only accuracy --write --seed ${seed}\`; how, and what is counted as fair, is told in [bench/README.md](../../bench/README.md).

![Faults found inside noise and false alarms, by kind of noise](../pictures/verification-accuracy.svg)

![Share of faults found, by kind of noise and fault, ours and the best of the others](../pictures/verification-matrix.svg)

## In sum

${markdown(summary(scores))}
${tables.map((table) => `## ${table.title}\n\n${markdown(table)}`).join('\n')}
## Faults outside noise that were missed, by noise and fault

${missed.length === 0 ? 'None.\n' : markdown({ title: '', columns: ['noise × fault', 'pairs', ...TOOLS], rows: missed })}`;
}

/** Precision is the share of mismatches that were faults, among the faults planted and the equivalent pairs judged. */
export function summary(scores: Scores): Table {
  const [alarms, outside, inside] = [scores.alarms.sum(), scores.outside.sum(), scores.inside.sum()];
  const rows = TOOLS.map((tool, at) => {
    const found = (outside.hits[at] ?? 0) + (inside.hits[at] ?? 0);
    return [
      tool,
      percent(alarms.hits[at] ?? 0, alarms.total, 2),
      percent(outside.hits[at] ?? 0, outside.total, 2),
      percent(inside.hits[at] ?? 0, inside.total, 2),
      percent(found, found + (alarms.hits[at] ?? 0), 2),
    ];
  });
  const columns = [
    '',
    `false alarms (${alarms.total} pairs)`,
    `found outside noise (${outside.total})`,
    `found inside noise (${inside.total})`,
    'precision',
  ];
  return { title: 'In sum', columns, rows };
}

function markdown({ columns, rows }: Table): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return line(columns) + line(columns.map((_, at) => (at === 0 ? '---' : '---:'))) + rows.map(line).join('');
}

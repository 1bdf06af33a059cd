import { cpus } from 'node:os';
import type { Section, Table } from './verify/section.ts';

/** What a figure was measured on. */
export function machine() {
  const [first] = cpus();
  return { node: process.version, cpu: `${cpus().length} × ${first?.model.trim() ?? 'unknown'}` };
}

/** A section as people read it: figures against targets, then tables. */
export function print({ title, rows, tables }: Section): void {
  console.log(`\n${title}\n`);
  const figures = rows.map(({ figure, value, target, met }) => [
    figure,
    value,
    target ?? '',
    met === undefined ? '' : met ? 'met' : 'MISSED',
  ]);
  printTable({ title: '', columns: ['figure', 'value', 'target', ''], rows: figures });
  for (const table of tables ?? []) printTable(table);
}

function printTable({ title, columns, rows }: Table): void {
  const all = [columns, ...rows];
  const widths = columns.map((_, at) => Math.max(...all.map((row) => (row[at] ?? '').length)));
  if (title !== '') console.log(`\n${title}`);
  for (const row of all)
    console.log(
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}

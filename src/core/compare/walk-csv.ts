import type { CsvParse } from './csv.ts';
import { listNode, objectNode, textNode } from './made-json.ts';
import { type Path, step } from './path.ts';
import type { WalkContext } from './walk.ts';
import { walkJson } from './walk-json.ts';

/** Two documents of separated values as they were read. */
export interface CsvPair {
  readonly control: CsvParse & { readonly ok: true };
  readonly candidate: CsvParse & { readonly ok: true };
}

/**
 * Finds the differences of two tables: columns by the names in the first row, rows as a list of records.
 * `rows/12/price` counts rows from 0, without the header. A first row with a number or an empty cell in it is no header;
 * then columns are called by their place.
 */
export function walkCsv({ control, candidate }: CsvPair, path: Path, context: WalkContext): void {
  const [first, other] = [control.rows[0] ?? [], candidate.rows[0] ?? []];
  const headed = isHeader(first) && isHeader(other);
  if (headed) {
    const columns = step(path, 'columns');
    walkJson(listNode(first.map(textNode)), listNode(other.map(textNode)), columns, context);
  }
  const rows = (table: readonly (readonly string[])[], names: readonly string[]) =>
    listNode(
      (headed ? table.slice(1) : table).map((row) =>
        objectNode(
          row.map((_, at) => (headed ? (names[at] ?? String(at)) : String(at))),
          row.map(textNode),
        ),
      ),
    );
  context.budget.spend(control.rows.length + candidate.rows.length);
  walkJson(rows(control.rows, first), rows(candidate.rows, other), step(path, 'rows'), context);
}

function isHeader(row: readonly string[]): boolean {
  const names = new Set(row.map((cell) => cell.trim()));
  return row.length > 0 && names.size === row.length && !row.some((cell) => /^\s*(-?\d[\d.,]*)?\s*$/.test(cell));
}

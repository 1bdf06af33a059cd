import type { Budget } from './budget.ts';

/** Cells of one document that are read; more is `bound`. */
const MAX_CELLS = 400_000;

export type Separator = ',' | ';' | '\t';

/** What separates the cells of a table: the first of comma, semicolon and tab that its first line has, in the order its type suggests. */
export function separatorIn(text: string, isTabbed: boolean): Separator {
  const end = text.search(/[\r\n]/);
  const first = (end < 0 ? text : text.slice(0, end)).replace(/"(?:[^"]|"")*"/g, '');
  const order: readonly Separator[] = isTabbed ? ['\t', ',', ';'] : [',', ';', '\t'];
  return order.find((separator) => first.includes(separator)) ?? (isTabbed ? '\t' : ',');
}

export type CsvParse =
  | { readonly ok: true; readonly rows: readonly (readonly string[])[] }
  | { readonly ok: false; readonly reason: 'malformed' | 'bound'; readonly offset: number };

/**
 * Rows and cells of separated values (RFC 4180 section 2): quotes may enclose separators, line ends and doubled quotes;
 * lines end in CRLF or LF. Blank lines are none. An unclosed quote, or text behind a closing one, is malformed.
 *
 * @param separator As `separatorIn` finds it.
 */
export function parseCsv(text: string, separator: Separator, budget: Budget): CsvParse {
  const rows: string[][] = [];
  let row: string[] = [];
  let cells = 0;
  let at = 0;
  const endRow = (): void => {
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
  };
  while (at < text.length) {
    budget.spend(1);
    if (++cells > MAX_CELLS) return { ok: false, reason: 'bound', offset: at };
    const cell = text[at] === '"' ? quoted(text, at) : plain(text, at, separator);
    if (cell === undefined) return { ok: false, reason: 'malformed', offset: at };
    row.push(cell.value);
    at = cell.end;
    if (at >= text.length) break;
    if (text[at] === separator) {
      at++;
      // A separator at the very end opens one more, empty cell.
      if (at >= text.length) row.push('');
      continue;
    }
    if (text[at] === '\r') at++;
    if (text[at] !== '\n' && text[at - 1] !== '\r') return { ok: false, reason: 'malformed', offset: at };
    if (text[at] === '\n') at++;
    endRow();
  }
  if (row.length > 0) endRow();
  return { ok: true, rows };
}

interface Cell {
  readonly value: string;
  readonly end: number;
}

function plain(text: string, start: number, separator: string): Cell {
  let end = start;
  while (end < text.length && text[end] !== separator && text[end] !== '\n' && text[end] !== '\r') end++;
  return { value: text.slice(start, end), end };
}

function quoted(text: string, start: number): Cell | undefined {
  let from = start + 1;
  for (;;) {
    const quote = text.indexOf('"', from);
    if (quote < 0) return undefined;
    if (text[quote + 1] !== '"') return { value: text.slice(start + 1, quote).replaceAll('""', '"'), end: quote + 1 };
    from = quote + 2;
  }
}

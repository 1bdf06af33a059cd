import { type Separator, separatorIn } from '../compare/csv.ts';
import type { Marks } from './marks.ts';

/** A cell with what ends it: a separator, a line end, or the end of the text. */
const CELL: Readonly<Record<Separator, RegExp>> = {
  ',': /("(?:[^"]|"")*"|[^,\r\n]*)(,|\r\n?|\n|$)/y,
  ';': /("(?:[^"]|"")*"|[^;\r\n]*)(;|\r\n?|\n|$)/y,
  '\t': /("(?:[^"]|"")*"|[^\t\r\n]*)(\t|\r\n?|\n|$)/y,
};

/** The separator of a table; undefined for anything that is none by its content type. */
export function tableSeparator(text: string, contentType: string): Separator | undefined {
  const isTabbed = /^\s*(?:text|application)\/(?:x-)?tab-separated-values/i.test(contentType);
  const isTable = isTabbed || /^\s*(?:text|application)\/(?:x-)?(?:csv|comma-separated-values)/i.test(contentType);
  return isTable ? separatorIn(text, isTabbed) : undefined;
}

/** Separated values (RFC 4180) with the cells of columns replaced whose names, in the first row, are those of secrets. The rest stays byte for byte. */
export function redactTable(text: string, separator: Separator, marks: Marks): string {
  const cell = CELL[separator];
  const names: string[] = [];
  let out = '';
  let column = 0;
  let isHeader = true;
  cell.lastIndex = 0;
  for (let match = cell.exec(text); match !== null && match[0] !== ''; match = cell.exec(text)) {
    const [, raw = '', end = ''] = match;
    const value = raw.startsWith('"') && raw.length > 1 ? raw.slice(1, -1).replaceAll('""', '"') : raw;
    const name = names[column];
    if (isHeader) names.push(value.trim());
    const isSecret = !isHeader && value !== '' && name !== undefined && marks.names.isSecret(name);
    out += `${isSecret ? marks.mark(name, value, `body:${name}`) : raw}${end}`;
    column++;
    if (end === separator) continue;
    column = 0;
    isHeader = false;
  }
  return out;
}

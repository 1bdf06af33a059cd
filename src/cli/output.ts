import picocolors from 'picocolors';

/** How a command answers: pictures and tables for people, one JSON document for machines. */
export type OutputMode = 'text' | 'json';

type Colours = ReturnType<typeof picocolors.createColors>;

/**
 * Whether a stream is written to in colour: never with NO_COLOR (no-color.org: set and not empty); with FORCE_COLOR
 * (other than `0` and `false`) always; otherwise where a person watches a terminal that can.
 */
export function wantsColour(
  environment: Readonly<Record<string, string | undefined>>,
  stream: { readonly isTTY?: boolean },
): boolean {
  if ((environment['NO_COLOR'] ?? '') !== '') return false;
  const forced = environment['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return stream.isTTY === true && environment['TERM'] !== 'dumb';
}

/** Colours of standard output. */
export const colour: Colours = picocolors.createColors(wantsColour(process.env, process.stdout));

/** Colours of standard error, which may be a terminal while standard output is a file, or the other way round. */
export const errorColour: Colours = picocolors.createColors(wantsColour(process.env, process.stderr));

let outputClosed = false;

/** Whether nobody reads standard output any more: what repeats itself may end. */
export function isOutputClosed(): boolean {
  return outputClosed;
}

/** A reader that goes away (`| head -1`) is no fault; what serves goes on serving without it. */
export function forgiveClosedPipes(): void {
  process.stdout.on('error', () => {
    outputClosed = true;
  });
  process.stderr.on('error', () => undefined);
}

/** Writes one line of text for people to standard output. */
export function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** Writes one JSON document to standard output. */
export function printJson(value: unknown): void {
  process.stdout.write(`${inert(JSON.stringify(value, undefined, 2))}\n`);
}

/** Writes one JSON document to standard output on a line of its own. */
export function printJsonLine(value: unknown): void {
  process.stdout.write(`${inert(JSON.stringify(value))}\n`);
}

/** JSON leaves some characters as they are that could rewrite a terminal. They stand in texts only, where an escape means the same. */
function inert(json: string): string {
  return json.replace(HIDING_IN_JSON, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Writes one line of text for people to standard error: errors and progress. */
export function printError(line: string): void {
  process.stderr.write(`${line}\n`);
}

/**
 * Controls but tab, and characters that reorder text, break lines or cannot be seen (Unicode Standard Annex 9, section 2;
 * Unicode 16, section 23.2): they could rewrite a terminal or make different texts look the same.
 */
const HIDING = '\\u007f-\\u009f\\u00ad\\u061c\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060\\u2066-\\u2069\\ufeff';
const HIDING_IN_JSON = new RegExp(`[${HIDING}]`, 'g');
const HIDING_IN_TEXT = new RegExp(`[\\u0000-\\u0008\\u000a-\\u001f${HIDING}]`, 'g');

/** Text from elsewhere as it may be shown on a terminal: characters that would do something become `\u{…}`. */
export function safe(text: string): string {
  return text.replace(HIDING_IN_TEXT, (character) => `\\u{${character.charCodeAt(0).toString(16)}}`);
}

const DEFAULT_WIDTH = 100;
const MIN_WIDTH = 40;

/** Width of the terminal; where there is none, what COLUMNS says, or 100. */
export function terminalWidth(): number {
  const told = Number(process.env['COLUMNS']);
  const width = process.stdout.columns ?? (Number.isInteger(told) && told > 0 ? told : DEFAULT_WIDTH);
  return Math.max(MIN_WIDTH, width);
}

/** East Asian wide and fullwidth characters (Unicode Standard Annex 11), the blocks in use; emoji are told by their property. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
const NO_WIDTH = /[\p{Mark}\u200c\u200d]/u;

/** Columns that a text takes on a terminal. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += widthOfCharacter(character);
  return width;
}

function widthOfCharacter(character: string): number {
  if (character < '\u0300') return 1;
  return NO_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
}

/** Cuts to `width` columns; what was cut ends in an ellipsis. */
export function cut(text: string, width: number): string {
  if (text.length <= width && text.length === widthOf(text)) return text;
  let used = 0;
  let kept = '';
  for (const character of text) {
    const next = widthOfCharacter(character);
    // The last column is for the ellipsis, unless this was all.
    if (used + next > width - 1) return widthOf(text) <= width ? text : `${kept}…`;
    used += next;
    kept += character;
  }
  return kept;
}

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** Numbers stand at the right. */
  readonly right?: boolean;
  readonly paint?: (text: string, row: Row) => string;
  /** Gives way where the table is too wide: is cut, but not below 12 columns. */
  readonly flexible?: boolean;
  /** Is left out where cutting is not enough; the one with the highest number goes first. JSON output has it all the same. */
  readonly spare?: number;
}

const MIN_FLEXIBLE = 12;
const GAP = 2;

/** Prints rows as a table that fits the terminal's width. */
export function printTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): void {
  for (const line of tableLines(rows, columns, terminalWidth())) print(line);
}

/** The lines of a table, the titles first, none wider than `width`. */
export function tableLines<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width: number,
): readonly string[] {
  const texts = new Map(
    columns.map((column) => [column, rows.map((row) => safe(column.value(row)).replaceAll('\t', ' '))]),
  );
  const natural = (column: Column<Row>): number =>
    Math.max(widthOf(column.title), ...(texts.get(column) ?? []).map(widthOf));
  const { shown, widths } = layOut(columns, natural, width);
  const line = (of: (column: Column<Row>) => string, row?: Row): string =>
    shown
      .map((column, at) => {
        const room = widths[at] ?? 0;
        const text = cut(of(column), room);
        const space = ' '.repeat(Math.max(0, room - widthOf(text)));
        const painted = row === undefined || column.paint === undefined ? text : column.paint(text, row);
        return column.right === true ? space + painted : painted + (at === shown.length - 1 ? '' : space);
      })
      .join(' '.repeat(GAP))
      .trimEnd();
  return [
    colour.dim(line((column) => column.title)),
    ...rows.map((row, at) => line((column) => texts.get(column)?.[at] ?? '', row)),
  ];
}

/** Which columns are shown and how wide: first the flexible ones give way, then spare ones go, then everything is cut. */
function layOut<Row>(
  columns: readonly Column<Row>[],
  natural: (column: Column<Row>) => number,
  width: number,
): { readonly shown: readonly Column<Row>[]; readonly widths: readonly number[] } {
  let shown = columns;
  for (;;) {
    const widths = shown.map(natural);
    let excess = widths.reduce((sum, one) => sum + one + GAP, -GAP) - width;
    excess = shrink(widths, excess, (at) => (shown[at]?.flexible === true ? MIN_FLEXIBLE : Number.POSITIVE_INFINITY));
    if (excess <= 0) return { shown, widths };
    const spare = [...shown].filter((column) => column.spare !== undefined);
    const last = spare.sort((a, b) => (b.spare ?? 0) - (a.spare ?? 0))[0];
    if (last === undefined) {
      shrink(widths, excess, () => 1);
      return { shown, widths };
    }
    shown = shown.filter((column) => column !== last);
  }
}

/** Takes `excess` away from the widest columns, each down to its least; gives what is left of it. */
function shrink(widths: number[], excess: number, least: (at: number) => number): number {
  for (let left = excess; left > 0; left -= 1) {
    let widest = -1;
    for (let at = 0; at < widths.length; at += 1) {
      const isRoomy = (widths[at] ?? 0) > least(at);
      if (isRoomy && (widest < 0 || (widths[at] ?? 0) > (widths[widest] ?? 0))) widest = at;
    }
    if (widest < 0) return left;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return Math.min(0, excess);
}

const COUNT = new Intl.NumberFormat('en');
const PERCENT = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 2 });

export function count(value: number): string {
  return COUNT.format(value);
}

/** A share of 0 to 1; `–` where nothing was measured. Never rounded to 100 % or to nothing. */
export function percent(share: number | null): string {
  if (share === null) return '–';
  const shown = PERCENT.format(share);
  if (share < 1 && shown === '100%') return '>99.99%';
  return share > 0 && shown === '0%' ? '<0.01%' : shown;
}

/** Parts per million as a percentage: 12,345 is `1.2345%`. */
export function ppm(value: number): string {
  return `${Number((value / 10_000).toFixed(4))}%`;
}

export function milliseconds(value: number | null): string {
  if (value === null) return '–';
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return value >= 10 ? `${value.toFixed(0)} ms` : `${value.toFixed(2)} ms`;
}

/** Local date and time, to the second. */
export function moment(at: number): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Shares by row and column: a large map of one tool, and a small one of another with the same rows and columns. */
export interface Matrix {
  readonly title: string;
  readonly subtitle: string;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly large: MatrixPanel;
  readonly small: MatrixPanel;
}

export interface MatrixPanel {
  readonly title: string;
  /** 0 to 1; undefined where there is nothing to count. */
  readonly share: (row: string, column: string) => number | undefined;
}

const MARGIN = 24;
const NAME_WIDTH = 146;
const CELL = 17;
/** Heads stand at 60°: a name of 22 letters rises by so much. */
const HEAD = 118;
const TOP = 104;
const SMALL_CELL = { width: CELL, height: 6 };
const GAP = 62;
const INK = '#16181d';
const FAINT = '#5a606b';
/** Nothing found, half, everything: told apart with any kind of sight, and by brightness alone at both ends of the middle. */
const STOPS = [
  [178, 60, 23],
  [250, 226, 180],
  [17, 94, 131],
] as const;
const NEVER = '#eceef1';

/** The maps as an SVG of its own: white ground and dark ink, so that it reads in light and dark pages. */
export function matrixSvg({ title, subtitle, rows, columns, large, small }: Matrix): string {
  const left = MARGIN + NAME_WIDTH;
  const smallTop = TOP + HEAD + rows.length * CELL + GAP;
  const width = left + columns.length * CELL + MARGIN + 40;
  const height = smallTop + rows.length * SMALL_CELL.height + MARGIN;
  const x = (column: number): number => left + column * CELL;
  const heads = columns.map((name, at) => {
    const [headX, headY] = [x(at) + CELL / 2 + 3, TOP + HEAD - 6];
    return `<text transform="translate(${headX} ${headY}) rotate(-60)" font-size="10" fill="${INK}">${xml(name)}</text>`;
  });
  const names = rows.map(
    (name, at) =>
      `<text x="${left - 8}" y="${TOP + HEAD + at * CELL + 12}" font-size="10.5" text-anchor="end" fill="${INK}">${xml(name)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${xml(title)}" font-family="system-ui, sans-serif">
<rect width="${width}" height="${height}" fill="#fff"/>
<text x="${MARGIN}" y="34" font-size="19" font-weight="600" fill="${INK}">${xml(title)}</text>
<text x="${MARGIN}" y="54" font-size="12" fill="${FAINT}">${xml(subtitle)}</text>
${legend(MARGIN, 70)}
<text x="${MARGIN}" y="${TOP + HEAD - 66}" font-size="13" font-weight="600" fill="${INK}">${xml(large.title)}</text>
${[...heads, ...names].join('\n')}
${cells(rows, columns, large, { left, top: TOP + HEAD, height: CELL, numbers: true })}
<text x="${left}" y="${smallTop - 12}" font-size="13" font-weight="600" fill="${INK}">${xml(small.title)}</text>
<text x="${left - 8}" y="${smallTop + 12}" font-size="10.5" text-anchor="end" fill="${FAINT}">rows and columns</text>
<text x="${left - 8}" y="${smallTop + 25}" font-size="10.5" text-anchor="end" fill="${FAINT}">as above</text>
${cells(rows, columns, small, { left, top: smallTop, height: SMALL_CELL.height, numbers: false })}
</svg>
`;
}

interface Place {
  readonly left: number;
  readonly top: number;
  readonly height: number;
  /** Whether a cell below 100 % says how much it is. */
  readonly numbers: boolean;
}

function cells(rows: readonly string[], columns: readonly string[], panel: MatrixPanel, place: Place): string {
  return rows
    .map((row, r) =>
      columns
        .map((column, c) => {
          const share = panel.share(row, column);
          const [x, y] = [place.left + c * CELL, place.top + r * place.height];
          const box = `<rect x="${x}" y="${y}" width="${CELL - 1}" height="${place.height - 1}" fill="${colourOf(share)}">`;
          const tip = `<title>${xml(row)} × ${xml(column)}: ${share === undefined ? 'never planted' : percentOf(share)}</title>`;
          return `${box}${tip}</rect>${place.numbers ? numberOf(share, x, y) : ''}`;
        })
        .join(''),
    )
    .join('\n');
}

/** What is below 100 % is also told in figures: one miss in a thousand has hardly another colour. */
function numberOf(share: number | undefined, x: number, y: number): string {
  if (share === undefined || share === 1) return '';
  const ink = share > 0.75 || share < 0.25 ? '#fff' : INK;
  return `<text x="${x + (CELL - 1) / 2}" y="${y + 11.5}" font-size="8" text-anchor="middle" fill="${ink}">${Math.floor(share * 100)}</text>`;
}

function colourOf(share: number | undefined): string {
  if (share === undefined) return NEVER;
  const at = share * (STOPS.length - 1);
  const low = Math.min(Math.floor(at), STOPS.length - 2);
  const [from, to] = [STOPS[low] ?? STOPS[0], STOPS[low + 1] ?? STOPS[0]];
  return `rgb(${from.map((part, i) => Math.round(part + ((to[i] ?? 0) - part) * (at - low))).join(',')})`;
}

function legend(left: number, top: number): string {
  const steps = [0, 0.25, 0.5, 0.75, 1];
  const boxes = steps.map(
    (share, at) =>
      `<rect x="${left + at * 54}" y="${top}" width="14" height="14" fill="${colourOf(share)}"/><text x="${left + at * 54 + 19}" y="${top + 11}" font-size="10.5" fill="${INK}">${share * 100} %</text>`,
  );
  const never = left + steps.length * 54 + 6;
  return `${boxes.join('')}<rect x="${never}" y="${top}" width="14" height="14" fill="${NEVER}"/><text x="${never + 19}" y="${top + 11}" font-size="10.5" fill="${INK}">never planted: the fault has no place there</text>`;
}

/** Never 100 for what is below it. */
function percentOf(share: number): string {
  return `${(Math.floor(share * 1_000) / 10).toFixed(1)} %`;
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

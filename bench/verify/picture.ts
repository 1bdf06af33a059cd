/** A heat map: one row a kind of noise, in each panel one column a tool. */
export interface HeatMap {
  readonly title: string;
  readonly subtitle: string;
  readonly tools: readonly string[];
  readonly panels: readonly Panel[];
}

export interface Panel {
  readonly title: string;
  /** Colour of 100 %, as red, green and blue; 0 % is almost white. */
  readonly full: readonly [red: number, green: number, blue: number];
  readonly rows: readonly { readonly name: string; readonly shares: readonly (number | undefined)[] }[];
}

const NAME_WIDTH = 170;
const CELL_WIDTH = 62;
const CELL_HEIGHT = 19;
const PANEL_GAP = 36;
const TOP = 128;
const EMPTY = [244, 245, 247] as const;

/** The heat map as an SVG of its own: white ground, so that it reads in light and dark pages. */
export function heatMapSvg({ title, subtitle, tools, panels }: HeatMap): string {
  const panelWidth = NAME_WIDTH + tools.length * CELL_WIDTH;
  const width = 24 + panels.length * (panelWidth + PANEL_GAP) - PANEL_GAP + 24;
  const height = TOP + Math.max(...panels.map(({ rows }) => rows.length)) * CELL_HEIGHT + 24;
  const parts = panels.map((panel, at) => panelSvg(panel, tools, 24 + at * (panelWidth + PANEL_GAP)));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${xml(title)}" font-family="system-ui, sans-serif">
<rect width="${width}" height="${height}" fill="#fff"/>
<text x="24" y="34" font-size="19" font-weight="600" fill="#16181d">${xml(title)}</text>
<text x="24" y="54" font-size="12" fill="#5a606b">${xml(subtitle)}</text>
${parts.join('\n')}
</svg>
`;
}

function panelSvg({ title, full, rows }: Panel, tools: readonly string[], left: number): string {
  const x = (column: number): number => left + NAME_WIDTH + column * CELL_WIDTH;
  const heads = tools.map((tool, column) => headSvg(tool, x(column) + CELL_WIDTH / 2, column === 0));
  const lines = rows.map(({ name, shares }, row) => {
    const y = TOP + row * CELL_HEIGHT;
    const label = `<text x="${left + NAME_WIDTH - 8}" y="${y + 13}" font-size="11" text-anchor="end" fill="#16181d">${xml(name)}</text>`;
    return label + shares.map((share, column) => cellSvg(share, full, x(column), y)).join('');
  });
  const frame = `<rect x="${x(0)}" y="${TOP}" width="${CELL_WIDTH}" height="${rows.length * CELL_HEIGHT}" fill="none" stroke="#16181d" stroke-width="1.5"/>`;
  return [
    `<text x="${x(0) - 60}" y="80" font-size="13" font-weight="600" fill="#16181d">${xml(title)}</text>`,
    ...heads,
    ...lines,
    frame,
  ].join('\n');
}

/** A tool's name in up to two lines. */
function headSvg(tool: string, x: number, isOurs: boolean): string {
  const words = tool.split(' ');
  const half = Math.ceil(words.length / 2);
  const lines = words.length === 1 ? ['', tool] : [words.slice(0, half).join(' '), words.slice(half).join(' ')];
  const weight = isOurs ? ' font-weight="600"' : '';
  return lines
    .map(
      (line, at) =>
        `<text x="${x}" y="${106 + at * 13}" font-size="10" text-anchor="middle" fill="#16181d"${weight}>${xml(line)}</text>`,
    )
    .join('');
}

function cellSvg(share: number | undefined, full: Panel['full'], x: number, y: number): string {
  const part = share ?? 0;
  const colour = EMPTY.map((low, at) => Math.round(low + ((full[at] ?? 0) - low) * part)).join(',');
  const text = share === undefined ? '–' : percentText(share);
  return `<rect x="${x}" y="${y}" width="${CELL_WIDTH - 1}" height="${CELL_HEIGHT - 1}" fill="rgb(${colour})"/><text x="${x + CELL_WIDTH / 2}" y="${y + 13}" font-size="10" text-anchor="middle" fill="${part > 0.55 ? '#fff' : '#16181d'}">${text}</text>`;
}

/** Never 0 for what is above it, nor 100 for what is below. */
function percentText(share: number): string {
  if (share > 0 && share < 0.01) return '&lt; 1';
  if (share > 0.99 && share < 1) return '&gt; 99';
  return String(Math.round(share * 100));
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

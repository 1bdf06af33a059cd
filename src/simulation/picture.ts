import type { Change, SimulationResult } from './result.ts';

const WIDTH = 880;
const LEFT = 56;
const RIGHT = 56;
const TOP = 64;
const PLOT = 200;
const LANE = 18;
/** Marks drawn of one kind; more would be one bar. */
const MAX_MARKS = 200;

const INK = '#16181d';
const FAINT = '#5a606b';
const SHARE = '#2563a8';
const CELLS = '#9aa7b5';
const BACK = '#c0392b';
const FLAW = '#f6d7d2';
const EVENT = '#b7791f';

/** The share over time, what happened in the world, and what took traffic back, as an SVG on white ground. */
export function scenarioSvg(result: SimulationResult): string {
  const { durationMs } = result;
  const x = (at: number): number => round(LEFT + (Math.min(at, durationMs) / durationMs) * (WIDTH - LEFT - RIGHT));
  const bottom = TOP + PLOT;
  const events = eventLanes(result, x, bottom + 34);
  const height = bottom + 34 + events.lanes * LANE + 34;
  const { requests, cells, clientsHurt, falsePromotions, falseRollbacks } = result;
  const facts = `${number(requests.total)} requests · ${cells.opened} of ${cells.total} cells opened · taken back ${result.rollbacks}× (wrongly ${falseRollbacks}) · wrongly opened ${falsePromotions} · ${number(clientsHurt.requests)} requests hurt`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${xml(result.scenario)}" font-family="system-ui, sans-serif" font-size="11">
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
<text x="${LEFT}" y="26" font-size="17" font-weight="600" fill="${INK}">${xml(result.scenario)}</text>
<text x="${LEFT}" y="45" fill="${FAINT}">${xml(facts)}</text>
${flawBands(result, x)}
${grid(result, x)}
${cellLine(result, x)}
${shareArea(result, x)}
${marks(result, x)}
${events.svg}
<text x="${LEFT}" y="${height - 10}" fill="${SHARE}">share of the candidate</text>
<text x="${LEFT + 140}" y="${height - 10}" fill="${FAINT}">open cells (grey line)</text>
<text x="${LEFT + 280}" y="${height - 10}" fill="${BACK}">▼ taken back</text>
<text x="${LEFT + 370}" y="${height - 10}" fill="${FAINT}">red ground: the candidate is worse somewhere</text>
</svg>
`;
}

type Scale = (at: number) => number;

function y(share: number): number {
  return round(TOP + (1 - share) * PLOT);
}

function grid({ durationMs, cells }: SimulationResult, x: Scale): string {
  const lines = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(share)}" y2="${y(share)}" stroke="#e3e6ea"/><text x="${LEFT - 6}" y="${y(share) + 4}" text-anchor="end" fill="${FAINT}">${share * 100} %</text>`,
  );
  const ticks = Array.from({ length: 7 }, (_, at) => (durationMs * at) / 6).map(
    (at) =>
      `<text x="${x(at)}" y="${TOP + PLOT + 16}" text-anchor="middle" fill="${FAINT}">${timeLabel(at, durationMs)}</text>`,
  );
  const most = `<text x="${WIDTH - RIGHT + 6}" y="${y(1) + 4}" fill="${FAINT}">${number(cells.total)}</text>`;
  return [...lines, ...ticks, most].join('\n');
}

function shareArea({ share, durationMs }: SimulationResult, x: Scale): string {
  const slot = durationMs / share.length;
  let last = 0;
  const points = share.flatMap((one) => {
    last = one.share ?? last;
    return [`${x(one.at)},${y(last)}`, `${x(one.at + slot)},${y(last)}`];
  });
  return `<polygon points="${x(0)},${y(0)} ${points.join(' ')} ${x(durationMs)},${y(0)}" fill="${SHARE}" fill-opacity="0.22"/><polyline points="${points.join(' ')}" fill="none" stroke="${SHARE}" stroke-width="1.6"/>`;
}

function cellLine({ share, cells, durationMs }: SimulationResult, x: Scale): string {
  if (cells.total === 0) return '';
  const slot = durationMs / share.length;
  const points = share.map((one) => `${x(one.at + slot)},${y(one.openCells / cells.total)}`);
  return `<polyline points="${x(0)},${y(0)} ${points.join(' ')}" fill="none" stroke="${CELLS}" stroke-width="1.2"/>`;
}

function flawBands({ detections, durationMs }: SimulationResult, x: Scale): string {
  const spans = [...new Set(detections.map(({ from, until }) => `${from} ${until ?? durationMs}`))].slice(0, MAX_MARKS);
  return spans
    .map((span) => {
      const [from = 0, until = durationMs] = span.split(' ').map(Number);
      return `<rect x="${x(from)}" y="${TOP}" width="${round(Math.max(1, x(until) - x(from)))}" height="${PLOT}" fill="${FLAW}" fill-opacity="0.55"/>`;
    })
    .join('\n');
}

function marks({ changes }: SimulationResult, x: Scale): string {
  const isBack = ({ kind }: Change): boolean => kind === 'rollback';
  return changes
    .filter(isBack)
    .slice(0, MAX_MARKS)
    .map(({ at, actor, reason }) => {
      const left = x(at);
      return `<path d="M${left - 4} ${TOP - 9}h8l-4 8z" fill="${BACK}"><title>${xml(`${actor}: ${reason}`)}</title></path>`;
    })
    .join('\n');
}

/** Events below the plot, each in the first lane that is free there. */
function eventLanes({ events, durationMs }: SimulationResult, x: Scale, top: number): { svg: string; lanes: number } {
  const ends: number[] = [];
  const parts = events.slice(0, MAX_MARKS).map(({ at, until, kind, what }) => {
    const text = `${kind} ${what}`.trim();
    const [from, to] = [x(at), x(until ?? at)];
    const width = Math.max(to - from, 12 + text.length * 6.2);
    const free = ends.findIndex((end) => end <= from);
    const lane = free < 0 ? ends.length : free;
    ends[lane] = from + width + 8;
    const line = top + lane * LANE;
    // What would run out of the picture is written to the left of its mark.
    const isRight = from + 12 + text.length * 6.2 > WIDTH;
    const bar =
      until === null || at > durationMs
        ? ''
        : `<rect x="${from}" y="${line - 9}" width="${round(Math.max(2, to - from))}" height="12" fill="${EVENT}" fill-opacity="0.25"/>`;
    return `${bar}<line x1="${from}" x2="${from}" y1="${TOP}" y2="${line + 3}" stroke="${EVENT}" stroke-dasharray="2 3"/><text x="${isRight ? from - 5 : from + 5}" y="${line}"${isRight ? ' text-anchor="end"' : ''} fill="${EVENT}">${xml(text)}</text>`;
  });
  return { svg: parts.join('\n'), lanes: ends.length };
}

function timeLabel(ms: number, whole: number): string {
  if (whole >= 172_800_000) return `${round(ms / 86_400_000)} d`;
  if (whole >= 7_200_000) return `${round(ms / 3_600_000)} h`;
  return whole >= 120_000 ? `${round(ms / 60_000)} min` : `${round(ms / 1_000)} s`;
}

function number(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

function round(value: number): number {
  return Number(value.toFixed(1));
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

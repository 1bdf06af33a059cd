import { signal } from '@preact/signals';
import type { JSX, TargetedKeyboardEvent } from 'preact';
import type { CellMap, Status } from '../api/types.ts';
import { CELL_STATES, type CellState } from '../core/cell.ts';
import { CellSheet, openCell, openedCell } from './cell-sheet.tsx';
import { STATE_TEXT } from './cell-states.ts';
import { count, visible } from './format.ts';

const STATE_OF: Readonly<Record<string, CellState>> = {
  o: 'observing',
  p: 'open',
  r: 'renewing',
  h: 'held',
  c: 'closed',
  l: 'latched',
};
const COMPARED_TEXT: Readonly<Record<string, string>> = {
  '0': 'nothing compared',
  '1': 'compared, no mismatch',
  '2': 'has had mismatches',
};
const COMPARED_CLASS: Readonly<Record<string, string>> = { '0': 'unseen', '1': 'alike', '2': 'differs' };

interface Place {
  readonly row: number;
  readonly column: number;
}

/** The one square that the tab key reaches; arrows move it. */
const focused = signal<Place>({ row: 0, column: 0 });
const pointed = signal('');

function textOf(map: CellMap, { row, column }: Place): string {
  const state = STATE_OF[map.states[row]?.[column] ?? '.'];
  const where = `${visible(map.tenants[column]?.tenant ?? '')}, ${visible(map.endpoints[row]?.endpoint ?? '')}`;
  return state === undefined
    ? `${where}: never called`
    : `${where}: ${state}, ${COMPARED_TEXT[map.compared[row]?.[column] ?? '0']}`;
}

const STEPS: Readonly<Record<string, Place>> = {
  ArrowUp: { row: -1, column: 0 },
  ArrowDown: { row: 1, column: 0 },
  ArrowLeft: { row: 0, column: -1 },
  ArrowRight: { row: 0, column: 1 },
  Home: { row: 0, column: -Infinity },
  End: { row: 0, column: Infinity },
};

function moveFocus(event: TargetedKeyboardEvent<HTMLElement>, map: CellMap, from: Place): void {
  const step = STEPS[event.key];
  if (step === undefined) return;
  event.preventDefault();
  const within = (value: number, size: number): number => Math.max(0, Math.min(size - 1, value));
  const to = {
    row: within(from.row + step.row, map.endpoints.length),
    column: within(from.column + step.column, map.tenants.length),
  };
  focused.value = to;
  event.currentTarget.closest('table')?.querySelector<HTMLElement>(`[data-at="${to.row} ${to.column}"]`)?.focus();
}

function Square(props: { map: CellMap; place: Place }): JSX.Element {
  const { map, place } = props;
  const state = STATE_OF[map.states[place.row]?.[place.column] ?? '.'];
  const compared = COMPARED_CLASS[map.compared[place.row]?.[place.column] ?? '0'];
  const text = textOf(map, place);
  // The picture may have shrunk since: the last square then stands in, so that the tab key always finds one.
  const isFocus =
    Math.min(focused.value.row, map.endpoints.length - 1) === place.row &&
    Math.min(focused.value.column, map.tenants.length - 1) === place.column;
  return (
    <button
      type="button"
      class={`cell ${state === undefined ? 'none' : `${state} ${compared}`}`}
      tabIndex={isFocus ? 0 : -1}
      data-at={`${place.row} ${place.column}`}
      aria-label={text}
      aria-disabled={state === undefined}
      onMouseEnter={() => (pointed.value = text)}
      onFocus={() => (pointed.value = text)}
      onKeyDown={(event) => moveFocus(event, map, place)}
      onClick={() => {
        const tenant = map.tenants[place.column]?.tenant;
        const endpoint = map.endpoints[place.row]?.endpoint;
        focused.value = place;
        if (state !== undefined && tenant !== undefined && endpoint !== undefined) openCell({ tenant, endpoint });
      }}
    />
  );
}

function Row(props: { map: CellMap; row: number }): JSX.Element {
  const { map, row } = props;
  const letters = [...(map.states[row] ?? '')];
  const endpoint = visible(map.endpoints[row]?.endpoint ?? '');
  const sums = CELL_STATES.map((state) => ({
    state,
    cells: letters.filter((letter) => STATE_OF[letter] === state).length,
  }))
    .filter(({ cells }) => cells > 0)
    .map(({ state, cells }) => `${cells} ${state}`)
    .join(', ');
  return (
    <tr aria-label={`${endpoint}: ${sums}`} title={`${endpoint}: ${sums}`}>
      <th scope="row">
        <code>{endpoint}</code>
      </th>
      {letters.map((_, column) => (
        <td key={map.tenants[column]?.tenant}>
          <Square map={map} place={{ row, column }} />
        </td>
      ))}
    </tr>
  );
}

function Legend(props: { counts: Status['cells'] }): JSX.Element {
  return (
    <ul class="legend" aria-label="Cells by state">
      {CELL_STATES.map((state) => (
        <li key={state} class={props.counts[state] > 0 ? '' : 'faded'}>
          <span class={`cell ${state} alike`} aria-hidden="true" />
          <strong>{count(props.counts[state])}</strong> {state} <span class="detail">{STATE_TEXT[state]}</span>
        </li>
      ))}
    </ul>
  );
}

function restText({ rest }: CellMap): string {
  const parts = [
    ...(rest.endpoints > 0 ? [`${count(rest.endpoints)} more endpoints`] : []),
    ...(rest.tenants > 0 ? [`${count(rest.tenants)} more tenants`] : []),
  ];
  return parts.length === 0 ? '' : `Not in the picture: ${parts.join(' and ')}, ${count(rest.cells)} cells in all.`;
}

/** Every cell as a square in the colour of its state: endpoints down, tenants across, the busiest first. */
export function CellPicture(props: { map: CellMap; counts: Status['cells'] }): JSX.Element {
  const { map } = props;
  return (
    <section aria-labelledby="cells-title">
      <h2 id="cells-title">Cells by state</h2>
      {map.endpoints.length === 0 ? (
        <p class="detail">No request has come yet.</p>
      ) : (
        <div class="paper">
          <Legend counts={props.counts} />
          <div class="scroll">
            <table class="cells" aria-label="Endpoints down, tenants across, the busiest first">
              <tbody>
                {map.endpoints.map(({ endpoint }, row) => (
                  <Row key={endpoint} map={map} row={row} />
                ))}
              </tbody>
            </table>
          </div>
          <p class="detail pointed">
            {pointed.value === ''
              ? 'Endpoints down, tenants across, the busiest first; a red corner says that there were mismatches, in whatever version. Point at a square, or press it for its sheet.'
              : pointed.value}
          </p>
          {restText(map) !== '' && <p class="detail">{restText(map)}</p>}
        </div>
      )}
      {openedCell.value !== undefined && <CellSheet />}
    </section>
  );
}

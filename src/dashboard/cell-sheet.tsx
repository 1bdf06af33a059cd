import { type Signal, signal } from '@preact/signals';
import type { JSX } from 'preact';
import type { CellView, ProofSheet } from '../api/types.ts';
import { STATE_TEXT } from './cell-states.ts';
import { count, percent, visible } from './format.ts';
import { ApiProblem, call, status } from './live.ts';
import { Bar } from './overview.tsx';
import { Proof } from './proof.tsx';

interface CellName {
  readonly tenant: string;
  readonly endpoint: string;
}

/** The cell whose sheet is open. */
export const openedCell: Signal<CellName | undefined> = signal(undefined);
const view = signal<CellView | undefined>(undefined);
/** Undefined where no evidence is kept, as for what never moves. */
const proof = signal<ProofSheet | undefined>(undefined);
const failure = signal('');

/** Opens the sheet of a cell and loads what is on it. */
export function openCell(name: CellName): void {
  openedCell.value = name;
  view.value = undefined;
  proof.value = undefined;
  failure.value = '';
  const query = new URLSearchParams({ ...name, limit: '1' });
  call<{ items: CellView[] }>('GET', `cells?${query}`).then(({ items }) => {
    if (openedCell.value !== name) return;
    view.value = items[0];
    if (items[0] === undefined) failure.value = 'This cell is no longer counted on its own.';
  }, failed);
  call<ProofSheet>('GET', `proofs/${encodeURIComponent(name.tenant)}/${encodeURIComponent(name.endpoint)}`).then(
    (sheet) => {
      if (openedCell.value === name) proof.value = sheet;
    },
    (error: unknown) => {
      if (!(error instanceof ApiProblem && error.status === 404)) failed(error);
    },
  );
}

function failed(error: unknown): void {
  failure.value = error instanceof Error ? error.message : String(error);
}

function closeCell(): void {
  openedCell.value = undefined;
}

function Counts(props: { cell: CellView }): JSX.Element {
  const { served, verdicts, unverified, parity, dialPpm } = props.cell;
  const { match, ignored, mismatch, inconclusive } = verdicts;
  const total = match + ignored + mismatch + inconclusive;
  const part = (value: number): number => (total === 0 ? 0 : value / total);
  return (
    <dl>
      <dt>Served</dt>
      <dd>
        {count(served.control)} by the control, {count(served.candidate)} by the candidate
      </dd>
      <dt>Dial</dt>
      <dd>{percent(dialPpm / 1_000_000)} may go to the candidate</dd>
      <dt>Compared</dt>
      <dd>
        {count(total)}: {count(match)} match, {count(mismatch)} differ, {count(ignored)} ignored, {count(inconclusive)}{' '}
        inconclusive
        {unverified > 0 && `; ${count(unverified)} sampled but unverified`}
        <Bar
          label={`${count(match)} of ${count(total)} comparisons match`}
          parts={[
            { share: part(match), kind: 'match' },
            { share: part(ignored), kind: 'ignored' },
            { share: part(mismatch), kind: 'mismatch' },
            { share: part(inconclusive), kind: 'inconclusive' },
          ]}
        />
      </dd>
      <dt>Parity</dt>
      <dd class="figure">{percent(parity)}</dd>
    </dl>
  );
}

/** Everything about one cell, over the page; Escape, the button, or a press beside it closes it. */
export function CellSheet(): JSX.Element {
  const name = openedCell.value;
  const cell = view.value;
  return (
    <dialog
      class="sheet"
      closedby="any"
      aria-labelledby="sheet-title"
      ref={(element) => {
        if (element !== null && !element.open) element.showModal();
      }}
      onClose={closeCell}
    >
      <div class="sheet-content">
        <button type="button" class="quiet close" onClick={closeCell}>
          Close
        </button>
        <h2 id="sheet-title">
          <code>{visible(name?.endpoint ?? '')}</code> for {visible(name?.tenant ?? '')}
        </h2>
        {failure.value !== '' && <p role="alert">{failure.value}</p>}
        {cell === undefined ? (
          failure.value === '' && <p class="detail">Loading …</p>
        ) : (
          <>
            <p>
              <span class={`state ${cell.state}`}>{cell.state}</span> {STATE_TEXT[cell.state]}
            </p>
            <Counts cell={cell} />
            <h3>What is missing for a proof</h3>
            <p>{cell.missing === '' ? 'Nothing.' : cell.missing}</p>
            {proof.value !== undefined && <Proof sheet={proof.value} now={status.value?.now ?? proof.value.since} />}
          </>
        )}
      </div>
    </dialog>
  );
}

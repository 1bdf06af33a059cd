import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import type { RankedCluster } from '../api/cluster-types.ts';
import { ago } from './format.ts';
import { markCluster } from './live.ts';

const busy = signal(false);
const outcome = signal('');

type Order = 'accepted' | 'fixed' | 'open' | 'kept';
const ORDERS: Readonly<Record<Order, string>> = {
  kept: 'leave it as it is',
  accepted: 'accept it until a date',
  fixed: 'it is fixed',
  open: 'open it again',
};

function text(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === 'string' ? value.trim() : '';
}

/** Forgets what the form of another cluster said. */
export function resetMark(): void {
  outcome.value = '';
}

function send(cluster: RankedCluster, form: FormData): void {
  const order = text(form, 'state') as Order; // of the list below
  const until = Date.parse(`${text(form, 'until')}T23:59:59`);
  const owner = text(form, 'owner');
  const note = text(form, 'note');
  if (order === 'accepted' && (Number.isNaN(until) || text(form, 'reason') === '')) {
    outcome.value = 'Not done: accepting a difference needs a reason and an end.';
    return;
  }
  busy.value = true;
  markCluster(cluster.id, {
    ...(order === 'kept' ? {} : { state: order }),
    ...(order === 'accepted' ? { until } : {}),
    ...(owner === (cluster.owner ?? '') ? {} : { owner }),
    ...(note === (cluster.note ?? '') ? {} : { note }),
    reason: text(form, 'reason'),
  })
    .then(
      () => {
        outcome.value = 'Written into the journal.';
      },
      (error: unknown) => {
        outcome.value = `Not done: ${error instanceof Error ? error.message : String(error)}`;
      },
    )
    .finally(() => {
      busy.value = false;
    });
}

/** What was said of a cluster, and a form to say more. */
export function ClusterMark(props: { cluster: RankedCluster; now: number }): JSX.Element {
  const { cluster, now } = props;
  const { marked } = cluster;
  return (
    <div class="mark">
      {marked !== undefined && (
        <p class="detail">
          {cluster.state} by {marked.actor} {ago(marked.at, now)}
          {marked.reason === '' ? '' : `: ${marked.reason}`}
          {cluster.until !== undefined && `; until ${new Date(cluster.until).toLocaleDateString()}`}
          {cluster.counts === true && ', counts as a match'}
        </p>
      )}
      <form
        aria-label="What becomes of this difference"
        onSubmit={(event) => {
          event.preventDefault();
          send(cluster, new FormData(event.currentTarget));
        }}
      >
        <label>
          State
          <select name="state">
            {Object.entries(ORDERS).map(([order, name]) => (
              <option key={order} value={order}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          Until
          <input type="date" name="until" />
        </label>
        <label>
          Owner
          <input name="owner" maxLength={100} defaultValue={cluster.owner ?? ''} />
        </label>
        <label class="grow">
          Note
          <input name="note" maxLength={2000} defaultValue={cluster.note ?? ''} />
        </label>
        <label class="grow">
          Reason
          <input name="reason" maxLength={500} />
        </label>
        <button type="submit" disabled={busy.value}>
          Save
        </button>
      </form>
      {outcome.value !== '' && <p role="status">{outcome.value}</p>}
    </div>
  );
}

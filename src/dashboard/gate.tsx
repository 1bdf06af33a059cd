import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import type { RampView } from '../api/ramp-types.ts';
import { visible } from './format.ts';
import { call, update } from './live.ts';

const busy = signal('');
const failed = signal('');

function say(path: 'approve' | 'reject' | 'retire', endpoint: string): void {
  const reason = prompt(`Why ${path} ${endpoint}? It goes into the journal.`);
  if (reason === null) return;
  busy.value = endpoint;
  failed.value = '';
  call('POST', path, { endpoint, reason })
    .catch((error: unknown) => {
      failed.value = error instanceof Error ? error.message : String(error);
    })
    .finally(() => {
      busy.value = '';
      update();
    });
}

/** The gate where a ramp waits, with what was said so far. The page tells no name: where names count, the command line is asked. */
export function Gate(props: { ramp: RampView }): JSX.Element | null {
  const { waits, endpoint, steps, step } = props.ramp;
  const isBusy = busy.value === endpoint;
  if (waits === undefined) {
    if (steps[step]?.kind !== 'retire' || steps[step]?.by !== 'person') return null;
    return (
      <span class="gate">
        <button type="button" class="quiet" disabled={isBusy} onClick={() => say('retire', endpoint)}>
          Retire
        </button>
        {failed.value !== '' && <span role="alert">{failed.value}</span>}
      </span>
    );
  }
  const { gate, needed, approvers, approvals } = waits;
  const isOpenToAll = needed === 1 && approvers.length === 0;
  return (
    <span class="gate">
      gate {visible(gate)}: {approvals.length} of {needed} approved
      {approvals.length > 0 && ` (${approvals.map(({ actor }) => visible(actor)).join(', ')})`}{' '}
      {isOpenToAll ? (
        <button type="button" disabled={isBusy} onClick={() => say('approve', endpoint)}>
          Approve
        </button>
      ) : (
        <code>cutover approve '{visible(endpoint)}'</code>
      )}{' '}
      <button type="button" class="quiet" disabled={isBusy} onClick={() => say('reject', endpoint)}>
        Reject
      </button>
      {failed.value !== '' && <span role="alert">{failed.value}</span>}
    </span>
  );
}

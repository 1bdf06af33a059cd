import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { rollBack, unlatch } from './live.ts';

const asking = signal(false);
const busy = signal(false);
const outcome = signal('');

function run(work: () => Promise<string>): void {
  busy.value = true;
  work()
    .then(
      (text) => {
        outcome.value = text;
      },
      (error: unknown) => {
        outcome.value = `Not done: ${error instanceof Error ? error.message : String(error)}`;
      },
    )
    .finally(() => {
      busy.value = false;
      asking.value = false;
    });
}

/** The red button: what it will do is shown, one click more does it, and the result comes with its time. */
export function RollbackButton(props: { latched: boolean }): JSX.Element {
  return (
    <div class="rollback">
      {outcome.value !== '' && <span role="status">{outcome.value}</span>}
      {props.latched ? (
        <button
          type="button"
          disabled={busy.value}
          onClick={() => run(async () => unlatch('lifted on the page').then(() => 'The latch is lifted.'))}
        >
          Lift the latch
        </button>
      ) : asking.value ? (
        <>
          <span>All traffic back to the control?</span>
          <button
            type="button"
            class="danger"
            disabled={busy.value}
            onClick={() => run(() => rollBack('from the page'))}
          >
            Yes, roll back
          </button>
          <button type="button" class="quiet" onClick={() => (asking.value = false)}>
            Cancel
          </button>
        </>
      ) : (
        <button type="button" class="danger" onClick={() => (asking.value = true)}>
          Roll back
        </button>
      )}
    </div>
  );
}

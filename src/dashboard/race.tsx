import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import type { RaceResult, RaceRunner } from '../api/types.ts';
import type { Side } from '../core/cell.ts';
import { requestActs } from '../core/safe-request.ts';
import { count, milliseconds, visible } from './format.ts';
import { call, cellMap, clusters, loadMismatch } from './live.ts';

const SIDES: readonly Side[] = ['control', 'candidate'];
/** The slower side's bar takes so long to its end; the other's accordingly less. */
const SLOWEST_RUN_MS = 1_400;
/** Below this ratio nobody has won: the next race may end the other way. */
const CLEAR_RATIO = 1.05;

const host = signal('');
const target = signal('/');
const racing = signal(false);
const failure = signal('');
const result = signal<(RaceResult & { readonly of: string }) | undefined>(undefined);
let filled = false;

/** Fills the form once: with a page on which the sides were seen to differ, or the front page of the busiest tenant. */
function fill(): void {
  const tenant = cellMap.value?.tenants[0]?.tenant;
  if (host.value === '' && tenant !== undefined && /^[\w.-]+$/.test(tenant)) host.value = tenant;
  if (filled) return;
  const reads = clusters.value.filter((cluster) => cluster.endpoint.startsWith('GET '));
  // Pages are more to look at than data.
  const example = (reads.find((cluster) => cluster.pathPattern.startsWith('body/html/')) ?? reads[0])?.example;
  if (example === undefined) return;
  filled = true;
  loadMismatch(example).then(
    ({ request }) => {
      const named = request.headers.find(([name]) => name.toLowerCase() === 'host')?.[1];
      // A secret that was taken out of a path leaves a mark that nobody answers to.
      if (named === undefined || request.target.includes('⟦') || requestActs('GET', request.target)) return;
      if (target.value !== '/') return;
      host.value = named;
      target.value = request.target;
    },
    // Only a suggestion: without it the form is filled by hand.
    () => undefined,
  );
}

function run(): void {
  const input = { host: host.value.trim(), target: target.value.trim() };
  racing.value = true;
  failure.value = '';
  call<RaceResult>('POST', 'race', input)
    .then(
      (raced) => {
        result.value = { ...raced, of: `${input.host}${input.target}` };
      },
      (error: unknown) => {
        failure.value = error instanceof Error ? error.message : String(error);
      },
    )
    .finally(() => {
      racing.value = false;
    });
}

function outcome({ control, candidate }: RaceResult): string {
  if (control.status === null && candidate.status === null) return 'Nobody arrived.';
  if (candidate.status === null) return 'Only the control arrived.';
  if (control.status === null) return 'Only the candidate arrived.';
  const [slow, fast] = [Math.max(control.ms, candidate.ms), Math.min(control.ms, candidate.ms)];
  const ratio = fast === 0 ? 1 : slow / fast;
  if (ratio < CLEAR_RATIO) return 'Side by side: no clear winner.';
  return `The ${control.ms < candidate.ms ? 'control' : 'candidate'} wins: ${ratio.toFixed(ratio < 10 ? 2 : 0)} times as fast.`;
}

function Lane(props: { side: Side; runner: RaceRunner; longest: number }): JSX.Element {
  const { side, runner, longest } = props;
  const share = longest === 0 ? 0 : runner.ms / longest;
  return (
    <div class="lane">
      <span>{side}</span>
      <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
        <rect class="empty" width="100" height="10" />
        <rect
          class={`${side} runner`}
          width={share * 100}
          height="10"
          style={{ animationDuration: `${Math.round(share * SLOWEST_RUN_MS)}ms` }}
        />
      </svg>
      <strong>{milliseconds(runner.ms)}</strong>
      <span class="detail">
        {runner.status === null
          ? `no answer: ${runner.failure}`
          : `status ${runner.status}, ${count(runner.bytes)} bytes, first byte after ${milliseconds(runner.firstByteMs)}`}
      </span>
    </div>
  );
}

function Finish(props: { raced: RaceResult & { readonly of: string } }): JSX.Element {
  const { raced } = props;
  const longest = Math.max(raced.control.ms, raced.candidate.ms);
  return (
    <div class="finish">
      {SIDES.map((side) => (
        <Lane key={side} side={side} runner={raced[side]} longest={longest} />
      ))}
      <p class="outcome" role="status">
        <strong>{outcome(raced)}</strong>{' '}
        <span class="detail">
          <code>{visible(raced.of)}</code>, one request each at the same moment;{' '}
          {raced.identical ? 'the same, byte by byte.' : 'the bytes differ, which a time stamp is enough for.'}
        </span>
      </p>
      <div class="frames">
        {SIDES.map((side) => (
          <figure key={side}>
            <figcaption>
              <span class={`dot ${side}`} /> {side}
            </figcaption>
            <iframe sandbox="" src={`/race/${raced.ticket}/${side}`} title={`Answer of the ${side}`} />
          </figure>
        ))}
      </div>
      <p class="detail">
        Shown without script, and without pictures and styles from other addresses: nothing of an answer runs or loads
        anything here.
      </p>
    </div>
  );
}

/** Both sides asked for one page at the same moment: who was first, and both pages beside each other. */
export function Race(): JSX.Element {
  fill();
  return (
    <section aria-labelledby="race-title">
      <h2 id="race-title">Race</h2>
      <div class="paper">
        <form
          class="race"
          onSubmit={(event) => {
            event.preventDefault();
            run();
          }}
        >
          <label for="race-host">Host</label>
          <input
            id="race-host"
            required
            spellcheck={false}
            autocomplete="off"
            value={host.value}
            onInput={(event) => (host.value = event.currentTarget.value)}
          />
          <label for="race-target">Path</label>
          <input
            id="race-target"
            required
            spellcheck={false}
            autocomplete="off"
            value={target.value}
            onInput={(event) => (target.value = event.currentTarget.value)}
          />
          <button type="submit" disabled={racing.value}>
            {racing.value ? 'Racing …' : 'Race'}
          </button>
        </form>
        {failure.value !== '' && <p role="alert">{failure.value}</p>}
        {result.value !== undefined && <Finish key={result.value.ticket} raced={result.value} />}
      </div>
    </section>
  );
}

import type { JSX } from 'preact';
import type { JournalView } from '../api/types.ts';
import { ago, timeOfDay } from './format.ts';

/** The newest changes of who serves. */
export function JournalList(props: { entries: readonly JournalView[]; now: number }): JSX.Element {
  return (
    <section aria-labelledby="journal-title">
      <h2 id="journal-title">Journal</h2>
      <ol class="journal">
        {props.entries.map((entry) => (
          <li key={entry.sequence}>
            <time dateTime={new Date(entry.at).toISOString()} title={timeOfDay(entry.at)}>
              {ago(entry.at, props.now)}
            </time>
            <strong>{entry.action}</strong> <span>{entry.scope}</span>
            <span class="detail">
              {entry.actor}
              {entry.reason === '' ? '' : `: ${entry.reason}`} <code title={entry.hash}>{entry.hash.slice(0, 8)}</code>
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

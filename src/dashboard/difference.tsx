import type { JSX } from 'preact';
import type { Mismatch, StoredObservationView } from '../api/types.ts';
import { alignLines, type LinePair } from './align-lines.ts';
import { milliseconds, visible } from './format.ts';

/** Lines around a difference that are shown with it. */
const CONTEXT_LINES = 3;

function head(observation: StoredObservationView): string {
  if (observation.failure !== undefined) return `no answer: ${observation.failure}`;
  // By name: in which order headers come means nothing, and would only look like a difference.
  const headers = (observation.headers ?? []).map(([name, value]) => `${name.toLowerCase()}: ${value}`).sort();
  return [`HTTP ${observation.status ?? '?'}`, ...headers].join('\n');
}

function Text(props: { children: string | undefined; kind: string }): JSX.Element {
  return <code class={props.kind}>{props.children === undefined ? 'absent' : visible(props.children)}</code>;
}

/** Rows of the alignment near a difference; `undefined` marks where lines were left out. */
function nearDifferences(pairs: readonly LinePair[]): (LinePair | undefined)[] {
  const keep = new Set<number>();
  pairs.forEach((pair, at) => {
    if (pair.same) return;
    for (let near = at - CONTEXT_LINES; near <= at + CONTEXT_LINES; near += 1) keep.add(near);
  });
  const rows: (LinePair | undefined)[] = [];
  pairs.forEach((pair, at) => {
    if (keep.has(at)) rows.push(pair);
    else if (rows.length > 0 && rows.at(-1) !== undefined) rows.push(undefined);
  });
  return rows;
}

function SideBySide(props: { control: string; candidate: string; label: string }): JSX.Element {
  const rows = nearDifferences(alignLines(props.control, props.candidate));
  if (rows.length === 0) return <p class="detail">{props.label}: no line differs.</p>;
  return (
    <div class="scroll">
      <table class="side-by-side" aria-label={props.label}>
        <thead>
          <tr>
            <th scope="col">control: {props.label}</th>
            <th scope="col">candidate: {props.label}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) =>
            row === undefined ? (
              <tr key={at} class="gap">
                <td colSpan={2}>⋯</td>
              </tr>
            ) : (
              <tr key={at} class={row.same ? 'same' : 'differs'}>
                <td>{row.control === undefined ? '' : visible(row.control)}</td>
                <td>{row.candidate === undefined ? '' : visible(row.candidate)}</td>
              </tr>
            ),
          )}
        </tbody>
      </table>
    </div>
  );
}

/** One mismatch: what differs in a list, then both answers beside each other. All of it is text; nothing of an answer is ever markup. */
export function DifferenceView(props: { mismatch: Mismatch }): JSX.Element {
  const { mismatch } = props;
  const against = mismatch.differences.filter(
    (difference) => difference.noise === undefined && difference.ignored === undefined,
  );
  const passed = mismatch.differences.length - against.length;
  return (
    <div class="difference">
      <p>
        <code>
          {mismatch.method} {visible(mismatch.target)}
        </code>{' '}
        for <strong>{visible(mismatch.tenant)}</strong>
        <span class="detail">
          {' '}
          control {milliseconds(mismatch.durationsMs.control)}, candidate {milliseconds(mismatch.durationsMs.candidate)}
          , versions {mismatch.versions.control} and {mismatch.versions.candidate}
          {mismatch.intermittent ? ', not repeated when asked again' : ''}
        </span>
      </p>
      <table class="list">
        <thead>
          <tr>
            <th scope="col">Path</th>
            <th scope="col">Kind</th>
            <th scope="col">Control</th>
            <th scope="col">Candidate</th>
          </tr>
        </thead>
        <tbody>
          {against.map((difference) => (
            <tr key={`${difference.path} ${difference.kind}`}>
              <th scope="row">
                <code>{visible(difference.path)}</code>
              </th>
              <td>
                <span class={`kind ${difference.kind}`}>{difference.kind}</span>
              </td>
              <td>
                <Text kind="control">{difference.control}</Text>
              </td>
              <td>
                <Text kind="candidate">{difference.candidate}</Text>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {passed > 0 && (
        <p class="detail">{passed} more differences are noise that passed its check, or ignored by a rule.</p>
      )}
      <SideBySide label="head" control={head(mismatch.control)} candidate={head(mismatch.candidate)} />
      {(mismatch.control.body !== undefined || mismatch.candidate.body !== undefined) && (
        <SideBySide label="body" control={mismatch.control.body ?? ''} candidate={mismatch.candidate.body ?? ''} />
      )}
      <p class="detail">
        Reproduce it from your machine: <code>cutover repro {mismatch.id}</code>
      </p>
    </div>
  );
}

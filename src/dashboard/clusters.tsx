import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import type { ClusterView, Mismatch } from '../api/types.ts';
import { DifferenceView } from './difference.tsx';
import { ago, count, visible } from './format.ts';
import { loadMismatch } from './live.ts';

const opened = signal<string | undefined>(undefined);
const example = signal<Mismatch | undefined>(undefined);
const failure = signal('');

function toggle(cluster: ClusterView): void {
  example.value = undefined;
  failure.value = '';
  if (opened.value === cluster.id) {
    opened.value = undefined;
    return;
  }
  opened.value = cluster.id;
  loadMismatch(cluster.example).then(
    (mismatch) => {
      if (opened.value === cluster.id) example.value = mismatch;
    },
    (error: unknown) => {
      failure.value = error instanceof Error ? error.message : String(error);
    },
  );
}

function Row(props: { cluster: ClusterView; now: number }): JSX.Element {
  const { cluster } = props;
  const isOpen = opened.value === cluster.id;
  return (
    <li class={isOpen ? 'open' : ''}>
      <button type="button" class="cluster" aria-expanded={isOpen} onClick={() => toggle(cluster)}>
        <span class="count">{count(cluster.count)}</span>
        <span class="what">
          <code>{cluster.endpoint}</code> <code class="path">{cluster.pathPattern}</code>
        </span>
        <span class={`kind ${cluster.kind}`}>{cluster.kind}</span>
        <span class="values">
          <span class="control">{visible(cluster.difference.control ?? 'absent')}</span>
          <span> → </span>
          <span class="candidate">{visible(cluster.difference.candidate ?? 'absent')}</span>
        </span>
        <span class="detail">
          {count(cluster.tenants)} {cluster.tenants === 1 ? 'tenant' : 'tenants'}, last{' '}
          {ago(cluster.lastSeen, props.now)}
        </span>
      </button>
      {isOpen && failure.value !== '' && <p role="alert">{failure.value}</p>}
      {isOpen && example.value !== undefined && <DifferenceView mismatch={example.value} />}
    </li>
  );
}

/** What differs, by cause, the most frequent first; each opens an example. */
export function ClusterList(props: { clusters: readonly ClusterView[]; now: number }): JSX.Element {
  return (
    <section aria-labelledby="clusters-title">
      <h2 id="clusters-title">Differences by cause</h2>
      {props.clusters.length === 0 ? (
        <p class="detail">No difference has been found yet.</p>
      ) : (
        <ol class="clusters">
          {props.clusters.map((cluster) => (
            <Row key={cluster.id} cluster={cluster} now={props.now} />
          ))}
        </ol>
      )}
    </section>
  );
}

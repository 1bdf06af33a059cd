import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import type { RankedCluster } from '../api/cluster-types.ts';
import type { Mismatch } from '../api/types.ts';
import { ClusterMark, resetMark } from './cluster-mark.tsx';
import { DifferenceView } from './difference.tsx';
import { ago, count, percent, visible } from './format.ts';
import { clusterFilter, loadMismatch, showClusters, unlock } from './live.ts';

const opened = signal<string | undefined>(undefined);
const example = signal<Mismatch | undefined>(undefined);
const failure = signal('');

function toggle(cluster: RankedCluster): void {
  resetMark();
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

function Row(props: { cluster: RankedCluster; now: number }): JSX.Element {
  const { cluster } = props;
  const isOpen = opened.value === cluster.id;
  const isNext =
    unlock.value?.plans
      .filter(({ fixes }) => fixes <= 3)
      .at(-1)
      ?.clusters.includes(cluster.id) === true;
  return (
    <li class={`${isOpen ? 'open' : ''} ${isNext ? 'next' : ''}`}>
      <button type="button" class="cluster" aria-expanded={isOpen} onClick={() => toggle(cluster)}>
        <span class="count">{count(cluster.count)}</span>
        <span class="what">
          <code>{cluster.endpoint}</code>
          {cluster.endpoints.length > 1 && <span class="detail"> and {cluster.endpoints.length - 1} more</span>}{' '}
          <code class="path">{cluster.pathPattern}</code>
        </span>
        <span class="kinds">
          <span class={`kind ${cluster.kind}`}>{cluster.kind}</span>
          {badgeOf(cluster) !== '' && <span class={`badge ${cluster.state}`}>{badgeOf(cluster)}</span>}
        </span>
        <span class="values">
          <span class="control">{visible(cluster.difference.control ?? 'absent')}</span>
          <span> → </span>
          <span class="candidate">{visible(cluster.difference.candidate ?? 'absent')}</span>
        </span>
        <span class="detail">
          {standingOf(cluster)}
          {count(cluster.tenants)} {cluster.tenants === 1 ? 'tenant' : 'tenants'}, last{' '}
          {ago(cluster.lastSeen, props.now)}
          {cluster.owner !== undefined && `, ${cluster.owner}`}
        </span>
      </button>
      {isOpen && (
        <>
          {cluster.endpoints.length > 1 && (
            <p class="detail">
              Seen at {cluster.endpoints.map(({ endpoint, count: seen }) => `${endpoint} (${count(seen)})`).join(', ')}
            </p>
          )}
          {cluster.note !== undefined && <p>{visible(cluster.note)}</p>}
          <ClusterMark cluster={cluster} now={props.now} />
        </>
      )}
      {isOpen && failure.value !== '' && <p role="alert">{failure.value}</p>}
      {isOpen && example.value !== undefined && <DifferenceView mismatch={example.value} />}
    </li>
  );
}

/** New with the present version, or what people made of it; nothing for one that is just open. */
function badgeOf({ state, isNew, firstVersion }: RankedCluster): string {
  if (state !== 'open') return state;
  return isNew ? `new in ${firstVersion}` : '';
}

function standingOf({ opens, blocks }: RankedCluster): string {
  const cells = (n: number): string => `${count(n)} ${n === 1 ? 'cell' : 'cells'}`;
  if (opens.cells > 0) return `fixing it opens ${cells(opens.cells)}, +${percent(opens.share)}; `;
  return blocks.cells > 0 ? `in the way of ${cells(blocks.cells)}, ${percent(blocks.share)}; ` : '';
}

const FILTERS = ['all', 'open', 'returned', 'accepted', 'fixed'] as const;

/** What differs, by cause, in the order in which to look at it; each opens an example. */
export function ClusterList(props: { clusters: readonly RankedCluster[]; now: number }): JSX.Element {
  return (
    <section aria-labelledby="clusters-title">
      <h2 id="clusters-title">Differences by cause</h2>
      <fieldset class="filters" aria-label="Clusters shown">
        {FILTERS.map((state) => (
          <button
            key={state}
            type="button"
            class="quiet"
            aria-pressed={clusterFilter.value === state}
            onClick={() => {
              showClusters(state).catch(() => undefined); // the next refresh tells what is wrong
            }}
          >
            {state}
          </button>
        ))}
      </fieldset>
      {props.clusters.length === 0 ? (
        <p class="detail">
          {clusterFilter.value === 'all'
            ? 'No difference has been found yet.'
            : `No cluster is ${clusterFilter.value}.`}
        </p>
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

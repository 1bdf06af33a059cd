import type { Settings } from '../config/settings.ts';
import { ClusterDesk } from '../controller/cluster-desk.ts';
import { ClusterDoor } from '../controller/cluster-door.ts';
import type { Controller } from '../controller/controller.ts';
import type { Ledger } from '../controller/ledger.ts';
import type { MovementView } from '../controller/movement-views.ts';
import type { Clock, Cluster, Store } from '../core/ports.ts';
import type { Events } from '../telemetry/events.ts';
import type { Verifier } from '../verifier/verifier.ts';
import { rulesFingerprint } from './start-mover.ts';

/** Stored clusters taken over at a start; as many as are told apart. */
const MOST_CLUSTERS = 10_000;

/** What becomes of clusters, and the door through which it is asked and told. */
export function createClusters(parts: {
  readonly settings: Settings;
  readonly controller: Controller;
  readonly ledger: Ledger;
  readonly events: Events;
  readonly clock: Clock;
  /** There once everything is. */
  readonly verifier: () => Pick<Verifier, 'clusters' | 'cluster'>;
  readonly movement: MovementView;
  readonly onRules: (fingerprint: string) => void;
  readonly saved: ReadonlyMap<string, unknown>;
}): { readonly desk: ClusterDesk; readonly door: ClusterDoor } {
  const { settings, controller, ledger, events, clock, verifier, movement, onRules, saved } = parts;
  const desk = new ClusterDesk({
    controller,
    events,
    clock,
    cluster: (id) => verifier().cluster(id),
    movement,
    rules: () => rulesFingerprint(settings),
    onRules,
    maxCells: settings.limits.cells,
    saved,
  });
  const door = new ClusterDoor(desk, () => ({
    clusters: verifier().clusters(),
    ledger,
    table: controller.table,
    movement,
    now: clock.now(),
  }));
  return { desk, door };
}

/** All stored clusters, page by page; the book that takes them has a bound of its own. */
export async function everyCluster(store: Pick<Store, 'clusters'>): Promise<readonly Cluster[]> {
  const clusters: Cluster[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.clusters({ limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
    clusters.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined && clusters.length < MOST_CLUSTERS);
  return clusters;
}

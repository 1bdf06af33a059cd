import {
  MISTAKES,
  type Mistake,
  RELEASES,
  type Release,
  TRACES,
  type Trace,
} from '../../examples/storefront/releases.ts';
import type { TrafficReport } from '../../examples/storefront/traffic.ts';
import type { CellView, ClusterView } from '../api/types.ts';
import { isOpened, isPromotion, isRetreat, isUrgent, type Movement } from './demo-movement.ts';
import type { Deployed } from './demo-story.ts';

/** What the story came to. */
export interface Outcome {
  readonly releases: readonly string[];
  /** By state, of the cells that had traffic. */
  readonly cells: Readonly<Record<string, number>>;
  /** Endpoints with cells that the candidate serves: how many it has, and how many of them are open or renewing. */
  readonly opened: readonly { readonly endpoint: string; readonly cells: number; readonly open: number }[];
  /** Changes that gave the candidate more, or took from it by evidence, or at once (tripwires and people). From the journal. */
  readonly promotions: number;
  readonly demotions: number;
  readonly rollbacks: number;
  /** Mistakes of the releases before the bad one that were deployed: whether a cluster shows them. */
  readonly plantedBugs: { readonly found: readonly Mistake[]; readonly missed: readonly Mistake[] };
  /** Cells that opened while a mistake was live at their endpoint. */
  readonly openedWhileBroken: number;
  /** Null where the demo ended before it. */
  readonly badDeployment: BadDeployment | null;
  /** Whether visitors were served the endpoint by a release after the bad one. */
  readonly movedAgain: boolean;
}

export interface BadDeployment {
  readonly version: string;
  /**
   * From the first wrong answer (that a visitor got, or that was compared) until traffic was taken back and no visitor got
   * one any more. Null: there was none, or it never was taken back.
   */
  readonly detectedAfterMs: number | null;
  /** Visitors who saw a wrong answer, as they say, and how many answers that were. */
  readonly clientsHurt: number;
  readonly wrongAnswers: number;
}

/** What is known when the demo ends. */
export interface Facts {
  readonly deployed: readonly Deployed[];
  readonly movements: readonly Movement[];
  readonly cells: readonly Pick<CellView, 'endpoint' | 'state'>[];
  readonly clusters: readonly Pick<ClusterView, 'endpoint' | 'pathPattern' | 'firstVersion' | 'firstSeen'>[];
  readonly traffic: Pick<TrafficReport, 'wrong' | 'productPages'>;
}

/** Of the release that goes wrong after traffic has moved. Who fails is not seen by clients: the control answers then. */
const BAD: readonly Mistake[] = ['price-in-cents', 'sold-out-fails'];
/** A round of the controller takes a second, and answers of the release before are on their way a little longer. */
const UNDER_WAY_MS = 2_000;

export function outcomeOf(facts: Facts): Outcome {
  const { deployed, movements, cells } = facts;
  const live = (mistake: Mistake): boolean => deployed.some(({ release }) => makes(release, mistake));
  const planted = MISTAKES.filter((mistake) => !BAD.includes(mistake) && live(mistake));
  const found = planted.filter((mistake) => isFound(mistake, facts));
  return {
    releases: deployed.map(({ release }) => release.version),
    cells: countBy(cells.map(({ state }) => state)),
    opened: openedEndpoints(cells),
    promotions: movements.filter(isPromotion).length,
    demotions: movements.filter((one) => isRetreat(one) && !isUrgent(one)).length,
    rollbacks: movements.filter((one) => isRetreat(one) && isUrgent(one)).length,
    plantedBugs: { found, missed: planted.filter((mistake) => !found.includes(mistake)) },
    openedWhileBroken: openedWhileBroken(facts),
    badDeployment: badDeployment(facts),
    movedAgain: movedAgain(facts),
  };
}

function makes(release: Release, mistake: Mistake): boolean {
  return release.mistakes.includes(mistake);
}

function isBad(release: Release): boolean {
  return release.mistakes.some((mistake) => BAD.includes(mistake));
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function openedEndpoints(cells: Facts['cells']): Outcome['opened'] {
  const endpoints = [...new Set(cells.map(({ endpoint }) => endpoint))];
  return endpoints
    .map((endpoint) => {
      const own = cells.filter((cell) => cell.endpoint === endpoint);
      return { endpoint, cells: own.length, open: own.filter(({ state }) => isServing(state)).length };
    })
    .filter(({ open }) => open > 0)
    .sort((a, b) => b.open - a.open);
}

function isServing(state: string): boolean {
  return state === 'open' || state === 'renewing';
}

/** A cluster at its endpoint and place that first appeared in a release which makes the mistake. */
function isFound(mistake: Mistake, { clusters, deployed }: Facts): boolean {
  const versions = deployed.filter(({ release }) => makes(release, mistake)).map(({ release }) => release.version);
  return clusters.some((cluster) => isTraced(TRACES[mistake], cluster) && versions.includes(cluster.firstVersion));
}

function isTraced(
  { endpoints, path }: Trace,
  cluster: { readonly endpoint: string; readonly pathPattern: string },
): boolean {
  return endpoints.includes(cluster.endpoint) && path.test(cluster.pathPattern);
}

/**
 * Every mistake hits at least a tenth of its endpoint's requests (`releases.test.ts` holds that), so every cell there counts
 * that opened on the proof of a release which makes it, or while one was deployed.
 */
function openedWhileBroken({ movements, deployed }: Facts): number {
  const brokenAt = (endpoint: string, release: Release): boolean =>
    release.mistakes.some((mistake) => TRACES[mistake].endpoints.includes(endpoint));
  const opened = movements.flatMap((movement) => movement.cells.map((cell) => ({ ...cell, at: movement.at })));
  return opened.filter((cell) => {
    if (cell.after !== 'open') return false;
    const proven = RELEASES.find(({ version }) => version === cell.provenUnder);
    if (proven !== undefined && brokenAt(cell.endpoint, proven)) return true;
    const running = deployed.findLast(({ at }) => at <= cell.at);
    if (running === undefined || !brokenAt(cell.endpoint, running.release)) return false;
    // Opened on answers of the release before, which was right.
    return isOpened(cell) && cell.at - running.at > UNDER_WAY_MS;
  }).length;
}

function badDeployment({ deployed, movements, clusters, traffic }: Facts): BadDeployment | null {
  const bad = deployed.find(({ release }) => isBad(release));
  if (bad === undefined) return null;
  const { version } = bad.release;
  const traces = BAD.map((mistake) => TRACES[mistake]);
  const endpoints = traces.flatMap((trace) => trace.endpoints);
  const compared = clusters
    .filter((cluster) => cluster.firstVersion === version && traces.some((trace) => isTraced(trace, cluster)))
    .map(({ firstSeen }) => firstSeen);
  const { wrong } = traffic;
  const firstAt = Math.min(...compared, ...(wrong.firstAt === null ? [] : [wrong.firstAt]));
  const takenBack = movements.find(
    (movement) => movement.at >= bad.at && isRetreat(movement) && concerns(movement, endpoints),
  );
  const isKnown = Number.isFinite(firstAt) && takenBack !== undefined;
  const overAt = Math.max(takenBack?.at ?? 0, wrong.lastAt ?? 0);
  return {
    version,
    detectedAfterMs: isKnown ? Math.max(0, overAt - firstAt) : null,
    clientsHurt: wrong.visitors,
    wrongAnswers: wrong.answers,
  };
}

function concerns({ cells, dials, isLatch }: Movement, endpoints: readonly string[]): boolean {
  return (
    isLatch ||
    cells.some(({ endpoint }) => endpoints.includes(endpoint)) ||
    dials.some(({ scope }) => endpoints.includes(scope))
  );
}

function movedAgain({ deployed, traffic }: Facts): boolean {
  const bad = deployed.findIndex(({ release }) => isBad(release));
  if (bad < 0) return false;
  return deployed.slice(bad + 1).some(({ release }) => (traffic.productPages[release.version] ?? 0) > 0);
}

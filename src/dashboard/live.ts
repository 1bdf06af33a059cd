import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { ClusterInput, RankedCluster, UnlockView } from '../api/cluster-types.ts';
import type { EndpointPowerView } from '../api/power-types.ts';
import type { RampView } from '../api/ramp-types.ts';
import type { ComparisonView } from '../api/recording-types.ts';
import type { CellMap, Endpoint, JournalView, Mismatch, Problem, Status } from '../api/types.ts';
import { notePoint } from './parity-line.tsx';

/**
 * The page's picture of a running Cutover: fetched on signing in, then kept fresh by server-sent events,
 * with a slow poll behind them in case a proxy between swallows the stream.
 */
export const status: Signal<Status | undefined> = signal(undefined);
export const endpoints: Signal<readonly Endpoint[]> = signal([]);
export const clusters: Signal<readonly RankedCluster[]> = signal([]);
/** Which clusters are listed; all: those of every state. */
export const clusterFilter: Signal<RankedCluster['state'] | 'all'> = signal('all');
/** What fixing a few clusters would open. */
export const unlock: Signal<UnlockView | undefined> = signal(undefined);
export const journal: Signal<readonly JournalView[]> = signal([]);
/** Undefined until it came first. */
export const cellMap: Signal<CellMap | undefined> = signal(undefined);
export const ramps: Signal<readonly RampView[]> = signal([]);
/** The rules in force, and what is found at each endpoint under them; those with the least power first. */
export const rules: Signal<ComparisonView['rules']> = signal([]);
export const powers: Signal<readonly EndpointPowerView[]> = signal([]);
/** `connecting`, `live`, `lost` (keeps trying), or `signed-out`. */
export const connection: Signal<'connecting' | 'live' | 'lost' | 'signed-out'> = signal('connecting');
/** What went wrong last, as a sentence. */
export const trouble: Signal<string> = signal('');
export const token: Signal<string> = signal('');
export const signedIn: ReadonlySignal<boolean> = computed(
  () => token.value !== '' && connection.value !== 'signed-out',
);

const TOKEN_KEY = 'cutover-token';
const POLL_MS = 5_000;
/** Power changes slowly, and its lists are long. */
const POWER_MS = 15_000;
const RETRY_MS = 2_000;
let stream: AbortController | undefined;

/** Thrown for every answer that is not a success; `message` is the problem's detail. */
export class ApiProblem extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Calls the control API and gives its JSON. */
export async function call<T>(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T> {
  const response = await fetch(`/api/v1/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token.value}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) {
    const problem = (await response.json().catch(() => undefined)) as Partial<Problem> | undefined; // checked field by field below
    if (response.status === 401) connection.value = 'signed-out';
    throw new ApiProblem(
      response.status,
      [problem?.detail ?? response.statusText, problem?.hint ?? ''].join(' ').trim(),
    );
  }
  return (await response.json()) as T; // the server validates its answers against the same types
}

async function refresh(): Promise<void> {
  const filter = clusterFilter.value === 'all' ? '' : `&state=${clusterFilter.value}`;
  const [newStatus, newEndpoints, newClusters, newUnlock, newJournal, newCellMap, newRamps] = await Promise.all([
    call<Status>('GET', 'status'),
    call<{ items: Endpoint[] }>('GET', 'endpoints?limit=200'),
    call<{ items: RankedCluster[] }>('GET', `clusters?limit=50${filter}`),
    call<UnlockView>('GET', 'unlock'),
    call<{ items: JournalView[] }>('GET', 'journal?limit=15'),
    call<CellMap>('GET', 'cell-map'),
    call<{ items: RampView[] }>('GET', 'ramps?limit=200'),
  ]);
  status.value = newStatus;
  notePoint(newStatus.now, newStatus.parity);
  endpoints.value = newEndpoints.items;
  clusters.value = newClusters.items;
  unlock.value = newUnlock;
  journal.value = newJournal.items;
  cellMap.value = newCellMap;
  ramps.value = newRamps.items;
  await refreshPower();
  trouble.value = '';
}

let powerAt = Number.NEGATIVE_INFINITY;
/** Rules and power, if they were not asked for lately. */
async function refreshPower(): Promise<void> {
  if (performance.now() - powerAt < POWER_MS) return;
  powerAt = performance.now();
  const [comparison, power] = await Promise.all([
    call<ComparisonView>('GET', 'comparison'),
    call<{ items: EndpointPowerView[] }>('GET', 'power?limit=200'),
  ]);
  rules.value = comparison.rules;
  powers.value = power.items.sort((a, b) => (a.power ?? 2) - (b.power ?? 2));
}

/** Loads a mismatch with both answers. */
export function loadMismatch(id: string): Promise<Mismatch> {
  return call<Mismatch>('GET', `mismatches/${encodeURIComponent(id)}`);
}

/** Lists clusters of one state only, or of all. */
export async function showClusters(state: RankedCluster['state'] | 'all'): Promise<void> {
  clusterFilter.value = state;
  await refresh();
}

/** Says what becomes of a cluster. */
export async function markCluster(id: string, change: Partial<ClusterInput>): Promise<void> {
  await call('POST', `clusters/${encodeURIComponent(id)}`, change);
  await refresh();
}

/** Takes everything back to the control; gives the sentence to show. */
export async function rollBack(reason: string): Promise<string> {
  const result = await call<{ effectiveMs: number; inFlight: number }>('POST', 'rollback', { scope: {}, reason });
  await refresh();
  return `Rolled back in ${result.effectiveMs.toFixed(1)} ms; ${result.inFlight} requests were still in flight on the candidate.`;
}

/** Lifts the latch over everything. */
export async function unlatch(reason: string): Promise<void> {
  await call('DELETE', 'latch', { scope: {}, reason });
  await refresh();
}

/** Signs in with a token and keeps it for this tab. */
export function signIn(value: string): void {
  token.value = value.trim();
  sessionStorage.setItem(TOKEN_KEY, token.value);
  connection.value = 'connecting';
  follow();
}

export function signOut(): void {
  sessionStorage.removeItem(TOKEN_KEY);
  token.value = '';
  stream?.abort();
  connection.value = 'signed-out';
}

/** Starts the page: a token in the address's fragment (which is never sent to a server) is taken and removed from it. */
export function connect(): void {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given !== null) history.replaceState(null, '', location.pathname);
  const known = given ?? sessionStorage.getItem(TOKEN_KEY) ?? '';
  if (known === '') connection.value = 'signed-out';
  else signIn(known);
  setInterval(() => {
    if (signedIn.value) update();
  }, POLL_MS);
}

let updating = false;
/** One refresh at a time; events that come meanwhile are served by the next. */
export function update(): void {
  if (updating) return;
  updating = true;
  refresh()
    .catch((error: unknown) => {
      trouble.value = error instanceof Error ? error.message : String(error);
    })
    .finally(() => {
      updating = false;
    });
}

/** Reads the event stream by fetch, so that the token travels in a header and never in an address. */
function follow(): void {
  stream?.abort();
  const mine = new AbortController();
  stream = mine;
  const listen = async (): Promise<void> => {
    await refresh();
    connection.value = 'live';
    const response = await fetch('/api/v1/events', {
      headers: { authorization: `Bearer ${token.value}` },
      signal: mine.signal,
    });
    if (!response.ok || response.body === null) throw new ApiProblem(response.status, response.statusText);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      // What an event says is fetched anew: the page never shows half of a change.
      if (value.includes('event:')) update();
    }
  };
  listen()
    .catch((error: unknown) => {
      if (!mine.signal.aborted) trouble.value = error instanceof Error ? error.message : String(error);
    })
    .finally(() => {
      if (mine.signal.aborted || connection.value === 'signed-out') return;
      connection.value = 'lost';
      setTimeout(() => {
        if (!mine.signal.aborted) follow();
      }, RETRY_MS);
    });
}

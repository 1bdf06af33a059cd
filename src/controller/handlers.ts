import type { z } from 'zod';
import type { RankedCluster } from '../api/cluster-types.ts';
import type { FleetView, RollbackProxies } from '../api/fleet-types.ts';
import { openApiDocument } from '../api/openapi.ts';
import type { Changed, purged, Readiness, ROUTES, RouteName } from '../api/routes.ts';
import type { PinView } from '../api/types.ts';
import { cellKey, type Side, type TenantId } from '../core/cell.ts';
import { dialsOf, presentPpm } from '../core/control-model.ts';
import type { Clock, Random, Store } from '../core/ports.ts';
import type { Pin } from '../core/routing.ts';
import type { Registry } from '../telemetry/registry.ts';
import { cellMapView } from './cell-map.ts';
import type { ClusterDoor } from './cluster-door.ts';
import type { Controller, OrdinaryCommand } from './controller.ts';
import { changedView, endpointId, tenantId, toScope } from './handler-parts.ts';
import type { Ledger } from './ledger.ts';
import { cellPage, endpointViews, statusView, type ViewSources } from './ledger-views.ts';
import type { LiveView } from './live-view.ts';
import type { MovementView } from './movement-views.ts';
import type { NoticeDoor } from './notice-door.ts';
import { type PlanDoor, planHandlers } from './plan-door.ts';
import { powerViews } from './power-views.ts';
import { ApiError, rejection } from './problems.ts';
import type { Races } from './race.ts';
import { type RampSteering, rampHandlers, refuseFrozen } from './ramp-handlers.ts';
import { journalView, mismatchSummaryView, mismatchView, recordingView } from './stored-views.ts';

/** What deleting a tenant's traffic came to: the rest of what the API answers with. */
export type PurgeDone = Omit<z.infer<typeof purged>, keyof Changed>;

export interface HandlerSources {
  readonly controller: Controller;
  readonly ledger: Ledger;
  readonly store: Pick<Store, 'journal' | 'mismatches' | 'mismatch' | 'recordings'>;
  readonly clusters: ClusterDoor;
  readonly registry: Registry;
  readonly live: LiveView;
  readonly races: Races;
  /** Resolves when what was compared so far is in the store, or was refused by it. */
  readonly written: () => Promise<void>;
  /** Deletes what was kept of a tenant's traffic, also what is on its way to the store. */
  readonly purge: (tenant: TenantId) => Promise<PurgeDone>;
  /** Moving by evidence; absent: nothing moves by itself. */
  readonly movement?: MovementSources;
  /** The processes that serve, where this one does not do so itself. */
  readonly fleet?: FleetDoor;
  /** Telling people; absent: nobody is told. */
  readonly notices?: NoticeDoor;
  /** Plans; absent: the process was started without the text of one. */
  readonly plan?: PlanDoor;
  readonly clock: Clock;
  readonly random: Random;
}

/** The fleet whose controller this is. */
export interface FleetDoor {
  look(): FleetView;
  /** Who obeys a revision; resolves once all do, or after a bounded wait. */
  acknowledged(revision: number): Promise<RollbackProxies>;
}

/** What shows and steers moving by evidence. */
export interface MovementSources {
  readonly view: MovementView;
  /** A deployment is in the journal. */
  deployed(side: Side, version: string): void;
  /** undefined until the controller has started. */
  steering(): RampSteering | undefined;
}

type RouteTable = typeof ROUTES;
type Part<R, Key extends string> = R extends { readonly [K in Key]: infer T extends z.ZodType }
  ? z.output<T>
  : undefined;
/** Routes that the server answers itself, because their answer is no JSON value. */
type Special = 'events' | 'openapi' | 'metrics';

/** A request after everything about it was checked. */
export interface Call<N extends RouteName> {
  readonly params: Part<RouteTable[N], 'params'>;
  readonly query: Part<RouteTable[N], 'query'>;
  readonly body: Part<RouteTable[N], 'body'>;
  readonly actor: string;
}

type Answer<N extends RouteName> = Part<RouteTable[N], 'output'>;
export type Handlers = {
  readonly [N in Exclude<RouteName, Special>]: (call: Call<N>) => Promise<Answer<N>> | Answer<N>;
};

/** One function per route: from a checked request to the answer's value. Everything that is wrong is thrown as ApiError. */
export function createHandlers(sources: HandlerSources): Handlers {
  return {
    ...viewHandlers(sources),
    ...storedHandlers(sources),
    ...clusterHandlers(sources),
    ...commandHandlers(sources),
    ...movementHandlers(sources),
    ...rampHandlers(sources),
    ...noticeHandlers(sources),
    ...planHandlers(sources.plan),
    ...probeHandlers(sources),
  };
}

/** What views are made of, now. */
export function viewSources({ controller, ledger, live, clock, movement }: HandlerSources): ViewSources {
  const base = { ledger, live, table: controller.table, now: clock.now() };
  return movement === undefined ? base : { ...base, movement: movement.view };
}

function viewHandlers(
  sources: HandlerSources,
): Pick<Handlers, 'status' | 'endpoints' | 'cells' | 'cellMap' | 'dials' | 'latches' | 'pins' | 'explain' | 'race'> {
  const { controller, live } = sources;
  return {
    status: () => statusView(viewSources(sources)),
    endpoints: ({ query }) => listPage(endpointViews(viewSources(sources)), query, (one) => one.endpoint),
    cells: ({ query }) => {
      const after = query.cursor === undefined ? 0 : wholeNumber(query.cursor);
      const { items, next } = cellPage(viewSources(sources), { ...query, after });
      return next === undefined ? { items } : { items, next: String(next) };
    },
    cellMap: () => cellMapView(viewSources(sources)),
    dials: ({ query }) => {
      const dials = [...dialsOf(controller.state)].map(([key, dial]) => ({
        key,
        view: { scope: dial.scope, dialPpm: dial.dialPpm },
      }));
      return viewPage(dials, query);
    },
    latches: ({ query }) => {
      const latches = [...controller.state.latches].map(([key, { scope, at, actor, reason }]) => ({
        key,
        view: { scope, at, actor, reason },
      }));
      return viewPage(latches, query);
    },
    pins: ({ query }) =>
      viewPage(
        [...controller.state.pins]
          .filter(([, { until }]) => until === undefined || until > sources.clock.now())
          .map(([key, pin]) => ({ key, view: pinView(key, pin) })),
        query,
      ),
    explain: ({ body }) => live.explain(body),
    race: ({ body }) => sources.races.run(body),
  };
}

function pinView(id: string, { scope, side, at, actor, reason, until }: Pin): PinView {
  return { id, scope, side, at, actor, reason, ...(until === undefined ? {} : { until }) };
}

function storedHandlers({
  store,
  live,
  written,
}: HandlerSources): Pick<
  Handlers,
  'mismatches' | 'mismatch' | 'recordings' | 'comparison' | 'noise' | 'power' | 'journal' | 'journalHead'
> {
  return {
    mismatches: async ({ query: { endpoint, tenant, cluster, ...page } }) => {
      const found = await store.mismatches({
        ...page,
        ...(cluster === undefined ? {} : { cluster }),
        ...mismatchScope(endpoint, tenant),
      });
      return { ...found, items: found.items.map(mismatchSummaryView) };
    },
    mismatch: async ({ params: { id } }) => {
      const known = await store.mismatch(id);
      // Watchers hear of a mismatch before it is written: it may be on its way.
      if (known === undefined) await written();
      return mismatchView(known ?? (await store.mismatch(id)) ?? notFound(`There is no mismatch ${id}, or no longer.`));
    },
    recordings: async ({ query: { endpoint, ...page } }) => {
      const found = await store.recordings({
        ...page,
        ...(endpoint === undefined ? {} : { endpoint: endpointId(endpoint) }),
      });
      return { ...found, items: found.items.map(recordingView) };
    },
    comparison: () => live.comparison(),
    noise: ({ query }) =>
      viewPage(
        [...live.learned()].map(([key, snapshot]) => ({
          key: key as string,
          view: { endpoint: key as string, snapshot },
        })),
        query,
      ),
    power: ({ query }) => listPage(powerViews(live), query, (one) => one.endpoint),
    journal: async ({ query }) => {
      const found = await store.journal(query);
      return { ...found, items: found.items.map(journalView) };
    },
    journalHead: async () => {
      const { items } = await store.journal({ limit: 1 });
      const { sequence, at, hash } = items[0] ?? notFound('The journal is empty.');
      return { sequence, at, hash };
    },
  };
}

function clusterHandlers({
  clusters,
  controller,
}: HandlerSources): Pick<Handlers, 'clusters' | 'cluster' | 'markCluster' | 'unlock'> {
  const one = (id: string): RankedCluster => clusters.find(id) ?? notFound(`There is no cluster ${id}.`);
  return {
    clusters: ({ query: { endpoint, state, ...page } }) =>
      rankPage(
        clusters
          .picture()
          .ranked.filter(
            (found) =>
              (state === undefined || found.state === state) &&
              (endpoint === undefined || found.endpoints.some((place) => place.endpoint === endpoint)),
          ),
        page,
      ),
    cluster: ({ params: { id } }) => one(id),
    markCluster: async ({ params: { id }, body: { reason, ...change }, actor }) => {
      one(id);
      const outcome = await clusters.mark(id, change, { actor, reason });
      if (!outcome.ok) throw rejection(outcome);
      return { ...one(id), ...changedView(controller, outcome) };
    },
    unlock: () => clusters.picture().unlock,
  };
}

/** A page after the cluster that the cursor names. Ranks move with traffic: a cluster that moved meanwhile may be told twice, or not. */
function rankPage(found: readonly RankedCluster[], query: PageQuery): { items: RankedCluster[]; next?: string } {
  const last = query.cursor === undefined ? undefined : decodeName(query.cursor);
  const from = last === undefined ? 0 : found.findIndex(({ id }) => id === last) + 1;
  if (last !== undefined && from === 0) badCursor();
  const items = found.slice(from, from + query.limit);
  const final = items.at(-1);
  return final === undefined || from + items.length >= found.length ? { items } : { items, next: encodeName(final.id) };
}

function mismatchScope(
  endpoint: string | undefined,
  tenant: string | undefined,
): Partial<Parameters<Store['mismatches']>[0]> {
  if (endpoint === undefined) {
    if (tenant === undefined) return {};
    throw new ApiError('INPUT_INVALID', 'query.tenant: only together with an endpoint', {
      hint: 'Give both, or the endpoint alone.',
    });
  }
  if (tenant === undefined) return { endpoint: endpointId(endpoint) };
  return { cell: cellKey(tenantId(tenant), endpointId(endpoint)) };
}

function commandHandlers(
  sources: HandlerSources,
): Pick<Handlers, 'setDial' | 'rollback' | 'unlatch' | 'pin' | 'liftPin' | 'purge' | 'fleet'> {
  const { controller, live } = sources;
  const order = async (command: OrdinaryCommand, who: { actor: string; reason: string }): Promise<Changed> => {
    const outcome = await controller.command(command, who);
    if (!outcome.ok) throw rejection(outcome);
    return changedView(controller, outcome);
  };
  return {
    fleet: () => sources.fleet?.look() ?? { leader: null, revision: controller.state.revision, members: [] },
    setDial: async ({ body: { scope, dialPpm, reason }, actor }) => {
      if (dialPpm > presentPpm(controller.state, toScope(scope))) refuseFrozen(sources, 'The dial is not raised');
      const done = await order({ kind: 'dial.set', scope: toScope(scope), dialPpm }, { actor, reason });
      return { scope, dialPpm, ...done };
    },
    rollback: async ({ body: { scope, reason }, actor }) => {
      const outcome = await controller.rollback(toScope(scope), { actor, reason });
      if (!outcome.ok) throw rejection(outcome);
      const { effectiveMs, journaledMs, revision } = outcome;
      const proxies = await sources.fleet?.acknowledged(revision);
      return {
        ...(proxies === undefined ? {} : { proxies }),
        effectiveMs,
        journaledMs,
        revision,
        scope: outcome.scope,
        inFlight: live.outstanding('candidate'),
        cachedForSeconds: live.cachedForSeconds(outcome.scope),
      };
    },
    unlatch: ({ body: { scope, reason }, actor }) => {
      refuseFrozen(sources, 'The rollback is not lifted');
      return order({ kind: 'unlatch', scope: toScope(scope) }, { actor, reason });
    },
    pin: async ({ body: { scope, side, reason, until }, actor }) => {
      if (side === 'candidate') refuseFrozen(sources, 'Nothing is pinned to the candidate');
      const id = newPinId(sources.random);
      const command = { kind: 'pin.set', id, scope: toScope(scope), side } as const;
      const done = await order(until === undefined ? command : { ...command, until }, { actor, reason });
      const pin = controller.state.pins.get(id);
      return { ...done, ...(pin === undefined ? notFound(`The pin ${id} has ended already.`) : pinView(id, pin)) };
    },
    purge: async ({ body: { tenant, reason }, actor }) => {
      // In the journal first: that something is missing must never be unexplained.
      const done = await order({ kind: 'purge', tenant: tenantId(tenant) }, { actor, reason });
      return { ...done, ...(await sources.purge(tenantId(tenant))) };
    },
    liftPin: ({ params: { id }, body: { reason }, actor }) => order({ kind: 'pin.lift', id }, { actor, reason }),
  };
}

function movementHandlers(sources: HandlerSources): Pick<Handlers, 'hold' | 'resume' | 'deploy' | 'proof' | 'ramps'> {
  const { controller, movement } = sources;
  const order = async (command: OrdinaryCommand, who: { actor: string; reason: string }): Promise<Changed> => {
    const outcome = await controller.command(command, who);
    if (!outcome.ok) throw rejection(outcome);
    return changedView(controller, outcome);
  };
  return {
    hold: ({ body: { scope, reason }, actor }) => order({ kind: 'hold', scope: toScope(scope) }, { actor, reason }),
    resume: ({ body: { scope, reason }, actor }) => order({ kind: 'resume', scope: toScope(scope) }, { actor, reason }),
    deploy: async ({ body: { side, version, reason }, actor }) => {
      const done = await order({ kind: 'deploy', side, version }, { actor, reason });
      movement?.deployed(side, version);
      return done;
    },
    proof: ({ params }) =>
      movement?.view.proofSheet({ tenant: tenantId(params.tenant), endpoint: endpointId(params.endpoint) }) ??
      notFound(`There is no cell ${params.tenant} ${params.endpoint}.`),
    ramps: ({ query }) => listPage(movement?.view.ramps(controller.state) ?? [], query, (one) => one.endpoint),
  };
}

function noticeHandlers({ notices }: HandlerSources): Pick<Handlers, 'notify' | 'notifyTest'> {
  return {
    notify: ({ query }) =>
      viewPage(
        (notices?.targets() ?? []).map((view) => ({ key: view.name, view })),
        query,
      ),
    notifyTest: async ({ body: { name }, actor }) => {
      const results = (await notices?.test(name, actor)) ?? [];
      if (results.length > 0) return { results: [...results] };
      const what = name === undefined ? 'No target of notices is configured.' : `There is no target ${name}.`;
      throw new ApiError('NOT_FOUND', what, { hint: 'Targets stand under `notify` in cutover.yaml.' });
    },
  };
}

function probeHandlers({ live }: HandlerSources): Pick<Handlers, 'healthz' | 'readyz' | 'version'> {
  return {
    healthz: () => ({ status: 'ok' }),
    readyz: (): Readiness => {
      const reasons = [...live.notReady()];
      return { ready: reasons.length === 0, reasons };
    },
    version: () => ({ version: live.version, node: process.versions.node }),
  };
}

/** The OpenAPI document of this version. */
export function documentOf({ live }: HandlerSources): Readonly<Record<string, unknown>> {
  return openApiDocument(live.version);
}

interface PageQuery {
  readonly limit: number;
  readonly cursor?: string;
}

/** A page of a list that is sorted by a unique name; the cursor is the last name, so additions never shift a page. */
function listPage<T>(
  sorted: readonly T[],
  query: PageQuery,
  nameOf: (item: T) => string,
): { items: T[]; next?: string } {
  const last = query.cursor === undefined ? undefined : decodeName(query.cursor);
  const rest = last === undefined ? sorted : sorted.filter((item) => nameOf(item) > last);
  const items = rest.slice(0, query.limit);
  const final = items.at(-1);
  return final === undefined || rest.length <= query.limit ? { items } : { items, next: encodeName(nameOf(final)) };
}

function viewPage<T>(
  entries: { readonly key: string; readonly view: T }[],
  query: PageQuery,
): { items: T[]; next?: string } {
  const sorted = entries.sort((a, b) => (a.key < b.key ? -1 : 1));
  const { items, next } = listPage(sorted, query, (entry) => entry.key);
  const views = items.map((entry) => entry.view);
  return next === undefined ? { items: views } : { items: views, next };
}

function encodeName(name: string): string {
  return Buffer.from(name).toString('base64url');
}

function decodeName(cursor: string): string {
  const name = Buffer.from(cursor, 'base64url').toString();
  return encodeName(name) === cursor ? name : badCursor();
}

function wholeNumber(cursor: string): number {
  return /^\d{1,15}$/.test(cursor) ? Number(cursor) : badCursor();
}

function badCursor(): never {
  throw new ApiError('INPUT_INVALID', 'query.cursor: not one that this list has given', {
    hint: 'Begin without a cursor and follow the Link header.',
  });
}

function notFound(message: string): never {
  throw new ApiError('NOT_FOUND', message, { hint: 'Lists show what there is; old entries are removed in time.' });
}

/** Short enough to type: 8 of 32 characters, a trillion ids. One in use already is refused as a conflict. */
function newPinId(random: Random): string {
  return Array.from({ length: 8 }, () => PIN_ALPHABET[Math.floor(random.next() * PIN_ALPHABET.length)]).join('');
}
const PIN_ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';

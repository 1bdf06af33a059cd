import { randomUUID } from 'node:crypto';
import type { FleetView } from '../api/fleet-types.ts';
import type { RollbackResult } from '../api/types.ts';
import { verifyForceToken } from '../config/force-token.ts';
import type { ParsedSettings, Settings } from '../config/load.ts';
import { tableBase } from '../config/table-base.ts';
import { restoreState, tableOf } from '../core/control-state.ts';
import { EndpointCatalog } from '../core/endpoint-catalog.ts';
import { tableInForce } from '../core/fleet/kept-table.ts';
import type { Clock, Log, TrafficSink } from '../core/ports.ts';
import type { Latch } from '../core/routing.ts';
import { compileTable } from '../core/table.ts';
import { openDoor } from '../fleet/door.ts';
import { Member } from '../fleet/member.ts';
import { sharedKey } from '../fleet/token.ts';
import { createProxy, type Proxy as DataPlane } from '../proxy/proxy.ts';
import { openStateDir, type StateDir } from '../store/state-dir.ts';
import { systemClock, systemRandom } from '../telemetry/clock.ts';
import { createEvents } from '../telemetry/events.ts';
import { createLog } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createVerifier } from '../verifier/verifier.ts';
import { CacheHorizon } from './cache-horizon.ts';
import { controlOnly } from './control-only.ts';
import { FleetKeys } from './fleet-keys.ts';
import { FleetState } from './fleet-state.ts';
import { InForce } from './in-force.ts';
import { KeyMemory } from './key-memory.ts';
import { LearnedKeeper, loadLearned } from './learned-keeper.ts';
import { LiveSettings } from './live-settings.ts';
import { openStore } from './open-store.ts';
import { packageVersion } from './package-version.ts';
import { Parts } from './parts.ts';
import type { PlanText } from './plan-keeper.ts';
import { beginningPlan, ProxyPlan } from './proxy-plan.ts';
import { listing, verifierSettings } from './start-plan.ts';

/** Breakers that a controller is told of; more are the candidate as a whole, by default from nine on. */
const MAX_TOLD = 20;

export interface ProxySettings {
  /** Of its own configuration. */
  readonly settings: Settings;
  /** Makes settings of the fleet's plan, with what is this process's own. */
  readonly parse: (plan: PlanText) => ParsedSettings;
  readonly name: string;
  /** `http://host:port` or `https://host:port` of every controller's door for members. */
  readonly controllers: readonly string[];
  readonly authority?: () => string;
  readonly token: string;
  readonly door: { readonly host: string; readonly port: number };
}

/** A proxy of a fleet that serves. */
export interface FleetProxy {
  readonly proxy: { readonly host: string; readonly port: number };
  readonly doorUrl: string;
  /** What it obeys. */
  readonly table: () => { readonly term: number; readonly revision: number };
  drain(): Promise<{ readonly finished: boolean; readonly cut: number }>;
  close(): Promise<void>;
}

const KEY_LIFE_MS = 24 * 3_600_000;

/**
 * Starts a proxy of a fleet: it serves by the last table on its disk at once, and by that of the newest leader from the
 * moment it hears of it. It compares by itself and tells the leader what came of it.
 * @throws CutoverError STORE_BUSY, LISTEN_FAILED; nothing is left running.
 */
export async function startProxy(options: ProxySettings): Promise<FleetProxy> {
  const { settings } = options;
  const log = createLog({ level: settings.log.level, write: (line) => process.stdout.write(line) });
  const state = await openStateDir(settings.store.dir);
  const parts = new Parts(log);
  parts.add(() => state.release());
  try {
    return await assemble(options, { clock: systemClock, log, state, parts });
  } catch (error) {
    await parts.close();
    throw error;
  }
}

interface Ground {
  readonly clock: Clock;
  readonly log: Log;
  readonly state: StateDir;
  readonly parts: Parts;
}

async function assemble(options: ProxySettings, ground: Ground): Promise<FleetProxy> {
  const { token, name } = options;
  const { clock, log, state, parts } = ground;
  const first = await beginningPlan(options.settings, options.parse, log);
  const live = new LiveSettings(first.settings);
  // Always those in force: sections are replaced when the plan changes.
  const settings = live.current;
  const { registry, metrics } = createMetrics();
  const events = createEvents({ log, metrics, clock });
  // Its own, for what it learned and the keys it saw; who serves lies in the controllers' database.
  const local = await openStore({}, { dir: state.dir, log, clock });
  parts.add(() => local.close());
  const saved = await loadLearned(local, log, clock.now() - KEY_LIFE_MS);
  const fleetState = new FleetState(state.dir);
  const read = await fleetState.read(controlOnly(tableOf(restoreState(new Map(), tableBase(settings)))), log);
  // Until a leader tells it anew.
  const kept = first.isOther ? { ...read, table: controlOnly(read.table) } : read;
  const caches = new CacheHorizon();
  const self = { id: randomUUID(), name, role: 'proxy', version: packageVersion(), startedAt: clock.now() } as const;
  const where: { door: string } = { door: '' };

  const member: Member = new Member({
    controllers: options.controllers,
    ...(options.authority === undefined ? {} : { authority: options.authority }),
    token,
    clock,
    log,
    kept,
    hello: () => ({ ...self, door: where.door }),
    alive: () => ({
      outstanding: { control: proxy.outstanding('control'), candidate: proxy.outstanding('candidate') },
      cachedForSeconds: caches.secondsLeft({}, clock.now()),
      plan: plan.standing,
      breakers: proxy.breakers().slice(0, MAX_TOLD),
    }),
    onTable: (table, now, told) => {
      if (told !== undefined) plan.take(told);
      inForce.put(table);
      fleetState.write(now).catch((error: unknown) => events.tableFailed(now.table.revision, error));
    },
    onNeeds: (needs) => proxy.takeNeeds(needs),
  });
  const catalog = new EndpointCatalog({
    listed: listing(settings),
    maxFound: settings.limits.endpoints,
    onMerge: (from, into) => {
      verifier.forget(from);
      member.outbox.merged(from, into);
    },
  });
  const fleetKeys = new FleetKeys(member, local, clock);
  parts.add(() => fleetKeys.close());
  const keys = new KeyMemory({ store: fleetKeys, clock, known: saved.keys, lifeMs: KEY_LIFE_MS });
  const sink: TrafficSink = {
    served: (record) => {
      member.outbox.served(record);
      events.requestServed(record);
    },
    mirrored: (exchange) => {
      caches.saw(exchange);
      verifier.offer(exchange);
    },
    unverified: (cell, reason) => {
      member.outbox.unverified(cell, reason);
      events.requestUnverified(cell, reason);
    },
    health: (change) => events.targetHealthChanged(change),
  };
  const secret = settings.trust.tokenSecret;
  let listed = JSON.stringify(listing(settings));
  const plan = new ProxyPlan({
    live,
    hash: first.hash,
    parse: options.parse,
    log,
    settingsChanged: () => {
      const next = listing(settings);
      // Only where it did: found endpoints are found anew by it.
      if (JSON.stringify(next) !== listed) catalog.relist(next);
      listed = JSON.stringify(next);
      proxy.settingsChanged();
      verifier.follow(verifierSettings(settings));
    },
  });
  parts.add(() => plan.settled());
  const proxy = createProxy({
    settings,
    table: compileTable(tableInForce(kept)),
    catalog,
    clock,
    random: systemRandom,
    log,
    sink,
    recordKey: (hash, side) => keys.record(hash, side),
    keyedSide: (hash) => keys.side(hash),
    onBreaker: (change) => events.breakerChanged(change),
    onTokenFault: (fault) => events.tokenUnread(fault),
    verifyToken: (text) => (secret === undefined ? undefined : verifyForceToken(secret, text, clock.now())),
  });
  parts.add(() => proxy.close());
  const inForce = new InForce(proxy, {
    maxAgeMs: settings.tableMaxAgeMs,
    clock,
    log,
    member,
    table: tableInForce(kept),
  });
  parts.add(() => inForce.close());
  const verifier = createVerifier({
    settings: verifierSettings(settings),
    clock,
    random: systemRandom,
    log,
    askAgain: proxy.askAgain,
    ...(proxy.aliases === undefined ? {} : { aliases: proxy.aliases }),
    // What the members know of it comes from the token they share: equal secrets look equal, whoever saw them.
    redactKey: sharedKey(token, 'redaction'),
    onVerified: (verified) => {
      member.outbox.verified(verified);
      events.exchangeVerified(verified);
    },
    onUnverified: (cell, reason) => sink.unverified(cell, reason),
    onNoise: (endpoint, paths) =>
      member.outbox.noise({ endpoint, paths, snapshot: verifier.snapshots().get(endpoint) }),
    noise: saved.noise,
  });
  catalog.restore(saved.catalog);
  const keeper = new LearnedKeeper({ local, clock, log, verifier, catalog });
  parts.add(() => keeper.close());
  // Before what was learned is written for the last time: what is being compared still teaches.
  parts.add(() => verifier.close());
  const situation = { isDraining: false };
  const door = await openDoor({
    listen: options.door,
    token,
    work: {
      rollback: (scope, who) =>
        rollBack({ scope, ...who, at: clock.now() }, { member, proxy, caches, fleetState, clock }),
      look: () => lookOf(member, { ...self, door: where.door, planTrouble: plan.standing.trouble }),
      metrics: () => registry.render(),
      notReady: () => notReady(proxy, situation.isDraining),
    },
  });
  where.door = door.url;
  parts.add(() => door.close());
  const address = await proxy.listen();
  member.start();
  parts.add(() => member.close());
  log.info('started', { listen: `${address.host}:${address.port}`, door: door.url, version: self.version, name });
  return {
    proxy: address,
    doorUrl: door.url,
    table: () => ({ term: member.kept.term, revision: member.kept.table.revision }),
    drain: async () => {
      situation.isDraining = true;
      const drained = await proxy.drain(settings.drain.timeoutMs);
      log.info('drained', drained);
      return drained;
    },
    close: () => parts.close(),
  };
}

/** A rollback at the proxy's own door: in force first, then on this disk, then the leader's, if there is one. */
async function rollBack(
  latch: Latch,
  parts: {
    readonly member: Member;
    readonly proxy: DataPlane;
    readonly caches: CacheHorizon;
    readonly fleetState: FleetState;
    readonly clock: Clock;
  },
): Promise<RollbackResult> {
  const { member, proxy, caches, fleetState, clock } = parts;
  const begin = clock.monotonic();
  member.rollback(latch);
  const effectiveMs = clock.monotonic() - begin;
  // On this disk it survives the process; the journal has it once a leader does.
  await fleetState.write(member.kept);
  return {
    effectiveMs,
    journaledMs: null,
    revision: member.kept.table.revision,
    scope: latch.scope,
    inFlight: proxy.outstanding('candidate'),
    cachedForSeconds: caches.secondsLeft(latch.scope, clock.now()),
  };
}

function notReady(proxy: DataPlane, isDraining: boolean): readonly string[] {
  const isReachable = proxy.targets().control.some(({ healthy }) => healthy);
  return [...(isDraining ? ['draining'] : []), ...(isReachable ? [] : ['no target of the control is healthy'])];
}

/** What the proxy knows of its fleet, in the form of the control API. */
function lookOf(
  member: Member,
  self: {
    readonly name: string;
    readonly role: string;
    readonly version: string;
    readonly door: string;
    readonly planTrouble: string;
  },
): FleetView {
  const { leader, kept, outbox } = member;
  const { name, role, version, door, planTrouble } = self;
  return {
    leader: leader === undefined ? null : { name: leader.controller, term: leader.term, leads: true },
    revision: kept.table.revision,
    members: [
      {
        ...{ name, role, version, door },
        connected: leader !== undefined,
        term: kept.term,
        revision: kept.table.revision,
        behind: 0,
        silentMs: 0,
        waiting: outbox.waiting,
        lost: outbox.lost,
        planTrouble,
      },
    ],
  };
}

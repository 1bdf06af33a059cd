import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClusterView, Endpoint, Status } from '../api/types.ts';
import { verifyForceToken } from '../config/force-token.ts';
import { keptText } from '../config/kept-text.ts';
import type { Settings } from '../config/settings.ts';
import type { ClusterDesk } from '../controller/cluster-desk.ts';
import { type ControlServer, createControlServer } from '../controller/control-server.ts';
import { type Controller, createController } from '../controller/controller.ts';
import { registerGauges } from '../controller/gauges.ts';
import { createLedger } from '../controller/ledger.ts';
import { endpointViews, statusView } from '../controller/ledger-views.ts';
import { frozenText, MovementView } from '../controller/movement-views.ts';
import type { Mover } from '../controller/mover.ts';
import { Races } from '../controller/race.ts';
import { TrafficFeed } from '../controller/traffic-feed.ts';
import type { EndpointId, Side } from '../core/cell.ts';
import { restoreState, tableOf } from '../core/control-state.ts';
import { EndpointCatalog } from '../core/endpoint-catalog.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { Needs } from '../core/spending/need-book.ts';
import { compileTable } from '../core/table.ts';
import { createProxy } from '../proxy/proxy.ts';
import { ensureSecret, openStateDir, type StateDir } from '../store/state-dir.ts';
import { readTable, TableFile } from '../store/table-file.ts';
import { systemClock, systemRandom } from '../telemetry/clock.ts';
import { createEvents } from '../telemetry/events.ts';
import { createLog } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createVerifier, type Verifier } from '../verifier/verifier.ts';
import { Beginning } from './beginning.ts';
import { CacheHorizon } from './cache-horizon.ts';
import { carryLatches } from './carry-latches.ts';
import { controlOnly } from './control-only.ts';
import { createClusters } from './create-clusters.ts';
import { type FleetController, fleetDoor, fleetLive, fleetWork, StoredLatches } from './fleet-work.ts';
import { KeyMemory } from './key-memory.ts';
import { journalBreakers, liveView } from './live-parts.ts';
import { loadSaved } from './load-saved.ts';
import { Notifier } from './notifier.ts';
import { openStore } from './open-store.ts';
import { packageVersion } from './package-version.ts';
import { Parts } from './parts.ts';
import { splitPaths } from './path-splits.ts';
import type { PlanOrigin, Refused, Taken } from './plan-keeper.ts';
import { previewPlan } from './plan-preview.ts';
import { planDoor, planStatusView } from './plan-view.ts';
import type { PowerMeter } from './power-meter.ts';
import { purgeTenant } from './purge-tenant.ts';
import { createRaceAsk } from './race-ask.ts';
import { Recorder } from './recorder.ts';
import { startMeter } from './start-meter.ts';
import { startMover } from './start-mover.ts';
import { countLimits, firstPlan, listing, startKeeper, verifierSettings, watchPlan } from './start-plan.ts';
import { Sink, type Traffic } from './traffic-sink.ts';
import { VersionPoll } from './version-poll.ts';

/** A Cutover that serves. */
export interface Running {
  readonly proxy: { readonly host: string; readonly port: number };
  readonly apiUrl: string;
  /** Of the control API. */
  readonly token: string;
  /** Address of the page, signed in: the token is in the fragment, which no server sees. */
  readonly pageUrl: string;
  /** Everything the terminal shows. */
  look(): Promise<{
    readonly status: Status;
    readonly endpoints: readonly Endpoint[];
    readonly clusters: readonly ClusterView[];
  }>;
  /** Reads the configuration file again, and takes it over where it is right; undefined where there is nothing to read. */
  reload(): Promise<Taken | Refused | undefined>;
  /** Resolves when nothing waits to be compared and everything is written, or after `limitMs`. */
  settle(limitMs: number): Promise<void>;
  /** Lossless drain, as long as the configuration allows. */
  drain(): Promise<{ readonly finished: boolean; readonly cut: number }>;
  close(): Promise<void>;
}

const KEY_LIFE_MS = 24 * 3_600_000;

/**
 * Starts everything in this process, in an order in which nothing listens before it can serve: state folder, store, last table, verifier, proxy, control API.
 * A store that is damaged does not keep it from serving: the last table counts then, nothing is promoted, and the status says why.
 * @throws CutoverError STORE_BUSY, STORE_NEWER, LISTEN_FAILED; nothing is left running.
 */
export async function startCutover(
  settings: Settings,
  { fleet, origin }: { readonly fleet?: FleetController; readonly origin?: PlanOrigin } = {},
): Promise<Running> {
  const clock = systemClock;
  const log = createLog({ level: settings.log.level, write: (line) => process.stdout.write(line) });
  const state = await openStateDir(settings.store.dir);
  const parts = new Parts(log);
  parts.add(() => state.release());
  try {
    return await assemble({ settings, origin }, { clock, log, state, parts, fleet });
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
  readonly fleet: FleetController | undefined;
}

/** Merges remembered until there is a mover. */
const MAX_EARLY = 10_000;

async function assemble(
  given: { settings: Settings; origin: PlanOrigin | undefined },
  ground: Ground,
): Promise<Running> {
  const { origin } = given;
  const { clock, log, state, parts, fleet } = ground;
  const startedAt = clock.now();
  const { registry, metrics } = createMetrics();
  const plainEvents = createEvents({ log, metrics, clock });
  const notifier = new Notifier({ targets: [], clock, log, events: plainEvents });
  const events = notifier.listening(plainEvents);
  const store = fleet?.store ?? (await openStore(given.settings.store, { dir: state.dir, log, clock }));
  parts.add(() => store.close());
  // After everything that may have something to tell has ended.
  parts.add(() => notifier.close());
  const first = await firstPlan(given.settings, origin, { store, log, isShared: fleet !== undefined });
  // Always those in force: sections are replaced when the plan changes.
  const settings = first.live.current;
  notifier.follow(settings.notify);
  const token = await ensureSecret(settings.api.tokenFile, 32);
  const redactKey = fleet?.redactKey ?? Buffer.from(await ensureSecret(join(state.dir, 'redact-key'), 32), 'hex');
  const saved = await loadSaved(store, log, clock.now() - KEY_LIFE_MS);

  const ledger = createLedger({ limits: countLimits(settings), clock });
  ledger.restore(saved);
  // There once the controller has started; until then nothing moves.
  const movement: {
    mover: Mover | undefined;
    desk: ClusterDesk | undefined;
    settingsChanged: () => void;
  } = { mover: undefined, desk: undefined, settingsChanged: () => undefined };
  parts.add(() => movement.mover?.close());
  // Merges before there is a mover, and a verifier: what these load is tidied up once they have it.
  const learning: { verifier: Verifier | undefined; meter: PowerMeter | undefined } = {
    verifier: undefined,
    meter: undefined,
  };
  const early: [from: readonly EndpointId[], into: EndpointId][] = [];
  // Until there is a controller, `firstPlan` has seen to it.
  const latched: { controller: Controller | undefined } = { controller: undefined };
  const onMerge = (from: readonly EndpointId[], into: EndpointId): void => {
    if (latched.controller !== undefined) carryLatches({ controller: latched.controller, log }, from, into);
    ledger.mergeEndpoints(from, into);
    if (movement.mover === undefined && early.length < MAX_EARLY) early.push([from, into]);
    learning.verifier?.forget(from);
    movement.mover?.mergeEndpoints(from, into);
    movement.desk?.mergeEndpoints(from, into);
  };
  const catalog = new EndpointCatalog({
    listed: listing(settings),
    maxFound: settings.limits.endpoints,
    onMerge,
    // After the request that showed it has its endpoint.
    onStandOut: (template) => queueMicrotask(() => split(template)),
  });
  catalog.restore(saved.catalog);
  const split = (within?: string): void => {
    splitPaths(ledger, catalog, within).catch((error: unknown) => log.error('plan.fault', { message: String(error) }));
  };

  const { base } = first;
  const last = await readTable(state.dir, log);
  const tableFile = new TableFile(state.dir);
  const table = last ?? controlOnly(tableOf(restoreState(new Map(), base)));
  const keys = new KeyMemory({ store, clock, known: saved.keys, lifeMs: KEY_LIFE_MS });
  const sink = new Sink(ledger, events, () => running, movement);
  const secret = settings.trust.tokenSecret;
  const proxy = createProxy({
    settings,
    table: compileTable(table),
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
  const storedLatches = new StoredLatches(fleet?.hub);
  const controller = createController({
    store,
    base,
    clock,
    events,
    version: packageVersion(),
    ...(last === undefined ? {} : { last }),
    ...(first.plan === undefined ? {} : { plan: first.plan }),
    onLatchStored: (latch) => storedLatches.add(latch),
    onTable: (table) => {
      proxy.setTable(compileTable(table));
      fleet?.hub.publish(table, controller.unstored);
      tableFile.write(table).catch((error: unknown) => events.tableFailed(table.revision, error));
    },
  });
  latched.controller = controller;
  parts.add(() => controller.close());
  const beginning = new Beginning({
    controller,
    clock,
    log,
    started: async () => {
      const power = (endpoint: EndpointId) => learning.meter?.known(endpoint);
      const onNeeds = (needs: Needs): void => {
        proxy.takeNeeds(needs);
        fleet?.hub.needs(needs);
      };
      const { mover, settingsChanged } = await startMover({ settings, controller, store, clock, log, power, onNeeds });
      movement.mover = mover;
      movement.settingsChanged = settingsChanged;
      for (const [from, into] of early.splice(0)) mover.mergeEndpoints(from, into);
      if (first.running !== undefined) await keeper?.started(first.running);
    },
  });
  parts.add(() => beginning.close());
  const moving = {
    view: new MovementView(() => movement.mover),
    deployed: (side: Side, version: string) => movement.mover?.deployed(side, version),
    steering: () => movement.mover,
  };
  const { desk, door } = createClusters({
    controller,
    ledger,
    events,
    clock,
    verifier: () => verifier,
    movement: moving.view,
    settings,
    onRules: (fingerprint) => movement.mover?.rulesAre(fingerprint),
    saved: saved.strikes,
  });
  movement.desk = desk;
  parts.add(() => desk.close());
  const feed = new TrafficFeed(controller.feed, clock);
  const verifier = createVerifier({
    settings: verifierSettings(settings),
    clock,
    random: systemRandom,
    log,
    askAgain: proxy.askAgain,
    ...(proxy.aliases === undefined ? {} : { aliases: proxy.aliases }),
    redactKey,
    onVerified: (verified, clusters) => {
      ledger.verified(verified);
      movement.mover?.verified(verified);
      desk.verified(verified, clusters);
      events.exchangeVerified(verified);
      notifier.verified(verified, clusters);
      recorder.verified(verified, clusters);
      feed.verified(verified, clusters);
    },
    judge: (verified) => desk.judge(verified),
    onUnverified: (cell, reason) => sink.unverified(cell, reason),
    onNoise: () => undefined,
    noise: saved.noise,
    clusters: saved.clusters,
  });
  learning.verifier = verifier;
  for (const [from] of early) verifier.forget(from);
  parts.add(() => verifier.close());
  const recorder = new Recorder({
    store,
    ledger,
    clock,
    events,
    retention: settings.store,
    noise: () => verifier.snapshots(),
    catalog: () => catalog.snapshot(),
    movement: (max) => movement.mover?.takeDocuments(max) ?? [],
    movementLost: () => movement.mover?.returnDocuments(),
    strikes: (max) => desk.takeDocuments(max),
    strikesLost: (documents) => desk.returnDocuments(documents),
    onStore: (works) => {
      movement.mover?.storeWorks(works);
      verifier.pause(works ? undefined : 'store');
      proxy.pauseMirrors(works ? undefined : 'store');
    },
    onPruned: (before) => verifier.examplesPrunedBefore(before),
  });
  parts.add(() => recorder.close());
  const { meter, close: closeMeter } = startMeter({
    settings,
    store,
    clock,
    verifier,
    ledger,
    policyOf: (endpoint) => controller.table.policyOf(endpoint),
    onMeasured: () => movement.mover?.powerMeasured(),
  });
  learning.meter = meter;
  parts.add(closeMeter);
  const running: Traffic = {
    verifier,
    feed,
    versions: { control: 'unknown', candidate: 'unknown' },
    caches: new CacheHorizon(),
  };

  const versionPoll = new VersionPoll({
    settings,
    controller,
    targets: (side) => proxy.targets()[side],
    isToldByAnswers: (side) => running.versions[side] !== 'unknown',
    deployed: moving.deployed,
    clock,
    log,
  });
  parts.add(() => versionPoll.close());

  const situation = { state: 'serving' };
  const ownLive = liveView({
    settings,
    movement: moving.view,
    startedAt,
    situation,
    proxy,
    controller,
    verifier,
    running,
    recorder,
    beginning,
    meter,
    plan: () => planStatusView(controller.state.plan, keeper, fileName),
    clock,
  });
  const live = fleet === undefined ? ownLive : fleetLive(ownLive, fleet.hub, settings);
  registerGauges({ registry, metrics, controller, ledger, live });
  const raceAsk = createRaceAsk({ settings, proxy, clock, log });
  parts.add(() => raceAsk.close());
  const races = new Races({ ask: raceAsk, clock });
  parts.add(() => races.close());
  const frozenNow = (): string | undefined => {
    const frozen = movement.mover?.frozen();
    return frozen && frozenText(frozen);
  };
  const fileName = origin?.file === undefined ? '' : origin.name;
  const keeper =
    origin === undefined
      ? undefined
      : startKeeper({
          first,
          origin,
          controller,
          clock,
          log,
          frozen: frozenNow,
          onPlan: ({ hash, text }) => fleet?.hub.plan({ hash, text: keptText(text) }),
          followers: {
            catalog,
            withTable: [
              () => proxy.settingsChanged(),
              () => verifier.follow(verifierSettings(settings)),
              () => notifier.follow(settings.notify),
              () => meter.settingsChanged(),
            ],
            afterTable: [
              () => movement.settingsChanged(),
              () => desk.settingsChanged(),
              () => versionPoll.settingsChanged(),
              () => split(),
            ],
          },
        });
  parts.add(() => keeper?.close());
  const plans =
    keeper === undefined || origin === undefined
      ? undefined
      : planDoor(keeper, {
          mark: () => controller.state.plan,
          file: fileName,
          preview: (plan) =>
            previewPlan(plan, {
              origin,
              settings,
              controller,
              ledger,
              movement: moving.view,
              catalog,
              clock,
              frozen: frozenNow,
            }),
        });
  const server = createControlServer({
    controller,
    ledger,
    store,
    clusters: door,
    registry,
    live,
    races,
    written: () => recorder.flush(),
    purge: (tenant) => purgeTenant(tenant, { store, verifier, recorder, desk, ledger, controller }),
    movement: moving,
    ...(plans === undefined ? {} : { plan: plans }),
    ...(fleet === undefined ? {} : { fleet: fleetDoor(fleet, controller) }),
    notices: notifier,
    clock,
    random: systemRandom,
    listen: settings.api.listen,
    hosts: settings.api.hosts,
    token,
    ...(settings.api.people === undefined ? {} : { people: settings.api.people }),
    events,
    dashboardDir: dashboardDir(),
  });
  parts.add(() => server.close());
  // The last table, then the stored state: whichever can be had, clients are served.
  if (first.slip !== undefined) await controller.rollback({}, { actor: 'controller', reason: first.slip });
  await beginning.begin();
  const work = fleetWork({
    controller,
    store,
    sink,
    verifier,
    running,
    needs: () => movement.mover?.needs(),
    hasStarted: () => beginning.trouble === undefined,
    storedLatches,
    merge: onMerge,
  });
  // Members obey its table from now on, and no earlier leader's.
  fleet?.hub.lead(fleet.term, fleet.began, work);
  // A controller of a fleet has a proxy only to explain what the others do.
  const address = fleet === undefined ? await proxy.listen() : { host: '', port: 0 };
  const apiUrl = await announce(server, state.dir, settings.api.tokenFile);
  recorder.start();
  desk.start();
  versionPoll.start();
  parts.add(journalBreakers({ controller, clock, proxy, hub: fleet?.hub }));
  parts.add(watchPlan(keeper, origin, { clock, log }));
  log.info('started', { listen: `${address.host}:${address.port}`, api: apiUrl, version: packageVersion() });

  const sources = () => ({ ledger, table: controller.table, live, now: clock.now(), movement: moving.view });
  return {
    proxy: address,
    apiUrl,
    token,
    pageUrl: `${apiUrl}/#token=${token}`,
    look: async () => ({
      status: statusView(sources()),
      endpoints: endpointViews(sources()),
      clusters: door.picture().ranked,
    }),
    reload: async () => keeper?.reload(true),
    settle: async (limitMs) => {
      const limit = new Promise<void>((resolve) => setTimeout(resolve, limitMs).unref());
      await Promise.race([verifier.idle(), limit]);
      await recorder.flush();
    },
    drain: async () => {
      situation.state = 'draining';
      const drained = await proxy.drain(settings.drain.timeoutMs);
      log.info('drained', drained);
      return drained;
    },
    close: () => parts.close(),
  };
}

/** Listens with the control API and leaves its address in the state folder, where the command line finds it. */
async function announce(server: ControlServer, dir: string, tokenFile: string): Promise<string> {
  const { host, port } = await server.listen();
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  const url = `http://${name}:${port}`;
  try {
    await writeFile(join(dir, 'api.json'), `${JSON.stringify({ url, pid: process.pid, tokenFile })}\n`, {
      mode: 0o600,
    });
  } catch {
    // A full disk must not keep it from serving; the command line then needs --api.
  }
  return url;
}

/** The built page: beside the compiled sources, or where a checkout builds it. */
function dashboardDir(): string {
  return fileURLToPath(
    new URL(import.meta.url.endsWith('.ts') ? '../../dist/dashboard' : '../../dashboard', import.meta.url),
  );
}

import { tableBase } from '../config/table-base.ts';
import type { Side } from '../core/cell.ts';
import { decide } from '../core/decide.ts';
import type { Log, NewJournalEntry } from '../core/ports.ts';
import type { Decision, Scope, TableData } from '../core/routing.ts';
import { isSafeMethod } from '../core/safe-request.ts';
import { compileTable } from '../core/table.ts';
import { Arrivals } from './arrivals.ts';
import { Brain } from './brain.ts';
import { Chronicle } from './chronicle.ts';
import { FaultyStore } from './faulty-store.ts';
import { isOrder, order } from './orders.ts';
import { Proxies, type ProxyModel } from './proxy-model.ts';
import { Random } from './random.ts';
import type { SimulationResult } from './result.ts';
import { endOf, type PlannedEndpoint, type Scenario } from './scenario.ts';
import type { EventFile } from './scenario-events.ts';
import { TableFollower } from './table-diff.ts';
import { latencyOf, Truth } from './truth.ts';
import { VirtualClock } from './virtual-clock.ts';
import { CellNames, isFailure, type Outcome, servedRecord, verifiedExchange } from './visit.ts';
import { Witness } from './witness.ts';

/** A Monday, so that what goes by the calendar is the same in every run: 2026-01-05T00:00:00Z. */
const BEGIN = Date.UTC(2026, 0, 5);
/** How often what must get into the journal is looked at. */
const LOOK_MS = 10_000;
/** From the second answer to the verdict. */
const COMPARE_MS = 5;

/** How long before a crash evidence is saved, every 15 s: what is saved is the whole, so more would change nothing. */
const SAVED_MS = 600_000;

export interface SimulateOptions {
  /** Called now and then with the share of the time that has passed. */
  readonly progress?: (share: number) => void;
}

/** Lets a world happen. The same scenario and seed give the same result, on every machine. */
export function simulate(scenario: Scenario, seed: number, options: SimulateOptions = {}): Promise<SimulationResult> {
  return new Simulation(scenario, seed, options).run();
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #seed: number;
  readonly #options: SimulateOptions;
  readonly #clock = new VirtualClock(BEGIN);
  /** Answers of copies on their way: no process waits for these by a clock. */
  readonly #copies = new VirtualClock(BEGIN);
  readonly #store: FaultyStore;
  readonly #truth: Truth;
  readonly #witness: Witness;
  readonly #chronicle: Chronicle;
  readonly #cells: CellNames;
  readonly #proxies: Proxies;
  readonly #arrivals: Arrivals;
  readonly #follower = new TableFollower();
  readonly #chance: Random;
  readonly #luck: Random;
  readonly #log: Log;
  readonly #matches: Uint32Array;
  readonly #pooledMatches: Uint32Array;
  readonly #lastMistake: Float64Array;
  #brain: Brain | undefined;
  #entry: NewJournalEntry | undefined;
  #number = 0;

  constructor(scenario: Scenario, seed: number, options: SimulateOptions) {
    const { traffic, settings, proxies, storeLatencyMs } = scenario;
    this.#scenario = scenario;
    this.#seed = seed;
    this.#options = options;
    this.#store = new FaultyStore({
      clock: this.#clock,
      latencyMs: storeLatencyMs,
      witness: { committed: (entry) => this.#committed(entry) },
    });
    this.#truth = new Truth(scenario);
    this.#cells = new CellNames(traffic.endpoints, traffic.tenants);
    this.#witness = new Witness({ scenario, store: this.#store, now: () => this.#clock.monotonic() });
    this.#chronicle = new Chronicle(scenario, this.#truth, this.#cells.index);
    this.#proxies = new Proxies(proxies, settings, new Random(seed, 'mirrors'));
    this.#arrivals = new Arrivals(traffic, new Random(seed, 'arrivals'));
    this.#chance = new Random(seed, 'outcomes');
    this.#luck = new Random(seed, 'crashes');
    this.#matches = new Uint32Array(traffic.endpoints.length * traffic.tenants.length);
    this.#pooledMatches = new Uint32Array(traffic.endpoints.length);
    this.#lastMistake = new Float64Array(traffic.endpoints.length).fill(Number.NEGATIVE_INFINITY);
    const fault = (event: string, fields?: object): void => {
      // What only a fault of our own writes there must not pass unnoticed.
      if (event === 'mover.fault' || event === 'controller.fault')
        this.#witness.broken('I11', `${event}: ${JSON.stringify(fields)}`);
    };
    this.#log = { debug: () => {}, info: () => {}, warn: () => {}, error: fault };
  }

  async run(): Promise<SimulationResult> {
    const { durationMs } = this.#scenario;
    this.#startBrain();
    await drained();
    await this.#loop(durationMs);
    const { counts, checks, violations } = this.#witness;
    return this.#chronicle.result(this.#seed, {
      dropped: this.#proxies.all.reduce((sum, { lot }) => sum + lot.dropped, 0),
      openAtEnd: this.#follower.openCells,
      invariants: { checks, violations: counts },
      violations,
    });
  }

  /** Whatever comes next happens: a change of the world, a timer, a copy's answer, or a request. */
  async #loop(end: number): Promise<void> {
    const { events } = this.#scenario;
    const planned = this.#happenings(events);
    let done = 0;
    const clock = this.#clock;
    let set = clock.timersSet;
    let request = this.#arrivals.after(0, this.#truth.traffic);
    let progressAt = end / 100;
    for (let at = 0; ; ) {
      const change = Math.min(this.#truth.nextAt, planned[done]?.at ?? Number.POSITIVE_INFINITY);
      const timer = clock.nextAt;
      const copy = this.#copies.nextAt;
      at = Math.min(request, change, timer, copy);
      if (at >= end) break;
      clock.moveTo(at);
      let isQuiet = false;
      if (change <= at) {
        if (this.#truth.nextAt <= at) {
          this.#truth.advance(at);
          request = this.#arrivals.after(at, this.#truth.traffic);
        }
        for (let next = planned[done]; next !== undefined && next.at <= at; next = planned[done]) {
          done += 1;
          next.run();
        }
      } else if (timer <= at) clock.fireNext();
      else if (copy <= at) {
        this.#copies.moveTo(at);
        this.#copies.fireNext();
        isQuiet = clock.timersSet === set;
      } else {
        this.#visit(at);
        request = this.#arrivals.after(at, this.#truth.traffic);
        // Whoever begins to wait for something sets a timer; nothing else goes on by itself.
        isQuiet = clock.timersSet === set;
      }
      if (!isQuiet) await drained();
      set = clock.timersSet;
      if (at < progressAt) continue;
      this.#options.progress?.(at / end);
      progressAt += end / 100;
    }
    clock.moveTo(end);
  }

  /** Everything the scenario plans, in order. */
  #happenings(events: readonly EventFile[]): { readonly at: number; readonly run: () => void }[] {
    const all: { at: number; run: () => void }[] = events.flatMap((event) => this.#happening(event));
    for (let at = LOOK_MS; at < this.#scenario.durationMs; at += LOOK_MS)
      all.push({ at, run: () => this.#brain !== undefined && this.#witness.settled(this.#brain) });
    return all.toSorted((one, other) => one.at - other.at);
  }

  #happening(event: EventFile): { at: number; run: () => void }[] {
    const { at } = event;
    const end = endOf(event);
    const until = (run: () => void) => (Number.isFinite(end) ? [{ at: end, run }] : []);
    switch (event.kind) {
      case 'store-outage':
        return [{ at, run: () => this.#store.set(event.how) }, ...until(() => this.#store.set('works'))];
      case 'controller-crash':
        return [{ at, run: () => this.#crash() }, ...until(() => this.#brain ?? this.#startBrain())];
      case 'proxy-crash':
        return this.#absence(event, (proxy, is) => {
          proxy.isDown = is;
        });
      case 'partition':
        return this.#absence(event, (proxy, is) => {
          proxy.isCut = is;
        });
      case 'clock-jump':
        return [{ at, run: () => this.#clock.jump(event.by) }];
      default:
        return isOrder(event) ? [{ at, run: () => this.#order(event) }] : [];
    }
  }

  #absence(
    event: Extract<EventFile, { kind: 'proxy-crash' | 'partition' }>,
    set: (proxy: ProxyModel, is: boolean) => void,
  ): { at: number; run: () => void }[] {
    const proxy = this.#proxies.all[event.proxy - 1];
    if (proxy === undefined) return [];
    const back = (): void => {
      set(proxy, false);
      this.#proxies.rejoin(proxy);
    };
    const end = endOf(event);
    return [{ at: event.at, run: () => set(proxy, true) }, ...(Number.isFinite(end) ? [{ at: end, run: back }] : [])];
  }

  #order(event: EventFile): void {
    order(event, {
      brain: this.#brain,
      wallAt: (at) => BEGIN + at,
      refused: (what) => this.#chronicle.refused(this.#clock.monotonic(), what),
      isLatched: (scope) => this.#isLatched(scope),
      rolledBack: (isInForce, scope) => this.#witness.rolledBack(isInForce, scope),
    });
  }

  /** Whether every proxy that can be reached sends a scope to the control. */
  #isLatched({ endpoint, tenant }: Scope): boolean {
    const { endpoints, tenants } = this.#scenario.traffic;
    const [some, somebody] = [endpoint ?? endpoints[0]?.id, tenant ?? tenants[0]];
    const reached = this.#proxies.all.filter(({ isCut, isDown }) => !isCut && !isDown);
    return some === undefined || reached.every(({ table }) => table?.latches.find(some, somebody, 0) !== undefined);
  }

  #startBrain(): void {
    const brain = new Brain({
      settings: this.#scenario.settings,
      base: tableBase(this.#scenario.settings),
      clock: this.#clock,
      store: this.#store,
      last: this.#proxies.newest?.data,
      onTable: (table) => this.#onTable(table),
      onNeeds: (needs) => this.#proxies.tellNeeds(needs),
      onMirrors: (paused) => this.#proxies.pauseMirrors(paused),
      log: this.#log,
      isSaving: () => this.#isCrashNear(),
    });
    this.#brain = brain;
    brain.begin().catch((error: unknown) => this.#log.error('controller.fault', { error: String(error) }));
  }

  #isCrashNear(): boolean {
    const now = this.#clock.monotonic();
    return this.#scenario.events.some(
      ({ kind, at }) => kind === 'controller-crash' && at >= now && at - now <= SAVED_MS,
    );
  }

  #crash(): void {
    this.#brain?.crash((waiting) => this.#luck.below(waiting + 1));
    this.#brain = undefined;
  }

  #committed(entry: NewJournalEntry): void {
    this.#entry = entry;
    this.#witness.journaled(entry);
    if (entry.action.startsWith('hold') && entry.actor.startsWith('tripwire:'))
      this.#chronicle.held(this.#clock.monotonic(), entry);
  }

  #onTable(data: TableData): void {
    const at = this.#clock.monotonic();
    const before = this.#proxies.newest;
    const table = compileTable(data);
    if (!this.#proxies.publish(table)) {
      this.#witness.broken('I5', `a table of revision ${data.revision} came after one of ${before?.data.revision}`);
      return;
    }
    const diff = this.#follower.follow(data);
    this.#witness.published({ before, after: table, diff });
    for (const key of diff.opened) this.#promoted(key);
    const entry = this.#entry?.revision === data.revision ? this.#entry : undefined;
    const taken = this.#chronicle.changed(at, diff, entry, (key) => this.#witness.proofOver(key));
    this.#chronicle.openCells(at, this.#follower.openCells);
    // Slow answers are no mistakes, and limits hold whatever anybody does.
    if (taken === undefined || /latency|limits/.test(taken.actor)) return;
    for (const endpoint of taken.endpoints) this.#blamed(endpoint, taken.reason);
  }

  #promoted(key: Parameters<Witness['promoted']>[0]): void {
    const cell = this.#cells.index.get(key);
    const width = this.#scenario.traffic.tenants.length;
    const endpoint = cell === undefined ? undefined : this.#scenario.traffic.endpoints[Math.floor(cell / width)];
    // What cannot be compared opens with the rest of its journey, by their proof.
    if (cell === undefined || endpoint === undefined || !isSafeMethod(endpoint.method)) return;
    this.#witness.promoted(key, {
      own: this.#matches[cell] ?? 0,
      pooled: this.#pooledMatches[Math.floor(cell / width)] ?? 0,
    });
  }

  #blamed(endpoint: number, why: string): void {
    const kin = this.#chronicle.kin(endpoint);
    const last = Math.max(...kin.map((one) => this.#lastMistake[one] ?? Number.NEGATIVE_INFINITY));
    const name = this.#scenario.traffic.endpoints[endpoint]?.id ?? '';
    this.#witness.blamed(name, last, Math.min(this.#truth.versionSince, this.#clock.monotonic()) - 600_000, why);
  }

  /** One request, from decision to verdict. */
  #visit(at: number): void {
    const { traffic, settings } = this.#scenario;
    const arrivals = this.#arrivals;
    const [tenant, at_, user, request] = [
      arrivals.tenant(),
      arrivals.endpoint(),
      arrivals.subject(),
      arrivals.request(),
    ];
    const endpoint = traffic.endpoints[at_] as PlannedEndpoint; // drawn from the list
    const proxy = this.#proxies.next();
    const table = proxy?.table;
    if (proxy === undefined) {
      this.#chronicle.unserved += 1;
      return;
    }
    const index = at_ * traffic.tenants.length + tenant;
    // Before its first table a proxy serves the control.
    if (table === undefined) {
      this.#chronicle.request(at, index, false);
      return;
    }
    const cell = this.#cells.of(at_, tenant);
    const subject = `${cell.tenant}/u${user}`;
    const wall = this.#clock.now();
    const { method, origin, id } = endpoint;
    const decision = decide(
      { method, endpoint: id, origin, tenant: cell.tenant, subject, hasRange: false },
      table,
      wall,
    );
    const ms = this.#latency(decision.side);
    const outcome = this.#outcome(decision.side, at_, tenant, ms);
    const isSafe = isSafeMethod(method);
    const isCandidate = decision.side === 'candidate';
    let other: Outcome | undefined;
    let otherMs = 0;
    const ask = (): Outcome => {
      const side = isCandidate ? 'control' : 'candidate';
      otherMs = this.#latency(side);
      other = this.#outcome(side, at_, tenant, otherMs);
      return other;
    };
    const isFailedOver = isCandidate && isSafe && isFailure(outcome);
    const instead = isFailedOver ? ask() : undefined;
    if (isCandidate) this.#watchCandidate({ isCut: proxy.isCut, cell, decision, outcome, endpoint: at_, index, at });
    if (isFailedOver) {
      this.#chronicle.failedOver += 1;
      this.#witness.failedOver(instead !== undefined, () => `${cell.key} got the candidate's failure`);
    }
    this.#chronicle.request(at, index, isCandidate && !isFailedOver);
    if (isCandidate && !isFailedOver && outcome !== 'right' && (other ?? ask()) === 'right')
      this.#chronicle.hurt(tenant * traffic.subjects + user);
    const isHeard = !proxy.isCut && this.#brain !== undefined;
    if (isHeard) {
      this.#brain?.mover?.served(
        servedRecord({
          at: wall,
          decision,
          tenant: cell.tenant,
          endpoint,
          outcome,
          instead,
          ms: ms + (isFailedOver ? otherMs : 0),
        }),
      );
    }
    const policy = table.policyOf(id);
    const target = `r${request}`;
    const drawn = proxy.lot.draw({ decision, method, policy, cell, subject, target }, at);
    const isDrawn = drawn !== undefined;
    if (!isDrawn && !(isFailedOver && proxy.lot.drawFailover(policy, at))) return;
    const others = other ?? ask();
    if (!isCandidate && others !== 'right') this.#lastMistake[at_] = at;
    this.#number += 1;
    const number = this.#number;
    const versions = { ...this.#truth.version };
    const isMurky = this.#truth.noise > 0 && this.#chance.next() < this.#truth.noise;
    const waitMs = Math.min(ms, settings.mirror.timeoutMs) + Math.min(otherMs, settings.mirror.timeoutMs) + COMPARE_MS;
    this.#copies.moveTo(at);
    this.#copies.after(waitMs, () => {
      proxy.lot.done();
      const pair = {
        number,
        at: this.#clock.now(),
        decision,
        cell,
        subject,
        target,
        outcomes: isCandidate ? { control: others, candidate: outcome } : { control: outcome, candidate: others },
        durationsMs: isCandidate ? { control: otherMs, candidate: ms } : { control: ms, candidate: otherMs },
        versions,
        isMurky,
        isUndrawn: !isDrawn,
        isPreferred: drawn === 'preferred',
      };
      const verified = verifiedExchange(pair);
      const { verdict } = verified.result;
      if (verdict !== 'ignored') this.#chronicle.verdicts[verdict] += 1;
      if (proxy.isCut || this.#brain === undefined) return;
      if (verdict === 'match') {
        this.#matches[index] = (this.#matches[index] ?? 0) + 1;
        this.#pooledMatches[at_] = (this.#pooledMatches[at_] ?? 0) + 1;
      }
      this.#brain.verified(verified);
    });
  }

  /** What is watched of a request that the candidate got. */
  #watchCandidate(one: {
    readonly isCut: boolean;
    readonly cell: ReturnType<CellNames['of']>;
    readonly decision: Decision;
    readonly outcome: Outcome;
    readonly endpoint: number;
    readonly index: number;
    readonly at: number;
  }): void {
    const { cell, decision, outcome, endpoint, index, at } = one;
    if (outcome !== 'right') this.#lastMistake[endpoint] = at;
    if (decision.reason !== 'dial') return;
    const policy = this.#proxies.newest?.policyOf(cell.endpoint);
    if (policy?.proof !== 'none') this.#witness.served(cell, one.isCut ? undefined : this.#brain);
    const truth = this.#truth;
    if ((truth.wrong[index] ?? 0) > 0) expose(truth, endpoint, 'answers', at);
    if ((truth.failing.candidate[endpoint] ?? 0) > (truth.failing.control[endpoint] ?? 0))
      expose(truth, endpoint, 'failures', at);
    expose(truth, endpoint, 'latency', at);
  }

  #latency(side: Side): number {
    return latencyOf(this.#truth.latency[side], () => this.#chance.normal());
  }

  #outcome(side: Side, endpoint: number, tenant: number, ms: number): Outcome {
    const truth = this.#truth;
    if (truth.isDown[side]) return 'refused';
    const failing = truth.failing[side][endpoint] ?? 0;
    if (failing > 0 && this.#chance.next() < failing) return 'failed';
    if (ms > this.#scenario.settings.sides[side].firstByteTimeoutMs) return 'timeout';
    if (side === 'control') return 'right';
    const wrong = truth.wrong[endpoint * this.#scenario.traffic.tenants.length + tenant] ?? 0;
    return wrong > 0 && this.#chance.next() < wrong ? 'wrong' : 'right';
  }
}

function expose(truth: Truth, endpoint: number, flaw: 'answers' | 'failures' | 'latency', at: number): void {
  const spell = truth.spellOf(endpoint, flaw);
  if (spell !== undefined) spell.exposedAt ??= at;
}

/** Everything that waits for nothing but other promises is done when this resolves. */
function drained(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

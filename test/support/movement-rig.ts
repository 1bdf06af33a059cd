import type { EvidenceSettings, Settings } from '../../src/config/settings.ts';
import { type Controller, createController } from '../../src/controller/controller.ts';
import { movementRules } from '../../src/controller/movement-rules.ts';
import { Mover } from '../../src/controller/mover.ts';
import { bucketOf } from '../../src/core/bucket.ts';
import { cellKey, type EndpointId, isOpen, type Side, type TenantId } from '../../src/core/cell.ts';
import type { TableBase } from '../../src/core/control-state.ts';
import { decide } from '../../src/core/decide.ts';
import { CutoverError } from '../../src/core/errors.ts';
import { type Freeze, frozenAt } from '../../src/core/freeze.ts';
import type { Clock, JournalEntry, Store, Timer } from '../../src/core/ports.ts';
import type { KnownPower } from '../../src/core/power.ts';
import type { Proof, TableData } from '../../src/core/routing.ts';
import { compileTable, type RoutingTable } from '../../src/core/table.ts';
import { isForced, type TripwirePolicy } from '../../src/core/tripwire.ts';
import type { Verdict } from '../../src/core/verdict.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import { createEvents } from '../../src/telemetry/events.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { ManualClock } from './manual-clock.ts';
import { endpointPolicy, evidenceSettings, servedRecord, verifiedExchange } from './traffic.ts';

/** What a side makes of a request. */
export type Behaviour = 'right' | 'wrong' | 'failed' | 'silent';

/** One simulated request. */
export interface Visit {
  readonly tenant: string;
  readonly endpoint: string;
  readonly subject: string;
  readonly target: number;
  /** Milliseconds since the begin. */
  readonly at: number;
  /** Seeded chance, uniform in [0, 1). */
  chance(): number;
}

export interface WorldOptions {
  readonly seed?: number;
  readonly tenants?: readonly string[];
  readonly endpoints?: readonly string[];
  readonly perSecond?: number;
  /** Share of safe requests that are mirrored. */
  readonly mirrorShare?: number;
  readonly proof?: Proof;
  readonly dialPpm?: number;
  readonly evidence?: Partial<EvidenceSettings>;
  readonly settings?: Partial<Pick<Settings, 'canary' | 'classes' | 'protectedTenants' | 'endpoints' | 'defaults'>>;
  readonly tripwires?: Partial<TripwirePolicy>;
  readonly candidate?: (visit: Visit) => Behaviour;
  readonly control?: (visit: Visit) => Behaviour;
  /** What is known of the power at an endpoint. */
  readonly power?: (endpoint: EndpointId) => KnownPower | undefined;
  /** What is frozen by the calendar. */
  readonly freezes?: readonly Freeze[];
  /** What an earlier world left behind. */
  readonly after?: World;
  /** What of kind `movement` was saved by then. */
  readonly saved?: ReadonlyMap<string, unknown>;
}

export const TRIPWIRES: TripwirePolicy = {
  candidateFailures: { count: 5, withinMs: 10_000 },
  hardDown: { consecutive: 5 },
  reverseMismatch: { count: 3, withinMs: 10_000 },
};

/** A clock whose wall time somebody sets, while monotonic time goes on. */
export class JumpingClock implements Clock {
  readonly #clock = new ManualClock();
  #offset = 0;

  now(): number {
    return this.#clock.now() + this.#offset;
  }
  monotonic(): number {
    return this.#clock.monotonic();
  }
  after(ms: number, run: () => void): Timer {
    return this.#clock.after(ms, run);
  }
  advance(ms: number): void {
    this.#clock.advance(ms);
  }
  jump(ms: number): void {
    this.#offset += ms;
  }
}

/** A memory store that can be gone, or silent. */
export class MortalStore {
  readonly inner: Store = createMemoryStore();
  state: 'works' | 'fails' | 'silent' = 'works';
  /** Highest revision that is in the journal. */
  journaled = 0;

  get store(): Store {
    return new Proxy(this.inner, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        return (...given: unknown[]): unknown => {
          if (this.state === 'fails') return Promise.reject(new CutoverError('STORE_FULL', 'There is no space left.'));
          if (this.state === 'silent') return new Promise(() => {});
          const answer: unknown = Reflect.apply(method, target, given);
          if (name === 'commit') this.#note(given[0] as Parameters<Store['commit']>[0]); // what `commit` takes
          return answer;
        };
      },
    });
  }

  /** The store in memory has it when `commit` returns. */
  #note({ journal }: Parameters<Store['commit']>[0]): void {
    for (const { revision } of journal) this.journaled = Math.max(this.journaled, revision);
  }
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Simulated clients, two simulated services, and the real core, Controller and Mover between them, in virtual time.
 * Requests are decided, failed over and mirrored as the proxy does it; verdicts come as from a verifier that is never wrong.
 */
export class World {
  readonly clock: JumpingClock;
  readonly mortal: MortalStore;
  readonly controller: Controller;
  readonly mover: Mover;
  candidate: (visit: Visit) => Behaviour;
  control: (visit: Visit) => Behaviour;
  version = 'v1';
  /** Clients that got a wrong answer, or a failure that the control would not have given. */
  hurt = 0;
  served: Record<Side, number> = { control: 0, candidate: 0 };
  /** I4: requests the candidate served by the dial without a proof that holds. */
  unproven = 0;
  /** I5: tables that were in force before the journal knew, rollbacks excepted. */
  early = 0;
  readonly begin: number;
  readonly #options: WorldOptions;
  readonly #chance: () => number;
  #table: RoutingTable | undefined;
  #rest = 0;

  constructor(options: WorldOptions = {}) {
    this.#options = options;
    this.#chance = seeded(options.seed ?? 1);
    this.clock = options.after?.clock ?? new JumpingClock();
    this.mortal = options.after?.mortal ?? new MortalStore();
    this.begin = this.clock.monotonic();
    this.candidate = options.candidate ?? (() => 'right');
    this.control = options.control ?? (() => 'right');
    const { metrics } = createMetrics();
    const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
    const { store } = this.mortal;
    this.controller = createController({
      store,
      base: baseOf(options),
      clock: this.clock,
      events: createEvents({ log, metrics, clock: this.clock }),
      version: 'test',
      onTable: (table: TableData) => {
        const isRollback = table.latches.length > (this.#table?.data.latches.length ?? 0);
        if (!isRollback && this.mortal.journaled < table.revision) this.early += 1;
        this.#table = compileTable(table);
      },
    });
    this.mover = this.#makeMover(log);
  }

  #makeMover(log: ConstructorParameters<typeof Mover>[0]['log']): Mover {
    const { evidence, settings, tripwires, power } = this.#options;
    return new Mover({
      controller: this.controller,
      store: this.mortal.store,
      clock: this.clock,
      log,
      rules: movementRules({
        evidence: evidenceSettings(evidence),
        protectedTenants: [],
        endpoints: [],
        defaults: {
          dialPpm: 0,
          maxPpm: 1_000_000,
          proof: 'endpoint',
          mirrorPpm: 1_000_000,
          steps: [],
          dwellMs: 600_000,
        },
        ...settings,
      }),
      tripwires: { ...TRIPWIRES, ...tripwires },
      limits: { cells: 10_000, endpoints: 1_000 },
      fingerprint: 'rules-1',
      saved: this.#options.saved ?? new Map(),
      frozen: (order, now) => frozenAt(this.#options.freezes ?? [], order, { now, offsetOf: () => 0 }),
      ...(power === undefined ? {} : { power }),
    });
  }

  async start(): Promise<this> {
    await this.controller.start();
    await this.mover.start();
    await settle();
    return this;
  }

  /** Lets time pass with traffic; stops early when `until` says so. Gives the seconds that passed. */
  async run(seconds: number, until: () => boolean = () => false): Promise<number> {
    const perSecond = this.#options.perSecond ?? 20;
    for (let second = 1; second <= seconds; second += 1) {
      this.#rest += perSecond;
      const visits = Math.floor(this.#rest);
      this.#rest -= visits;
      for (let number = 0; number < visits; number += 1) {
        this.visit(this.#visit());
        await microtasks();
        this.clock.advance(1_000 / visits);
      }
      if (visits === 0) this.clock.advance(1_000);
      await settle();
      if (until()) return second;
    }
    return seconds;
  }

  #visit(): Visit {
    const { tenants = ['acme', 'globex', 'initech', 'umbrella', 'stark'], endpoints = ['GET /a'] } = this.#options;
    const pick = <T>(list: readonly T[]): T => list[Math.floor(this.#chance() * list.length)] as T; // lists are not empty
    return {
      tenant: pick(tenants),
      endpoint: pick(endpoints),
      subject: `u${Math.floor(this.#chance() * 2_000)}`,
      target: Math.floor(this.#chance() * 5_000),
      at: this.clock.monotonic() - this.begin,
      chance: this.#chance,
    };
  }

  /** One request, from decision to verdict. */
  visit(visit: Visit): void {
    const tenant = visit.tenant as TenantId; // names as they come out of identification
    const endpoint = visit.endpoint as EndpointId;
    const table = this.#table;
    if (table === undefined) throw new Error('not started');
    const method = visit.endpoint.split(' ')[0] ?? 'GET';
    const facts = { method, endpoint, origin: 'found', tenant, subject: visit.subject, hasRange: false } as const;
    const decision = decide(facts, table, this.clock.now());
    const candidate = this.candidate(visit);
    const control = this.control(visit);
    const isSafe = method === 'GET';
    const isFailedOver = decision.side === 'candidate' && isSafe && (candidate === 'failed' || candidate === 'silent');
    const servedBy: Side = isFailedOver ? 'control' : decision.side;
    const answer = servedBy === 'control' ? control : candidate;
    this.served[servedBy] += 1;
    if (decision.side === 'candidate' && decision.reason === 'dial' && !this.#hasProof(tenant, endpoint))
      this.unproven += 1;
    if (servedBy === 'candidate' && answer !== 'right' && control === 'right') this.hurt += 1;
    const isBroken = answer === 'failed' || answer === 'silent';
    const chosen = decision.side === 'candidate' ? candidate : control;
    this.mover.served(
      servedRecord({
        at: this.clock.now(),
        tenant,
        endpoint,
        decision,
        side: servedBy,
        servedBy,
        method,
        failedOver: isFailedOver,
        status: isBroken ? 502 : 200,
        failure: chosen === 'silent' ? 'refused' : chosen === 'failed' ? 'status' : undefined,
      }),
    );
    const isMirrored = this.#chance() < (this.#options.mirrorShare ?? 1);
    if (!isSafe || (!isMirrored && !isFailedOver)) return;
    this.#verify(visit, {
      direction: decision.side === 'candidate' ? 'reverse' : 'forward',
      candidate,
      control,
      isForced: isForced(decision),
      isDrawn: isMirrored,
    });
  }

  #hasProof(tenant: TenantId, endpoint: EndpointId): boolean {
    if (this.#options.proof === 'none') return true;
    const { book } = this.mover;
    const record = book.find({ tenant, endpoint })?.record;
    if (record?.proof === undefined) return false;
    // A round may come a second after the time.
    if (record.state === 'renewing') return this.mover.now() <= (record.renewBy ?? 0) + 2_000;
    return JSON.stringify(record.proof.epoch) === JSON.stringify(book.epoch);
  }

  #verify(
    visit: Visit,
    pair: {
      direction: 'forward' | 'reverse';
      candidate: Behaviour;
      control: Behaviour;
      isForced: boolean;
      isDrawn: boolean;
    },
  ): void {
    const cell = { tenant: visit.tenant as TenantId, endpoint: visit.endpoint as EndpointId };
    const isFailure = pair.candidate === 'failed' || pair.candidate === 'silent';
    const isControlGone = pair.control === 'failed' || pair.control === 'silent';
    const verdict: Verdict =
      isControlGone || pair.control === 'wrong' ? 'inconclusive' : pair.candidate === 'right' ? 'match' : 'mismatch';
    const made = verifiedExchange(cell, verdict, {
      at: this.clock.now(),
      direction: pair.direction,
      subjectHash: visit.subject,
      requestHash: `r${visit.target}`,
      statuses: { control: isControlGone ? 503 : 200, candidate: isFailure ? 502 : 200 },
      versions: { control: 'c1', candidate: this.version },
      ...(pair.isForced ? { forced: true } : {}),
      ...(pair.isDrawn ? {} : { unpaired: 'failed-over' }),
    });
    const signature = {
      id: 's',
      endpoint: cell.endpoint,
      pathPattern: 'body/total',
      kind: isFailure ? 'failure' : 'value',
      transition: 'number → number',
    } as const;
    this.mover.verified(verdict === 'mismatch' ? { ...made, result: { ...made.result, signature } } : made);
  }

  /** Whether the candidate may serve the cell. */
  isOpen(tenant: string, endpoint = 'GET /a'): boolean {
    return isOpen(this.controller.state.cells.get(cellKey(tenant as TenantId, endpoint as EndpointId)));
  }

  get openCells(): number {
    return [...this.controller.state.cells.values()].filter(isOpen).length;
  }

  dialOf(endpoint = 'GET /a'): number {
    return this.#table?.dialFor(endpoint as EndpointId, undefined).dialPpm ?? 0;
  }

  /** Whether a rollback covers the cell. */
  isLatched(tenant: string, endpoint = 'GET /a'): boolean {
    return this.#table?.latches.find(endpoint as EndpointId, tenant as TenantId, this.clock.now()) !== undefined;
  }

  async journal(action?: string): Promise<readonly JournalEntry[]> {
    const page = { limit: 200, ...(action === undefined ? {} : { action }) };
    return (await this.mortal.inner.journal(page)).items;
  }

  bucket(subject: string): number {
    return bucketOf(subject, 's');
  }
}

function baseOf({ proof = 'endpoint', dialPpm = 1_000_000 }: WorldOptions): TableBase {
  const nobody = { tenants: [], endpoints: [] };
  return {
    force: { control: nobody, candidate: nobody },
    cohorts: {},
    defaults: endpointPolicy({ proof, writes: true }),
    endpoints: [],
    dials: [{ scope: {}, dialPpm }],
  };
}

async function microtasks(): Promise<void> {
  for (let i = 0; i < 40; i += 1) await Promise.resolve();
}

/** Lets everything run that waits for nothing but the store in memory. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 4; i += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** The name of an endpoint as it comes out of the catalogue. */
export function endpointId(name: string): EndpointId {
  return name as EndpointId; // for tests only
}

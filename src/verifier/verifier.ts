import { createSecretKey, type KeyObject } from 'node:crypto';
import type { CompareSettings, MirrorSettings, RedactSettings } from '../config/settings.ts';
import { murmur3 } from '../core/bucket.ts';
import type { Cell, EndpointId, Side } from '../core/cell.ts';
import type { CapturedRequest, Exchange, Observation } from '../core/observation.ts';
import type {
  AliasKeeper,
  AskAgain,
  Clock,
  Cluster,
  Log,
  NoisePath,
  Random,
  UnverifiedReason,
  VerifiedExchange,
} from '../core/ports.ts';
import { type ComparisonPolicy, comparisonPolicy } from '../core/rule.ts';
import { isSafeMethod } from '../core/safe-request.ts';
import type { ComparisonResult } from '../core/verdict.ts';
import { AlikeTally } from './alike-tally.ts';
import { ClusterBook } from './clusters.ts';
import { Confirmation } from './confirmation.ts';
import { withOwnBodies } from './own-bodies.ts';
import { canRepeat, GAP_SLACK_MS, gapSinceControl, ProbePlan } from './probe.ts';
import { RecordPlan } from './record-plan.ts';
import { areAlike, IDENTICAL } from './same-answers.ts';
import { SessionTrail, type TrailStep } from './session-trail.ts';
import { factsOf } from './stored-exchange.ts';
import { type Outcome, WorkerPool } from './worker-pool.ts';
import type {
  ExchangeFacts,
  NoiseUpdate,
  RulesRequest,
  SettledAs,
  WorkerData,
  WorkerRequest,
} from './worker-protocol.ts';
import { workerRules } from './worker-rules.ts';

export interface VerifierSettings extends CompareSettings {
  readonly redact: RedactSettings;
  readonly mirror: Pick<MirrorSettings, 'maxMemoryBytes'>;
}

export interface VerifierDeps {
  readonly settings: VerifierSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly askAgain: AskAgain;
  /** Where sessions are kept apart by side. */
  readonly aliases?: AliasKeeper;
  /** Key of the marks that stand for secrets; the same after a restart, or equal secrets no longer look equal. */
  readonly redactKey: Uint8Array;
  /** A comparison is done; redacted. With the clusters of its causes, as counted, where it is a mismatch. Results come in any order. */
  readonly onVerified: (verified: VerifiedExchange, clusters: readonly Cluster[]) => void;
  /** What a comparison says once it is known what people accepted; asked before it is counted. Absent: what the thread said. */
  readonly judge?: (verified: VerifiedExchange) => VerifiedExchange;
  readonly onUnverified: (cell: Cell, reason: UnverifiedReason) => void;
  /** What is known about an endpoint's noise changed. */
  readonly onNoise: (endpoint: EndpointId, paths: readonly NoisePath[]) => void;
  /** Saved snapshots. */
  readonly noise: ReadonlyMap<EndpointId, unknown>;
  /** Saved clusters; their counts go on. */
  readonly clusters?: readonly Cluster[];
  /** The thread's file. Tests give one that misbehaves. */
  readonly workerUrl?: URL;
}

export interface Verifier {
  /** Takes an exchange, or counts it as unverified. Never throws, never waits. The bodies of both answers are moved away. */
  offer(exchange: Exchange): void;
  /** A comparison that another process of a fleet made: it is judged, put into clusters and told like one of this process. */
  take(compared: VerifiedExchange): void;
  /** What another process learned of an endpoint's noise. */
  takeNoise(update: NoiseUpdate): void;
  /**
   * Compares by other settings from here on; their number of workers stays what it was.
   * Where that changes what counts, whatever was offered before is unverified (`rules-changed`).
   */
  follow(settings: VerifierSettings): void;
  /** While a reason is given, what the control served is unverified for that reason. */
  pause(reason: UnverifiedReason | undefined): void;
  /** Resolves when nothing is queued, compared, confirmed or probed. */
  idle(): Promise<void>;
  noise(): ReadonlyMap<EndpointId, readonly NoisePath[]>;
  /** What each endpoint learned, to be saved and handed in again as `noise`. */
  snapshots(): ReadonlyMap<EndpointId, unknown>;
  /** What was learned of endpoints that are no more: others have taken their place, and learn anew. */
  forget(endpoints: readonly EndpointId[]): void;
  clusters(): readonly Cluster[];
  cluster(id: string): Cluster | undefined;
  /** Mismatches older than `at` were deleted: clusters that show one of them take a new example. */
  examplesPrunedBefore(at: number): void;
  /** The mismatches that these clusters show were deleted. */
  examplesGone(clusters: readonly string[]): void;
  /** Exchanges that wait for a worker. */
  readonly queueLength: number;
  /** Ends the workers. What is unfinished is unverified (`overload`). */
  close(): Promise<void>;
}

/** The verifier: a bounded queue, worker threads that compare, confirmation, and learning what the control's noise is. */
export function createVerifier(deps: VerifierDeps): Verifier {
  return new QueuedVerifier(deps);
}

/** Thread's time beyond the comparer's own limit, milliseconds: decoding and redaction come on top of comparing. */
const DEADLINE_SLACK_MS = 1_000;

/** How often a step compares at most, each time within the comparer's own limit: a second answer is a lesson and up to four comparisons. */
function comparisonsIn(kind: WorkerRequest['kind'] | RulesRequest['kind']): number {
  return kind === 'again' ? 5 : 1;
}

const WORKER_URL = new URL(
  import.meta.url.endsWith('.ts') ? './compare-worker.ts' : './compare-worker.js',
  import.meta.url,
);

/** An exchange on its way: what is left on this side of the thread. */
interface Task {
  readonly id: number;
  readonly slot: number;
  readonly facts: ExchangeFacts;
  readonly request: CapturedRequest;
  /** What the same person asked for before. */
  readonly before: readonly TrailStep[];
  /** The same as the side that did not serve got it. */
  readonly copied: CapturedRequest;
  readonly timing: Pick<Exchange, 'at' | 'gapMs' | 'direction'>;
  readonly bytes: number;
  /** How often what counts as a difference had changed when it came. */
  readonly rulesTurn: number;
}

class QueuedVerifier implements Verifier {
  readonly #deps: VerifierDeps;
  readonly #pool: WorkerPool;
  readonly #confirmation: Confirmation;
  readonly #probes: ProbePlan;
  readonly #records: RecordPlan;
  readonly #trail: SessionTrail;
  readonly #alike = new AlikeTally();
  readonly #key: KeyObject;
  readonly #clusters = new ClusterBook();
  readonly #noise = new Map<EndpointId, readonly NoisePath[]>();
  readonly #snapshots: Map<EndpointId, unknown>;
  #idlers: (() => void)[] = [];
  #paused: UnverifiedReason | undefined;
  #settings: VerifierSettings;
  #policy: ComparisonPolicy;
  #rulesTurn = 0;
  #lastTask = 0;
  #tasks = 0;
  #bytes = 0;
  #isClosed = false;

  constructor(deps: VerifierDeps) {
    this.#deps = deps;
    this.#settings = deps.settings;
    this.#policy = comparisonPolicy(deps.settings);
    this.#key = createSecretKey(deps.redactKey);
    this.#clusters.restore(deps.clusters ?? []);
    this.#snapshots = new Map(deps.noise);
    this.#confirmation = new Confirmation(deps);
    this.#probes = new ProbePlan(deps.clock, deps.random);
    this.#records = new RecordPlan(deps.clock);
    this.#trail = new SessionTrail(deps.clock);
    this.#pool = new WorkerPool({
      size: deps.settings.workers,
      url: deps.workerUrl ?? WORKER_URL,
      data: (slot) => this.#workerData(slot),
      deadlineMs: ({ kind }) => comparisonsIn(kind) * this.#settings.timeoutMs + DEADLINE_SLACK_MS,
      clock: deps.clock,
      log: deps.log,
    });
  }

  get queueLength(): number {
    return this.#pool.queueLength;
  }

  offer(exchange: Exchange): void {
    const refused = this.#refusal(exchange);
    if (refused !== undefined) {
      this.#deps.onUnverified(exchange.cell, refused);
      this.#deps.aliases?.settled(exchange.id);
      return;
    }
    const task = this.#taskOf(exchange);
    this.#tasks += 1;
    this.#bytes += task.bytes;
    void this.#verify(task, exchange)
      .catch((error: unknown) => this.#fault(task, error))
      .finally(() => {
        this.#deps.aliases?.settled(exchange.id);
        this.#ended(task);
      });
  }

  take(compared: VerifiedExchange): void {
    this.#report(compared);
  }

  takeNoise(update: NoiseUpdate): void {
    this.#noteNoise(update);
  }

  follow(settings: VerifierSettings): void {
    const before = this.#policy;
    this.#settings = { ...settings, workers: this.#settings.workers };
    this.#policy = comparisonPolicy(settings);
    if (JSON.stringify(before) !== JSON.stringify(this.#policy)) this.#rulesTurn += 1;
    this.#pool.follow(workerRules(settings));
  }

  pause(reason: UnverifiedReason | undefined): void {
    this.#paused = reason;
  }

  idle(): Promise<void> {
    return this.#tasks === 0 ? Promise.resolve() : new Promise((resolve) => this.#idlers.push(resolve));
  }

  noise(): ReadonlyMap<EndpointId, readonly NoisePath[]> {
    return this.#noise;
  }

  snapshots(): ReadonlyMap<EndpointId, unknown> {
    return this.#snapshots;
  }

  forget(endpoints: readonly EndpointId[]): void {
    for (const endpoint of endpoints) {
      this.#noise.delete(endpoint);
      this.#snapshots.delete(endpoint);
    }
  }

  clusters(): readonly Cluster[] {
    return this.#clusters.clusters;
  }

  cluster(id: string): Cluster | undefined {
    return this.#clusters.find(id);
  }

  examplesPrunedBefore(at: number): void {
    this.#clusters.prunedBefore(at);
  }

  examplesGone(clusters: readonly string[]): void {
    this.#clusters.examplesGone(clusters);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#confirmation.close();
    await this.#pool.close();
  }

  #refusal(exchange: Exchange): UnverifiedReason | undefined {
    if (this.#isClosed) return 'overload';
    // Where the candidate serves, tripwires live on comparisons: those go on.
    if (this.#paused !== undefined && exchange.direction === 'forward') return this.#paused;
    const { queueLength, mirror } = this.#settings;
    const isFull = this.#pool.queueLength >= queueLength || this.#bytes + bytesOf(exchange) > mirror.maxMemoryBytes;
    return isFull ? 'queue-full' : undefined;
  }

  #taskOf(exchange: Exchange): Task {
    const { request, at, gapMs, direction } = exchange;
    this.#lastTask += 1;
    const facts = factsOf(exchange, this.#key);
    const isRecorded = this.#records.wants(exchange, facts.requestHash);
    return {
      id: this.#lastTask,
      slot: this.#slotOf(exchange.cell.endpoint),
      facts: isRecorded ? { ...facts, recorded: true } : facts,
      request,
      before: this.#trail.note(exchange),
      copied: exchange.copied ?? request,
      timing: { at, gapMs, direction },
      bytes: bytesOf(exchange),
      rulesTurn: this.#rulesTurn,
    };
  }

  /** One endpoint, one worker: that worker alone knows its noise. */
  #slotOf(endpoint: EndpointId): number {
    return murmur3(endpoint) % Math.max(1, this.#settings.workers);
  }

  async #verify(task: Task, exchange: Exchange): Promise<void> {
    const confirm = this.#settings.confirm;
    // A confirmation teaches as much and ends a doubt besides, so the budget is its first.
    const probe = this.#confirmation.waiting === 0 && this.#probes.begin(exchange);
    if (!probe && this.#isAlike(task, exchange)) {
      await this.#finish(task, { kind: 'verified', verified: { ...task.facts, result: IDENTICAL }, held: false });
      return;
    }
    const { moved, transfer } = withOwnBodies(exchange);
    const alike = this.#alike.take(task.slot);
    const { id, facts } = task;
    const request = { kind: 'compare', task: id, exchange: moved, facts, confirm, probe, alike } as const;
    const outcome = await this.#paired(task, await this.#pool.run(task.slot, { request, transfer, isUrgent: false }));
    this.#deps.aliases?.settled(exchange.id);
    const isHeld = outcome.kind === 'verified' && outcome.held;
    if (probe && !isHeld) this.#probes.ended(task.facts.cell.endpoint, 'skipped');
    if (outcome.kind === 'unconfirmed') await this.#confirm(task, outcome.cause);
    else await this.#finish(task, outcome);
    if (isHeld) await this.#probe(task);
  }

  /** Two answers of the same bytes need no thread, unless it is to learn from them or to make a copy. */
  #isAlike({ facts, slot }: Task, exchange: Exchange): boolean {
    return facts.recorded !== true && areAlike(exchange, this.#policy) && this.#alike.add(slot, exchange);
  }

  /** Names that the answers told are taken before anything that follows in the session is sent. */
  async #paired(task: Task, outcome: Outcome): Promise<Outcome> {
    if (outcome.kind !== 'pairs') return outcome;
    const broken = this.#deps.aliases?.learn(task.facts.id, outcome.pairs) ?? [];
    return await this.#step(task, { kind: 'paired', task: task.id, broken });
  }

  /** The request as a side knows it. */
  #requestTo(side: Side, task: Task): CapturedRequest {
    const served: Side = task.timing.direction === 'forward' ? 'control' : 'candidate';
    return side === served ? task.request : task.copied;
  }

  /** A mismatch is held by the worker: ask the control again, then the candidate. */
  async #confirm(task: Task, signature: string): Promise<void> {
    const cause = `${signature} ${task.facts.versions.candidate}`;
    // A write that its endpoint lets be mirrored cannot be asked again, and no other write lies between the two answers.
    if (!canRepeat(task.request)) {
      const as = isSafeMethod(task.request.method) ? 'unconfirmed' : 'unrepeated';
      return this.#finish(task, await this.#settle(task, as));
    }
    const control = await this.#confirmation.askControl(this.#requestTo('control', task), {
      status: task.facts.statuses.control,
      cause,
    });
    if (typeof control === 'string') return this.#finish(task, await this.#settle(task, control));
    const gapMs = gapSinceControl(task.timing, control.askedAt);
    const judged = await this.#again(task, { side: 'control', observation: control.answer, gapMs });
    if (judged.kind !== 'steady') {
      if (judged.kind === 'verified') this.#confirmation.ended(cause, 'moved');
      return this.#finish(task, judged);
    }
    this.#noteNoise(judged.noise);
    const askedAt = this.#deps.clock.now();
    const candidate = await this.#confirmation.askCandidate(this.#requestTo('candidate', task));
    const sinceMs = gapSinceControl(task.timing, askedAt);
    const final =
      candidate === undefined
        ? await this.#settle(task, 'unrepeated')
        : await this.#again(task, { side: 'candidate', observation: candidate, gapMs: sinceMs });
    // Slow once is not slow: that cause stands only where the candidate was so again.
    const stands = final.kind !== 'verified' || final.verified.result.verdict === 'mismatch';
    this.#confirmation.ended(cause, stands && judged.cause === signature ? 'steady' : 'moved');
    await this.#finish(task, final);
  }

  /** The worker holds the control's answer: ask the control again after as long a time as lay between the pair. */
  async #probe(task: Task): Promise<void> {
    const { endpoint } = task.facts.cell;
    await this.#delay(task.timing.gapMs - gapSinceControl(task.timing, this.#deps.clock.now()));
    const gapMs = gapSinceControl(task.timing, this.#deps.clock.now());
    const isLate = gapMs > task.timing.gapMs + GAP_SLACK_MS;
    const again =
      isLate || this.#isClosed ? undefined : await this.#deps.askAgain.ask('control', this.#requestTo('control', task));
    if (again?.kind === 'answer') {
      const outcome = await this.#again(task, { side: 'control', observation: again, gapMs });
      this.#noteNoise(noiseOf(outcome));
    } else {
      await this.#step(task, { kind: 'drop', task: task.id });
    }
    this.#probes.ended(endpoint, again === undefined ? (isLate ? 'skipped' : 'refused') : 'learned');
  }

  #again(
    task: Task,
    again: { side: 'control' | 'candidate'; observation: Observation; gapMs: number },
  ): Promise<Outcome> {
    return this.#step(task, { kind: 'again', task: task.id, ...again });
  }

  #settle(task: Task, as: SettledAs): Promise<Outcome> {
    return this.#step(task, { kind: 'settle', task: task.id, as });
  }

  /** A further step of a task the worker holds; before new ones, because it frees memory. */
  #step(task: Task, request: WorkerRequest): Promise<Outcome> {
    return this.#pool.run(task.slot, { request, transfer: [], isUrgent: true });
  }

  async #finish(task: Task, outcome: Outcome): Promise<void> {
    this.#noteNoise(noiseOf(outcome));
    if (outcome.kind === 'verified') {
      this.#compared(task, await this.#withSession(task, outcome.verified));
    } else if (outcome.kind === 'lost' && outcome.why === 'closed') {
      this.#deps.onUnverified(task.facts.cell, 'overload');
    } else if (outcome.kind === 'lost' && outcome.why === 'deadline') {
      this.#compared(task, { ...task.facts, result: inconclusive('tooLarge') });
    } else {
      if (outcome.kind === 'fault')
        this.#deps.log.error('verifier.fault', { error: outcome.message, exchange: task.facts.id });
      this.#compared(task, { ...task.facts, result: inconclusive('fault') });
    }
  }

  /** A mismatch together with what led to it, where it needs that. */
  async #withSession({ id, slot, before, request }: Task, verified: VerifiedExchange): Promise<VerifiedExchange> {
    if (verified.result.verdict !== 'mismatch' || verified.unkept === true || before.length === 0) return verified;
    const chain = { kind: 'chain', task: id, steps: before, request } as const;
    const outcome = await this.#pool.run(slot, { request: chain, transfer: [], isUrgent: true });
    const session = outcome.kind === 'chain' ? outcome.session : undefined;
    return session === undefined ? verified : { ...verified, session };
  }

  #compared(task: Task, compared: VerifiedExchange): void {
    // By which rules it was compared is not known: it must speak neither for nor against under the new ones.
    if (task.rulesTurn === this.#rulesTurn) this.#report(compared);
    else this.#deps.onUnverified(task.facts.cell, 'rules-changed');
  }

  #report(compared: VerifiedExchange): void {
    const verified = this.#deps.judge?.(compared) ?? compared;
    this.#deps.onVerified(verified, this.#clusters.add(verified));
  }

  #noteNoise(update: NoiseUpdate | undefined): void {
    if (update === undefined) return;
    this.#noise.set(update.endpoint, update.paths);
    this.#snapshots.set(update.endpoint, update.snapshot);
    this.#probes.learned(update.endpoint, update.paths);
    this.#deps.onNoise(update.endpoint, update.paths);
  }

  /** A fault on this side of the thread; the exchange is unverified, whoever was to blame. */
  #fault(task: Task, error: unknown): void {
    this.#deps.log.error('verifier.fault', {
      error: error instanceof Error ? error.name : 'unknown',
      exchange: task.facts.id,
    });
    this.#deps.onUnverified(task.facts.cell, 'fault');
  }

  #ended(task: Task): void {
    this.#tasks -= 1;
    this.#bytes -= task.bytes;
    if (this.#tasks > 0) return;
    const idlers = this.#idlers;
    this.#idlers = [];
    for (const resolve of idlers) resolve();
  }

  async #delay(ms: number): Promise<void> {
    if (ms <= 0) return;
    await new Promise<void>((resolve) => this.#deps.clock.after(ms, resolve));
  }

  #workerData(slot: number): WorkerData {
    return {
      ...workerRules(this.#settings),
      redactKey: this.#deps.redactKey,
      noise: [...this.#snapshots].filter(([endpoint]) => this.#slotOf(endpoint) === slot),
    };
  }
}

function inconclusive(reason: 'tooLarge' | 'fault'): ComparisonResult {
  return { verdict: 'inconclusive', differences: [], differenceCount: 0, identical: false, reason };
}

function noiseOf(outcome: Outcome): NoiseUpdate | undefined {
  return outcome.kind === 'lost' ? undefined : outcome.noise;
}

function bytesOf({ request, control, candidate }: Exchange): number {
  return (request.body?.length ?? 0) + bodyBytes(control) + bodyBytes(candidate);
}

function bodyBytes(observation: Observation): number {
  if (observation.kind === 'failure') return 0;
  const { body, decoded } = observation;
  return body.length + (typeof decoded === 'object' ? decoded.body.length : 0);
}

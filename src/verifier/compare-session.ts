import type { AliasPair } from '../core/alias/pair.ts';
import type { EndpointId } from '../core/cell.ts';
import { quickestOf, slowestOf, withoutTimes } from '../core/compare/slowness.ts';
import type { CapturedRequest, Exchange, Observation } from '../core/observation.ts';
import type { NoisePath, VerifiedExchange } from '../core/ports.ts';
import { type ComparisonResult, type Difference, signaturesOf } from '../core/verdict.ts';
import type { AlikeCount } from './alike-tally.ts';
import { KeepPlan } from './keep-plan.ts';
import { candidateFailed, hasMoved, isUnexplained, movedBetween } from './moved.ts';
import { publicNoise } from './public-noise.ts';
import { type StoreOptions, verifiedExchange } from './stored-exchange.ts';
import { storedSession } from './stored-session.ts';
import type { ExchangeFacts, NoiseUpdate, WorkerReply, WorkerRequest } from './worker-protocol.ts';

/** What the session needs of the comparer. */
export interface ExchangeComparer {
  /** `isMoved`: differences that do not name the cause while another one can. `isCounted`: once per exchange. */
  compare(exchange: Exchange, isMoved?: (difference: Difference) => boolean, isCounted?: boolean): ComparisonResult;
  /** For the first time; `fresh` are the names that the answers tell of a session. */
  compareFirst(exchange: Exchange): { readonly result: ComparisonResult; readonly fresh: readonly AliasPair[] };
  /** `isChosen`: repeated whatever the candidate answered, so that the pair may count in statistics. */
  learn(
    endpoint: EndpointId,
    request: CapturedRequest,
    first: Observation,
    again: Observation,
    gapMs: number,
    at?: number,
    isChosen?: boolean,
  ): void;
  /** Pairs that were alike, and that it did not see. */
  countAlike(alike: AlikeCount): void;
  noise(endpoint: EndpointId): readonly NoisePath[];
  snapshot(endpoint: EndpointId): unknown;
}

/** What waits to hear which of its new names contradict what is known. */
interface Pairing {
  readonly request: Extract<WorkerRequest, { kind: 'compare' }>;
  readonly fresh: readonly AliasPair[];
}

interface Held {
  readonly exchange: Exchange;
  readonly facts: ExchangeFacts;
  /** Of the first comparison; undefined where the exchange is held for a probe. */
  readonly result: ComparisonResult | undefined;
  /** Chosen for a probe before it was compared; otherwise the control is asked again because it is a mismatch. */
  readonly probe: boolean;
  /** The control's second answer, once it is here. */
  readonly controlAgain?: Observation;
  /** Which differences lie where the control contradicts itself, once that is known. */
  readonly isMoved?: (difference: Difference) => boolean;
}

/** Exchanges held between two steps. The verifier holds fewer; this bounds a verifier that forgets. */
const MOST_HELD = 128;
/** The first lessons of an endpoint are all reported, then one in ten: snapshots are not small. */
const EAGER_LESSONS = 20;
const LESSONS_PER_REPORT = 10;
/** Endpoints whose lessons are counted; beyond it counting starts again, which only reports more often. */
const MOST_ENDPOINTS = 10_000;

/**
 * One worker's side of the conversation: compares, holds what must be confirmed, learns, and lets nothing out unredacted.
 * Knows no threads: it takes a request and gives the reply.
 */
export class CompareSession {
  readonly #comparer: ExchangeComparer;
  #store: StoreOptions;
  readonly #held = new Map<number, Held>();
  readonly #pairing = new Map<number, Pairing>();
  readonly #lessons = new Map<EndpointId, number>();
  readonly #keep: KeepPlan;

  /** @param monotonic Milliseconds that only grow; the process's own by default. */
  constructor(comparer: ExchangeComparer, store: StoreOptions, monotonic = () => performance.now()) {
    this.#keep = new KeepPlan(monotonic);
    this.#comparer = comparer;
    this.#store = store;
  }

  /** From here on answers are kept so. */
  storeBy(store: StoreOptions): void {
    this.#store = store;
  }

  /** Never throws: what goes wrong in comparing is a fault, and what was held for the task is forgotten. */
  handle(request: WorkerRequest): WorkerReply {
    try {
      return this.#handle(request);
    } catch (error) {
      this.#held.delete(request.task);
      this.#pairing.delete(request.task);
      // The message of a parser may quote the body, so only the error's name leaves (I8).
      return { kind: 'fault', message: error instanceof Error ? error.name : 'unknown' };
    }
  }

  #handle(request: WorkerRequest): WorkerReply {
    switch (request.kind) {
      case 'compare':
        return this.#compare(request);
      case 'paired':
        return this.#paired(request);
      case 'again':
        return request.side === 'control' ? this.#controlAgain(request) : this.#candidateAgain(request);
      case 'settle':
        return this.#settle(request);
      case 'chain':
        return { kind: 'chain', session: storedSession(request.steps, request.request, this.#store) };
      case 'drop':
        return this.#release(request.task) === undefined ? { kind: 'gone' } : { kind: 'done' };
    }
  }

  #release(task: number): Held | undefined {
    const held = this.#held.get(task);
    this.#held.delete(task);
    return held;
  }

  #compare(request: Extract<WorkerRequest, { kind: 'compare' }>): WorkerReply {
    for (const alike of request.alike) this.#comparer.countAlike(alike);
    const { result, fresh } = this.#comparer.compareFirst(request.exchange);
    if (fresh.length === 0 || this.#pairing.size >= MOST_HELD) return this.#compared(request, result);
    this.#pairing.set(request.task, { request, fresh });
    return { kind: 'pairs', pairs: fresh };
  }

  /** The names are known now, but for those that are somebody else's. */
  #paired({ task, broken }: Extract<WorkerRequest, { kind: 'paired' }>): WorkerReply {
    const pairing = this.#pairing.get(task);
    this.#pairing.delete(task);
    if (pairing === undefined) return { kind: 'gone' };
    const { request, fresh } = pairing;
    const known = fresh.filter((pair) => !broken.some((other) => isSamePair(pair, other)));
    const session = { pairs: [...(request.exchange.session?.pairs ?? []), ...known], broken };
    const exchange = { ...request.exchange, session };
    return this.#compared({ ...request, exchange }, this.#comparer.compare(exchange));
  }

  #compared(request: Extract<WorkerRequest, { kind: 'compare' }>, result: ComparisonResult): WorkerReply {
    const { exchange, facts, task } = request;
    const isOpen = result.verdict === 'mismatch' && request.confirm && !candidateFailed(exchange);
    if (isOpen && this.#held.size < MOST_HELD) {
      this.#held.set(task, { exchange, facts, result, probe: request.probe });
      return { kind: 'unconfirmed', cause: result.signature?.id ?? '' };
    }
    const held = request.probe && !isOpen && this.#held.size < MOST_HELD;
    if (held) this.#held.set(task, { exchange, facts, result: undefined, probe: true });
    const final = isOpen ? unconfirmed(result) : result;
    return { kind: 'verified', verified: this.#verified({ exchange, facts }, final), held };
  }

  #settle({ task, as }: Extract<WorkerRequest, { kind: 'settle' }>): WorkerReply {
    const held = this.#release(task);
    if (held?.result === undefined) return { kind: 'gone' };
    // What is known is the gravest cause; that the candidate was slow besides is not.
    const isProved = as === 'mismatch' && (held.result.signature?.kind === 'timing' || !isSlow(held.result));
    const result =
      as === 'unconfirmed'
        ? unconfirmed(held.result)
        : isProved
          ? held.result
          : this.#unrepeated(held.exchange, held.result, held.isMoved);
    return { kind: 'verified', verified: this.#verified(held, result), held: false };
  }

  /** The second reading of the control: first a lesson about noise, then the test of the mismatch. */
  #controlAgain({ task, observation, gapMs }: Extract<WorkerRequest, { kind: 'again' }>): WorkerReply {
    const held = this.#release(task);
    if (held === undefined) return { kind: 'gone' };
    const noise = this.#learn(held, observation, gapMs);
    if (held.result === undefined) return { kind: 'done', ...noise };
    const exchange = { ...held.exchange, control: slowestOf(held.exchange.control, observation) };
    const result = this.#comparer.compare(exchange);
    const { judged, isMoved } =
      result.verdict === 'mismatch' ? this.#judge(exchange, result, { observation, gapMs }) : { judged: result };
    if (judged.verdict !== 'mismatch')
      return { kind: 'verified', verified: this.#verified(held, judged), held: false, ...noise };
    this.#held.set(task, {
      ...held,
      exchange,
      result: judged,
      controlAgain: observation,
      ...(isMoved === undefined ? {} : { isMoved }),
    });
    return { kind: 'steady', cause: judged.signature?.id ?? '', ...noise };
  }

  /** `inconclusive` where the control's first answer is gone; else the mismatch, named by what the control did repeat. */
  #judge(
    exchange: Exchange,
    result: ComparisonResult,
    { observation, gapMs }: Pick<Extract<WorkerRequest, { kind: 'again' }>, 'observation' | 'gapMs'>,
  ): { readonly judged: ComparisonResult; readonly isMoved?: (difference: Difference) => boolean } {
    // Both are the control's: it has one name for everything.
    const { session: _, ...alone } = exchange;
    const between = this.#comparer.compare({ ...alone, candidate: observation, gapMs });
    const isGone =
      hasMoved(result, between) ||
      (between.verdict === 'mismatch' && this.#agrees(later(exchange, { control: observation }, gapMs)));
    if (isGone) return { judged: inconclusive(result, 'controlMoved') };
    const isMoved = movedBetween(between);
    return { judged: this.#comparer.compare(exchange, isMoved), isMoved };
  }

  #candidateAgain({ task, observation, gapMs }: Extract<WorkerRequest, { kind: 'again' }>): WorkerReply {
    const held = this.#release(task);
    if (held?.result === undefined) return { kind: 'gone' };
    const { controlAgain } = held;
    const exchange = { ...held.exchange, candidate: quickestOf(held.exchange.candidate, observation) };
    const result = isSlow(held.result)
      ? this.#rejudged(observation.kind === 'answer' ? exchange : withoutTimes(exchange), held.isMoved)
      : held.result;
    // What it differed in was its time, and this time it was quick: once is no proof.
    if (result.verdict !== 'mismatch') return { kind: 'verified', verified: this.#verified(held, result), held: false };
    const isRight =
      this.#agrees(later(exchange, { candidate: observation }, gapMs)) ||
      (controlAgain !== undefined &&
        this.#agrees(later(exchange, { control: controlAgain, candidate: observation }, gapMs)));
    const final: ComparisonResult = isRight ? { ...result, intermittent: true } : result;
    return { kind: 'verified', verified: this.#verified(held, final), held: false };
  }

  /** What stands of a mismatch whose candidate could not be asked again: everything but how long it took. */
  #unrepeated(exchange: Exchange, result: ComparisonResult, isMoved: Held['isMoved']): ComparisonResult {
    if (!isSlow(result)) return result;
    const rest = this.#rejudged(withoutTimes(exchange), isMoved);
    return rest.verdict === 'match' || rest.verdict === 'ignored' ? unconfirmed(result) : rest;
  }

  /** With other times than before: what was a mismatch for its slowness may be none, or one that the control moved. */
  #rejudged(exchange: Exchange, isMoved: Held['isMoved']): ComparisonResult {
    const result = this.#comparer.compare(exchange, isMoved);
    if (result.verdict !== 'mismatch' || isMoved === undefined) return result;
    const open = result.differences.filter(isUnexplained);
    return open.every(isMoved) ? inconclusive(result, 'controlMoved') : result;
  }

  #agrees(exchange: Exchange): boolean {
    const { verdict } = this.#comparer.compare(exchange);
    return verdict === 'match' || verdict === 'ignored';
  }

  #learn({ exchange, probe }: Held, again: Observation, gapMs: number): { noise?: NoiseUpdate } {
    const { endpoint } = exchange.cell;
    this.#comparer.learn(endpoint, exchange.request, exchange.control, again, gapMs, exchange.at, probe);
    const lessons = (this.#lessons.get(endpoint) ?? 0) + 1;
    if (this.#lessons.size >= MOST_ENDPOINTS) this.#lessons.clear();
    this.#lessons.set(endpoint, lessons);
    if (lessons > EAGER_LESSONS && lessons % LESSONS_PER_REPORT !== 0) return {};
    const learned = { endpoint, paths: this.#comparer.noise(endpoint), snapshot: this.#comparer.snapshot(endpoint) };
    return { noise: publicNoise(learned, this.#store.redactor) };
  }

  #verified(held: Pick<Held, 'exchange' | 'facts'>, result: ComparisonResult): VerifiedExchange {
    const { exchange, facts } = held;
    const isKept = result.verdict === 'mismatch' && this.#keep.wants(signaturesOf(result).map(({ id }) => id));
    return verifiedExchange({ exchange, facts, result, isKept }, this.#store);
  }
}

/** The exchange with a second answer in it: how far the clocks of the two may be apart is another time then. */
function later(exchange: Exchange, again: Partial<Pick<Exchange, 'control' | 'candidate'>>, gapMs: number): Exchange {
  return { ...exchange, ...again, gapMs: Math.max(exchange.gapMs, gapMs) };
}

/** Whether how long the candidate took speaks against it; what comes behind 200 differences is told as a cause only. */
function isSlow(result: ComparisonResult): boolean {
  return (
    result.differences.some((difference) => difference.kind === 'timing' && isUnexplained(difference)) ||
    signaturesOf(result).some(({ kind }) => kind === 'timing')
  );
}

function isSamePair(a: AliasPair, b: AliasPair): boolean {
  return a.kind === b.kind && a.control === b.control && a.candidate === b.candidate;
}

function unconfirmed(result: ComparisonResult): ComparisonResult {
  return inconclusive(result, 'unconfirmed');
}

/** A mismatch that does not stand: it names no cluster. */
function inconclusive(result: ComparisonResult, reason: string): ComparisonResult {
  const { signature: _, signatures: __, moreCauses: ___, ...rest } = result;
  return { ...rest, verdict: 'inconclusive', reason };
}

import type { Settings } from '../config/settings.ts';
import type { Side, TenantId } from '../core/cell.ts';
import type { FailureKind } from '../core/observation.ts';
import type { Clock, Log, ServedRecord, TrafficSink } from '../core/ports.ts';
import type { Decision, EndpointOrigin, EndpointPolicy } from '../core/routing.ts';
import { isSafeMethod } from '../core/safe-request.ts';
import { Attempt } from './attempt.ts';
import type { CandidateBreakers } from './breakers.ts';
import { ClientBody } from './client-body.ts';
import type { ClientExchange } from './client-exchange.ts';
import type { ActiveRequest } from './connection.ts';
import { answerHeaders, headerPolicy, headersForSide, passingTrailers } from './headers.ts';
import type { Mirrors, Sample } from './mirror.ts';
import type { MirrorCandidate } from './mirror-candidate.ts';
import type { Problem } from './problem.ts';
import type { RequestHead } from './request-guard.ts';
import type { ResponseHead, Upstream, UpstreamFailure } from './upstream.ts';
import { isFailureStatus, problemFor } from './upstream-problem.ts';

export interface ForwardDeps {
  readonly settings: Settings;
  readonly upstreams: Readonly<Record<Side, Upstream>>;
  readonly mirrors: Mirrors;
  /** Absent: off. */
  readonly breakers: CandidateBreakers | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly sink: TrafficSink;
  /** Requests whose client may be keeping us waiting; looked through once a second. */
  readonly watched: Set<Forward>;
}

/** A request with everything that was decided about it. */
export interface Decided {
  readonly head: RequestHead;
  readonly decision: Decision;
  /** A breaker keeps it from the one side that could answer: this is all the client gets. */
  readonly refusal?: Problem;
  readonly origin: EndpointOrigin;
  readonly policy: EndpointPolicy;
  readonly tenant: TenantId | undefined;
  readonly mirrorCandidate: MirrorCandidate;
  /** The candidate's breakers hear how it went. */
  readonly isProbeable: boolean;
  /** An idempotency key binds it to the side of the decision. */
  readonly isKeyed: boolean;
  /** Milliseconds since the epoch, and on the monotonic clock. */
  readonly at: number;
  readonly arrivedAt: number;
}

/** Bodies up to here are remembered while the candidate may still fail; larger ones are sent once. */
export const REPLAY_BYTES = 65_536;
/** How long a client may take to fetch the beginning of an answer that broke off. */
const BREAK_OFF_MS = 1_000;
/** One request's way to an upstream and its answer's way back. */
export class Forward implements ActiveRequest {
  readonly deps: ForwardDeps;
  readonly decided: Decided;
  readonly #down: ClientExchange;
  readonly #body: ClientBody | undefined;
  #sample: Sample | undefined;
  /** Already counted as unverified: a failover must not count it again. */
  readonly #isCounted: boolean;
  #current: Attempt | undefined;
  /** Status sent to the client; 0 while there is none. */
  #status = 0;
  #servedBy: Side | undefined;
  #failure: ServedRecord['failure'];
  #failedOver = false;
  #upstreamMs = 0;
  /** Time spent waiting for upstreams up to the answer's first byte, failed attempts included. */
  #waitedMs = 0;
  #firstByteAt: number | undefined;
  #isChunked = false;
  #isDelimited = false;
  #bodyBegan = false;
  #blockedSince: number | undefined;
  #listensForDrain = false;
  /** We ended the connection ourselves, because the upstream broke off: the client did not abort. */
  #isCut = false;
  #isClosed = false;

  constructor(deps: ForwardDeps, down: ClientExchange, decided: Decided) {
    this.deps = deps;
    this.#down = down;
    this.decided = decided;
    const drawn = deps.mirrors.sample(decided.mirrorCandidate, decided.decision.side);
    this.#isCounted = typeof drawn === 'string';
    this.#sample = typeof drawn === 'object' ? drawn : undefined;
    this.#body = this.#createBody();
  }

  /** Sends the request to the decided side. */
  start(): void {
    if (this.#isClosed) return;
    const { refusal } = this.decided;
    if (refusal !== undefined) {
      this.#answerProblem(refusal);
      this.#body?.discard();
      return;
    }
    if (this.#body !== undefined) this.deps.watched.add(this);
    this.#send(this.decided.decision.side);
  }

  #createBody(): ClientBody | undefined {
    const { head, decision } = this.decided;
    if (head.body === 'none') return undefined;
    const forReplay = decision.side === 'candidate' ? REPLAY_BYTES : 0;
    const forMirror = this.#sample?.maxBodyBytes ?? 0;
    const { clock } = this.deps;
    return new ClientBody(this.#down, {
      keepBytes: Math.max(forReplay, forMirror),
      lengthBytes: head.body === 'chunked' ? undefined : head.body,
      now: () => clock.monotonic(),
    });
  }

  #send(side: Side): void {
    const { head, policy } = this.decided;
    const attempt = new Attempt(this, side, this.deps.clock.monotonic());
    this.#current = attempt;
    if (side === 'candidate')
      attempt.toBreaker = this.deps.breakers?.begin(this.decided.decision.endpoint, this.decided.isProbeable);
    const settings = this.deps.settings.sides[side];
    const call = this.deps.upstreams[side].request(
      {
        method: head.method,
        target: head.target,
        rawHeaders: headersForSide(head.headers, headerPolicy(side, settings), {
          sharedValidators: policy.sharedValidators,
          conditional: head.conditional,
          credentials: head.credentials,
        }),
        body: head.body,
        upgrade: false,
        retryable: head.body === 'none' && isSafeMethod(head.method),
      },
      attempt,
    );
    attempt.call = call;
    // The upstream may have failed within the call; then another attempt is under way, or none.
    if (this.#current === attempt) this.#body?.connect(call);
  }

  // --- what the present attempt reports; older ones are not listened to ---

  isCurrent(attempt: Attempt): boolean {
    return this.#current === attempt;
  }

  onInformational(status: number, rawHeaders: string[]): void {
    if (this.#down.hasBegun || !this.#down.isModern) return;
    try {
      this.#down.interim(status, rawHeaders, this.decided.head.expectsContinue);
    } catch (error) {
      // An interim answer is advice; a client can do without.
      this.deps.log.debug('proxy.interim-dropped', { status, message: String(error) });
    }
  }

  onHead(attempt: Attempt, head: ResponseHead): void {
    this.#waitedMs += attempt.firstByteMs;
    if (isFailureStatus(head.status)) {
      attempt.toBreaker?.failed();
      if (attempt.side === 'candidate' && this.#mayFailOver(false)) {
        this.#failOver(attempt, 'status');
        return;
      }
      this.#failure ??= 'status';
    }
    this.#relayHead(attempt, head);
  }

  onData(chunk: Buffer): boolean {
    this.#bodyBegan = true;
    this.#sample?.data(chunk);
    if (this.#down.write(chunk)) return true;
    this.#blockedSince = this.deps.clock.monotonic();
    this.deps.watched.add(this);
    if (!this.#listensForDrain) {
      this.#listensForDrain = true;
      this.#down.onDrain(() => {
        this.#blockedSince = undefined;
        this.#current?.call?.resume();
      });
    }
    return false;
  }

  onEnd(attempt: Attempt, rawTrailers: string[]): void {
    this.#current = undefined;
    attempt.toBreaker?.succeeded();
    this.#sample?.answered({
      startedAt: attempt.startedAt,
      firstByteMs: attempt.firstByteMs,
      durationMs: this.deps.clock.monotonic() - attempt.startedAt,
    });
    const hasTrailers = this.#isChunked && rawTrailers.length > 0;
    this.#down.end(hasTrailers ? passingTrailers(rawTrailers) : undefined);
    this.#stopBody(attempt);
  }

  onDrained(): void {
    this.#body?.drained();
  }

  onFailed(attempt: Attempt, failure: UpstreamFailure): void {
    attempt.toBreaker?.failed();
    const elapsedMs = this.deps.clock.monotonic() - attempt.startedAt;
    if (this.#status !== 0) {
      this.#breakOff(attempt, failure.kind, elapsedMs);
      return;
    }
    this.#waitedMs += elapsedMs;
    if (attempt.side === 'candidate' && this.#mayFailOver(failure.unsent)) {
      this.#failOver(attempt, failure.kind);
      return;
    }
    this.#failure ??= failure.kind;
    this.#current = undefined;
    this.#sample?.failed({ kind: 'failure', failure: failure.kind, durationMs: elapsedMs }, attempt.startedAt);
    this.#answerProblem(problemFor(attempt.side, failure, this.decided));
    this.#stopBody(attempt);
  }

  // --- answering ---

  #relayHead(attempt: Attempt, head: ResponseHead): void {
    const down = this.#down;
    const hasBody = this.decided.head.method !== 'HEAD' && head.status !== 204 && head.status !== 304;
    this.#isChunked = hasBody && head.contentLength === undefined && down.isModern;
    this.#isDelimited = this.#isChunked || head.contentLength !== undefined;
    const close = down.shouldClose;
    const headers = answerHeaders(head.rawHeaders, { status: head.status, chunked: this.#isChunked, close });
    const framing = !hasBody ? 'none' : this.#isChunked ? 'chunked' : this.#isDelimited ? 'announced' : 'until-close';
    down.head({ status: head.status, statusMessage: head.statusMessage, headers, close, framing });
    this.#status = head.status;
    this.#servedBy = attempt.side;
    this.#upstreamMs = attempt.firstByteMs;
    this.#firstByteAt = this.deps.clock.monotonic();
    this.#sample?.head(head);
    // Node holds the head back for the body; a body that is slow to come must not hold it.
    if (hasBody && head.contentLength !== 0) process.nextTick(flushHead, this);
  }

  flushHeadUnlessBegun(): void {
    if (!this.#bodyBegan && !this.#isClosed && this.#current !== undefined) this.#down.flushHead();
  }

  #answerProblem(problem: Problem): void {
    const down = this.#down;
    this.#status = problem.status;
    this.#firstByteAt = this.deps.clock.monotonic();
    if (!down.hasBegun && !down.isGone) {
      // A client that waits for 100 may send its body or not: only a new connection is sure (RFC 9110 section 10.1.1).
      const isUncertain = this.decided.head.expectsContinue && !down.isComplete;
      down.problem(problem, down.shouldClose || isUncertain);
    }
  }

  /** The answer was begun and cannot be completed: the client notices only by a broken connection. */
  #breakOff(attempt: Attempt, kind: FailureKind, elapsedMs: number): void {
    this.#failure = kind;
    this.#isCut = true;
    this.#current = undefined;
    this.#sample?.failed({ kind: 'failure', failure: kind, durationMs: elapsedMs }, attempt.startedAt);
    const down = this.#down;
    // Length and chunks show the hole, so what was sent may still arrive; a body that ends with the connection needs a reset.
    if (!this.#isDelimited) down.resetConnection();
    else down.endConnection();
    this.deps.clock.after(BREAK_OFF_MS, () => down.destroy());
  }

  /** Whatever the client still sends has no reader any more. */
  #stopBody(attempt: Attempt): void {
    if (this.#body === undefined) return;
    if (!this.#body.isComplete) attempt.call?.abort();
    this.#body.discard();
  }

  // --- failing over ---

  /** I3 and I7: a safe request may be sent again; one with effects only if not a byte of it was sent. */
  #mayFailOver(unsent: boolean): boolean {
    const { policy, isKeyed } = this.decided;
    if (policy.retired || isKeyed || this.#isClosed) return false;
    if (this.#body !== undefined && !this.#body.canReplay) return false;
    return unsent || this.decided.mirrorCandidate.isRepeatable;
  }

  #failOver(attempt: Attempt, kind: FailureKind | 'status'): void {
    this.#failure = kind;
    this.#failedOver = true;
    this.#current = undefined;
    if (this.#sample === undefined && !this.#isCounted) {
      this.#sample = this.deps.mirrors.sampleFailover(this.decided.mirrorCandidate);
    }
    const sample = this.#sample;
    sample?.failOver();
    this.#body?.disconnect();
    if (kind === 'status') {
      attempt.discard(sample);
    } else {
      const durationMs = this.deps.clock.monotonic() - attempt.startedAt;
      sample?.candidateObserved({ kind: 'failure', failure: kind, durationMs }, attempt.startedAt);
    }
    this.#send('control');
  }

  // --- the client's end ---

  /** How long the client has kept us waiting, in milliseconds; 0 where it does not. */
  stalledMs(now: number): number {
    const since = this.#blockedSince ?? (this.#status === 0 ? this.#body?.waitingSince : undefined);
    return since === undefined ? 0 : now - since;
  }

  /** The client neither sends nor reads: it is let go. */
  giveUpClient(): void {
    if (!this.inputBroken(CLIENT_STALLED)) this.#down.destroy();
  }

  /** An answer that cannot be passed on (Node refuses to write it) is as good as none. */
  onUnusable(attempt: Attempt, error: unknown): void {
    this.deps.log.debug('proxy.answer-unusable', { side: attempt.side, message: String(error) });
    attempt.call?.abort();
    this.onFailed(attempt, { kind: 'reset', unsent: false, message: 'unusable answer' });
  }

  inputBroken(problem: Problem): boolean {
    if (this.#down.isComplete) return false;
    this.#abortUpstream();
    if (this.#down.hasBegun) this.#down.destroy();
    else {
      this.#status = problem.status;
      this.#down.problem(problem, true);
    }
    return true;
  }

  #abortUpstream(): void {
    const attempt = this.#current;
    this.#current = undefined;
    this.#body?.disconnect();
    attempt?.call?.abort();
    attempt?.toBreaker?.left();
  }

  closed(): void {
    this.#isClosed = true;
    this.deps.watched.delete(this);
    const isAborted = !this.#isCut && !this.#down.isFinished;
    if (this.#current !== undefined) this.#abortUpstream();
    this.#record(isAborted);
    if (isAborted) this.#sample?.clientAborted();
    else this.#sample?.clientEnded(this.#body?.whole);
  }

  #record(isAborted: boolean): void {
    const { head, decision, origin, tenant, at, arrivedAt } = this.decided;
    const overheadMs = this.#firstByteAt === undefined ? 0 : this.#firstByteAt - arrivedAt - this.#waitedMs;
    const record: ServedRecord = {
      at,
      tenant,
      endpoint: decision.endpoint,
      origin,
      decision,
      servedBy: this.#servedBy,
      method: head.method,
      status: this.#status,
      failedOver: this.#failedOver,
      failure: this.#failure,
      durationMs: this.deps.clock.monotonic() - arrivedAt,
      upstreamMs: this.#upstreamMs,
      overheadMs: Math.max(0, overheadMs),
      clientAborted: isAborted,
    };
    this.deps.sink.served(record, head.path);
  }
}

function flushHead(forward: Forward): void {
  forward.flushHeadUnlessBegun();
}

const CLIENT_STALLED: Problem = {
  status: 408,
  code: 'REQUEST_REFUSED',
  detail: 'The request body did not arrive in time.',
};

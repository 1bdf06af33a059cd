import { RE2JS } from 're2js';
import type { Settings } from '../config/settings.ts';
import { type Cell, otherSide, type Side } from '../core/cell.ts';
import { MirrorBudget } from '../core/mirror-budget.ts';
import type { CapturedRequest, Exchange, MirrorDirection, Observation } from '../core/observation.ts';
import type { Clock, Random, TrafficSink, UnverifiedReason } from '../core/ports.ts';
import { type EndpointPolicy, PPM } from '../core/routing.ts';
import { isSafeMethod, requestActs } from '../core/safe-request.ts';
import { type Draw, Spender } from '../core/spending/spender.ts';
import { type BodyDecoding, DecodeAllowance } from './body-decoder.ts';
import { type CandidateBreakers, endProbe, type Probe } from './breakers.ts';
import { AnswerCapture } from './capture.ts';
import { CapturePool } from './capture-pool.ts';
import { type CopyUpstreams, sendCopy } from './copy-call.ts';
import { exchangeId, hashSubject, versionOf } from './exchange-names.ts';
import { headerPolicy, headersForMirror, headersForSide, toFlat, toPairs } from './headers.ts';
import { type MirrorCandidate, mayCopy, unfit } from './mirror-candidate.ts';
import { MirrorQueue } from './mirror-queue.ts';
import type { Pressure } from './pressure.ts';
import { isOpen, isTooSlow, type Sampled, type Served } from './sampled.ts';
import type { Found, Sessions, SessionTurn } from './sessions.ts';
import { isEventStream, isPlain, StreamWindow } from './stream-window.ts';
import type { ResponseHead } from './upstream.ts';

export interface MirrorDeps {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly random: Random;
  readonly sink: TrafficSink;
  readonly upstreams: CopyUpstreams;
  readonly pressure: Pressure;
  /** Where each side keeps sessions of its own. */
  readonly sessions?: Sessions;
  readonly breakers?: CandidateBreakers;
}

/** Chooses the requests that are verified, and sends their copies after the client has its answer. */
export class Mirrors {
  readonly pool: CapturePool;
  readonly decoding: BodyDecoding;
  readonly deps: MirrorDeps;
  readonly spender: Spender;
  readonly #budget: MirrorBudget;
  readonly #queue: MirrorQueue;
  #acts: readonly RE2JS[];
  #paused: UnverifiedReason | undefined;

  constructor(deps: MirrorDeps) {
    this.deps = deps;
    this.pool = new CapturePool(deps.settings.mirror.maxMemoryBytes);
    const { settings, clock } = deps;
    this.decoding = new DecodeAllowance(clock, settings.compare.maxDecodedBytes);
    this.#budget = new MirrorBudget(settings.mirror, clock.monotonic());
    this.#queue = new MirrorQueue(clock, () => this.overload ?? this.#place());
    const { perSecond } = settings.mirror;
    this.spender = new Spender({ perSecond, maxCells: settings.limits.cells }, clock.monotonic());
    this.#acts = deps.settings.mirror.acts.map((pattern) => RE2JS.compile(pattern));
  }

  /** The settings are others: budget and patterns follow; what is under way is finished by those it began with. */
  settingsChanged(): void {
    const { mirror } = this.deps.settings;
    this.#budget.resize(mirror, this.deps.clock.monotonic());
    this.spender.resize(mirror.perSecond);
    this.#acts = mirror.acts.map((pattern) => RE2JS.compile(pattern));
  }

  /** Copies of what the control serves stop. Where the candidate serves, tripwires live on comparisons: those go on. */
  pause(reason: UnverifiedReason | undefined): void {
    this.#paused = reason;
  }

  /** Mirrors in flight, captures under way included, and copies of sessions that wait. */
  get inFlight(): number {
    return this.#budget.inFlight + this.#queue.size;
  }

  /** A safe method is not enough: the built-in list, the endpoint and the configuration may say that a request acts. */
  mayRepeat(method: string, target: string, policy: EndpointPolicy): boolean {
    return isSafeMethod(method) && !policy.acts && !this.acts(method, target);
  }

  /** Whether a request has effects by its method or target, whatever its endpoint says. */
  acts(method: string, target: string): boolean {
    if (requestActs(method, target)) return true;
    if (this.#acts.length === 0) return false;
    const query = target.indexOf('?');
    const path = query < 0 ? target : target.slice(0, query);
    return this.#acts.some((pattern) => pattern.matcher(path).find());
  }

  /** Draws the lot for a request. What was drawn and cannot be verified is counted at once; then the reason comes back. */
  sample(candidate: MirrorCandidate, servedBy: Side): Sample | UnverifiedReason | undefined {
    const cell = this.#eligible(candidate);
    const session = this.deps.sessions?.find(candidate.head, servedBy);
    if (cell === undefined || !mayCopy(candidate, servedBy)) {
      this.deps.sessions?.leftOut(session, candidate);
      return undefined;
    }
    const probe = candidate.isHeldBack && candidate.isRepeatable && this.deps.breakers?.chance(cell.endpoint);
    if (probe) return this.#begin({ ...candidate, cell, probe, isUndrawn: true, isPreferred: true }, servedBy, session);
    // Of a session that is followed every request is: what comes later builds on it.
    if (typeof session === 'object') return this.#begin({ ...candidate, cell }, servedBy, session);
    const drawn = this.#draw(candidate, cell);
    if (drawn.kind === 'drawn')
      return this.#begin(
        { ...candidate, cell, ...(drawn.isPreferred ? { isPreferred: true } : {}) },
        servedBy,
        session,
      );
    // What the candidate serves by proof is verified beyond its share, as far as others leave half of the budget.
    const isExtra =
      servedBy === 'candidate' && candidate.isWatched && this.#budget.isPlentiful(this.deps.clock.monotonic());
    if (isExtra) return this.#begin({ ...candidate, cell }, servedBy, session);
    if (drawn.kind === 'no') return undefined;
    this.deps.sink.unverified(cell, 'budget');
    return 'budget';
  }

  #draw({ head, subject, policy }: MirrorCandidate, cell: Cell): Draw {
    const { random, clock } = this.deps;
    const offer = { cell, target: head.target, subject, share: policy.mirrorPpm / PPM };
    return this.spender.draw(offer, random.next(), clock.monotonic());
  }

  #begin(request: Sampled, servedBy: Side, session: Found): Sample | UnverifiedReason {
    const { sessions } = this.deps;
    const seen = { ...request, endpoint: request.cell.endpoint };
    const isHeld = servedBy === 'control' && !request.probe && this.deps.breakers?.isOpen(request.cell.endpoint);
    const usual = (): UnverifiedReason | undefined =>
      sessions === undefined
        ? this.#obstacle(request, servedBy)
        : (sessions.obstacle(session, seen) ?? this.#lasting(servedBy) ?? unfit(request, this.deps.settings));
    const obstacle = isHeld ? 'breaker-open' : usual();
    if (obstacle !== undefined) {
      request.probe?.release();
      sessions?.leftOut(session, request);
      this.deps.sink.unverified(request.cell, obstacle);
      return obstacle;
    }
    return new Sample(this, request, servedBy, sessions?.begin(session, seen, servedBy));
  }

  /** A failover is a comparison that costs no request: it needs no lot, only memory and a place in the budget. */
  sampleFailover(candidate: MirrorCandidate): Sample | undefined {
    const cell = this.#eligible(candidate);
    if (cell === undefined) return undefined;
    const obstacle = this.#obstacle(candidate, 'candidate');
    if (obstacle !== undefined) {
      this.deps.sink.unverified(cell, obstacle === 'budget' ? 'failed-over' : obstacle);
      return undefined;
    }
    return new Sample(this, { ...candidate, cell, isUndrawn: true }, 'candidate');
  }

  done(): void {
    this.#budget.done();
    this.#queue.look();
  }

  /** Calls `go` when a copy of a session may be sent, its place in the budget taken; `late` where that took too long. */
  whenPossible(go: () => void, late: (reason: UnverifiedReason) => void): void {
    this.#queue.add(go, late);
  }

  /** Why nothing more may be sent now of what a side served. */
  standstill(servedBy: Side): UnverifiedReason | undefined {
    return this.#pausedFor(servedBy) ?? this.overload;
  }

  /** Set while this process has too much to do to send anything more. */
  get overload(): UnverifiedReason | undefined {
    return this.deps.pressure.isHigh() || this.pool.isNearlyFull ? 'overload' : undefined;
  }

  #eligible(candidate: MirrorCandidate): Cell | undefined {
    if (candidate.cell === undefined || candidate.origin === 'unknown' || candidate.policy.retired) return undefined;
    return candidate.policy.mirrorPpm > 0 && this.deps.settings.mirror.perSecond > 0 ? candidate.cell : undefined;
  }

  /** The budget is asked last: its place is taken when nothing else stands against the mirror. */
  #obstacle(candidate: MirrorCandidate, servedBy: Side): UnverifiedReason | undefined {
    return this.standstill(servedBy) ?? unfit(candidate, this.deps.settings) ?? this.#place();
  }

  /** What stands against a copy that may wait for its turn: a busy moment does not, nor does the budget of this one. */
  #lasting(servedBy: Side): UnverifiedReason | undefined {
    return this.#pausedFor(servedBy) ?? (this.pool.isNearlyFull || this.#queue.isFull ? 'overload' : undefined);
  }

  #pausedFor(servedBy: Side): UnverifiedReason | undefined {
    return servedBy === 'control' ? this.#paused : undefined;
  }

  #place(): UnverifiedReason | undefined {
    return this.#budget.take(this.deps.clock.monotonic()) ? undefined : 'budget';
  }
}

/** One sampled request on its way: ends in exactly one exchange or one reason why not. */
export class Sample {
  readonly #mirrors: Mirrors;
  readonly #request: Sampled;
  #servedBy: Side;
  readonly #capture: AnswerCapture;
  readonly #timer: { cancel(): void };
  readonly #turn: SessionTurn | undefined;
  readonly #begunAt: number;
  #window: StreamWindow | undefined;
  #firstByteMs = 0;
  #body: Uint8Array | undefined;
  #served: Served | undefined;
  /** After a failover: what became of the candidate's attempt; undefined while its answer is still being read. */
  #failed: Served | undefined;
  /** Of a session the place in the budget is taken when its copy is sent, otherwise at the beginning. */
  #hasPlace: boolean;
  #isFailover = false;
  #clientHasIt = false;
  #isOver = false;

  constructor(mirrors: Mirrors, request: Sampled, servedBy: Side, turn?: SessionTurn) {
    this.#mirrors = mirrors;
    this.#request = request;
    this.#servedBy = servedBy;
    this.#turn = turn;
    this.#hasPlace = turn === undefined;
    const { clock, settings } = mirrors.deps;
    this.#begunAt = clock.monotonic();
    this.#capture = new AnswerCapture(mirrors.pool, settings.mirror.maxBodyBytes, mirrors.decoding);
    // An answer that takes longer than a mirror may is a stream as far as comparing goes; its place in the budget is needed.
    this.#timer = clock.after(settings.mirror.timeoutMs, () => {
      if (this.#served === undefined) this.drop('streaming');
    });
  }

  get maxBodyBytes(): number {
    return this.#mirrors.deps.settings.mirror.maxBodyBytes;
  }

  newCapture(): AnswerCapture {
    return new AnswerCapture(this.#mirrors.pool, this.maxBodyBytes);
  }

  /** The head of the answer the client gets. */
  head(head: ResponseHead): void {
    this.#turn?.answered(this.#servedBy, head.rawHeaders);
    if (this.#isOver) return;
    if (head.status === 304) {
      this.drop('not-modified');
      return;
    }
    if (head.status === 206) {
      this.drop('partial');
      return;
    }
    if (isEventStream(head.rawHeaders) && !this.#openWindow(head)) {
      this.drop('streaming');
      return;
    }
    this.#capture.head(head);
  }

  data(chunk: Buffer): void {
    if (this.#isOver || this.#window?.isClosed === true) return;
    if (this.#capture.add(chunk)) this.#window?.add(chunk);
    else this.drop('overload');
  }

  /** A stream may never end, so its beginning is compared. False: it cannot be read as it comes, or comes to a followed session. */
  #openWindow({ rawHeaders }: ResponseHead): boolean {
    if (this.#turn !== undefined || this.#isFailover || this.#request.head.body !== 'none' || !isPlain(rawHeaders))
      return false;
    const { clock, settings } = this.#mirrors.deps;
    this.#firstByteMs = clock.monotonic() - this.#begunAt;
    this.#window = new StreamWindow({ clock, timeoutMs: settings.mirror.timeoutMs }, () => this.#windowClosed());
    return true;
  }

  /** The client has the window, and goes on getting what follows: the other side is asked for as much. */
  #windowClosed(): void {
    if (this.#isOver || this.#served !== undefined) return;
    if (this.#window?.events === 0) {
      this.drop('streaming');
      return;
    }
    const durationMs = this.#mirrors.deps.clock.monotonic() - this.#begunAt;
    const answer = this.#capture.finish({ firstByteMs: this.#firstByteMs, durationMs });
    this.#served = { observation: { ...answer, isOpen: true }, startedAt: this.#begunAt };
    this.#clientHasIt = true;
    this.#proceed();
  }

  /** Nobody waits for the answer any more: of a stream, what came is the window. */
  clientAborted(): void {
    if (this.#window === undefined) this.drop('client-aborted');
    else if (!this.#window.isClosed) this.#window.close();
  }

  /** The served answer is complete. */
  answered(times: { startedAt: number; firstByteMs: number; durationMs: number }): void {
    if (this.#isOver || this.#window?.isClosed === true) return;
    this.#window?.end();
    const { startedAt, ...durations } = times;
    this.#capture.finishDecoded(durations, (observation) => {
      if (this.#isOver) return;
      this.#served = { observation, startedAt };
      this.#proceed();
    });
  }

  /** The side that serves failed for good: the pair is made all the same, with the failure in it. */
  failed(observation: Observation, startedAt: number): void {
    if (this.#isOver || this.#window?.isClosed === true) return;
    this.#window?.end();
    this.#capture.release();
    this.#served = { observation, startedAt };
    this.#proceed();
  }

  /** The candidate failed and the control serves. */
  failOver(): void {
    this.#isFailover = true;
    this.#servedBy = 'control';
    this.#capture.release();
  }

  candidateObserved(observation: Observation | undefined, startedAt: number): void {
    if (this.#isOver) return;
    if (observation === undefined) {
      this.drop('overload');
      return;
    }
    this.#failed = { observation, startedAt };
    this.#proceed();
  }

  /** The client's answer has ended; the request's body is what was read of it. */
  clientEnded(body: Uint8Array | undefined): void {
    if (this.#isOver || this.#clientHasIt) return;
    // The upstream answered before it had all of the body, or the body passed the bound: there is nothing whole to send.
    if (this.#request.head.body !== 'none' && body === undefined) {
      this.drop('body-too-large');
      return;
    }
    this.#body = body;
    this.#clientHasIt = true;
    this.#proceed();
  }

  /** Ends the sample without an exchange. Idempotent. */
  drop(reason: UnverifiedReason): void {
    if (this.#isOver) return;
    this.#finish();
    this.#turn?.drop();
    this.#mirrors.deps.sink.unverified(this.#request.cell, reason);
  }

  #finish(): void {
    this.#isOver = true;
    this.#timer.cancel();
    this.#window?.end();
    this.#capture.release();
    if (this.#hasPlace) this.#mirrors.done();
    this.#request.probe?.release();
  }

  #proceed(): void {
    if (this.#isOver || this.#served === undefined || !this.#clientHasIt) return;
    if (!this.#isFailover) {
      const served = this.#served;
      if (this.#turn === undefined) this.#mirror(served);
      else
        this.#turn.whenFree(
          () => this.#whenPossible(served),
          () => this.drop('session-late'),
        );
      return;
    }
    if (this.#failed === undefined) return;
    this.#finish();
    this.#offer('reverse', this.#served, this.#failed);
  }

  #whenPossible(served: Served): void {
    const go = (): void => {
      if (this.#isOver) {
        this.#mirrors.done();
        return;
      }
      this.#hasPlace = true;
      this.#mirror(served);
    };
    // What begins no session and belongs to none costs nobody else anything: it is shed as everything is.
    const standstill = this.#turn?.session === undefined ? this.#mirrors.standstill(this.#servedBy) : undefined;
    if (standstill !== undefined) this.drop(standstill);
    else this.#mirrors.whenPossible(go, (reason) => this.drop(reason));
  }

  #mirror(served: Served): void {
    const standstill = this.#mirrors.standstill(this.#servedBy);
    if (standstill !== undefined) {
      this.drop(standstill);
      return;
    }
    // From here on the other side's time runs, not the client's.
    this.#timer.cancel();
    const { clock, settings, upstreams } = this.#mirrors.deps;
    const side = otherSide(this.#servedBy);
    const direction: MirrorDirection = side === 'candidate' ? 'forward' : 'reverse';
    const { head, policy } = this.#request;
    const { timeoutMs } = settings.mirror;
    const copied = this.#copied();
    if (typeof copied === 'string') {
      this.drop(copied);
      return;
    }
    const probe = this.#beginProbe(side);
    if (probe === 'none') {
      this.drop('breaker-open');
      return;
    }
    const shared = headersForMirror(toFlat(copied.headers), direction, policy);
    const headers = headersForSide(shared, headerPolicy(side, settings.sides[side]), { ...policy, ...head });
    const startedAt = clock.monotonic();
    sendCopy(
      { method: copied.method, target: copied.target, headers, body: copied.body },
      {
        upstream: upstreams[side],
        pool: this.#mirrors.pool,
        maxBodyBytes: this.maxBodyBytes,
        decoding: this.#mirrors.decoding,
        ...(isOpen(served) ? { window: 'short' } : {}),
        timeoutMs: probe === undefined ? timeoutMs : Math.min(timeoutMs, probe.limitMs),
        clock,
      },
      (observation) => {
        if (probe !== undefined) endProbe(probe, observation);
        if (observation === undefined) return this.drop('overload');
        // A probe's time is shorter than a copy's: it did not have the time to differ.
        if (probe !== undefined && isTooSlow({ observation, startedAt })) return this.drop('breaker-open');
        this.#finish();
        this.#offer(direction, served, { observation, startedAt }, copied);
      },
    );
  }

  /** `none`: a breaker holds the copy back. undefined: it is a copy as any other. */
  #beginProbe(side: Side): Probe | undefined | 'none' {
    const isHeld = side === 'candidate' && this.#mirrors.deps.breakers?.isOpen(this.#request.cell.endpoint);
    return isHeld ? (this.#request.probe?.begin() ?? 'none') : undefined;
  }

  /** The request as the client sent it. */
  #sent(): CapturedRequest {
    const { method, target, headers } = this.#request.head;
    return { method, target, headers: toPairs(headers), ...(this.#body === undefined ? {} : { body: this.#body }) };
  }

  /** The request for the other side, or why it cannot have one. */
  #copied(): CapturedRequest | UnverifiedReason {
    return this.#turn === undefined ? this.#sent() : this.#turn.copy(this.#body);
  }

  #offer(direction: MirrorDirection, served: Served, other: Served, copied?: CapturedRequest): void {
    const { cell, at, subject } = this.#request;
    const { settings, sink, random } = this.#mirrors.deps;
    const control = this.#servedBy === 'control' ? served : other;
    const candidate = this.#servedBy === 'control' ? other : served;
    const id = exchangeId(at, random);
    // After a failover the candidate was sent the client's own names, and its failure is all there is to compare.
    const session = copied === undefined ? undefined : this.#turn?.comparing(id);
    if (session === undefined) this.#turn?.drop();
    const isSlow = isTooSlow(served) || isTooSlow(other);
    const unpaired = this.#request.isUndrawn === true ? 'failed-over' : isSlow ? 'too-slow' : undefined;
    const exchange: Exchange = {
      id,
      at,
      cell,
      ...(subject === undefined ? {} : { subjectHash: hashSubject(subject, settings.identity.salt) }),
      direction,
      request: this.#sent(),
      ...(session === undefined || copied === undefined ? {} : { session, copied }),
      control: control.observation,
      candidate: candidate.observation,
      gapMs: Math.abs(other.startedAt - served.startedAt),
      versions: {
        control: versionOf(control.observation, settings.sides.control.versionHeader),
        candidate: versionOf(candidate.observation, settings.sides.candidate.versionHeader),
      },
      ...(this.#request.isForced ? { forced: true } : {}),
      ...(unpaired === undefined ? {} : { unpaired }),
      ...(this.#request.isPreferred === true ? { preferred: true } : {}),
    };
    sink.mirrored(exchange);
  }
}

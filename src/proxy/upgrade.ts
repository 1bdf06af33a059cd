import type { Socket } from 'node:net';
import type { Side } from '../core/cell.ts';
import type { ServedRecord } from '../core/ports.ts';
import type { Decided, ForwardDeps } from './forward.ts';
import { answerHeaders, flatValue, headerPolicy, headersForSide } from './headers.ts';
import { type Problem, rawProblem } from './problem.ts';
import { resetConnection } from './reset-connection.ts';
import type { ResponseHead, UpstreamCall, UpstreamFailure, UpstreamHandler } from './upstream.ts';
import { isFailureStatus, problemFor } from './upstream-problem.ts';

/**
 * A WebSocket handshake and, after the upstream's 101, the tunnel (RFC 6455 section 4).
 * It is recorded when its answer is complete, which for a tunnel is the 101: how long people keep talking says nothing about the service.
 */
export class Upgrade {
  readonly #deps: ForwardDeps;
  readonly #decided: Decided;
  readonly #socket: Socket;
  /** Bytes the client sent behind its head. */
  readonly #first: Buffer;
  #current: UpgradeAttempt | undefined;
  #failure: ServedRecord['failure'];
  #failedOver = false;
  #waitedMs = 0;
  #isRecorded = false;

  constructor(deps: ForwardDeps, decided: Decided, client: { readonly socket: Socket; readonly first: Buffer }) {
    this.#deps = deps;
    this.#decided = decided;
    this.#socket = client.socket;
    this.#first = client.first;
  }

  start(): void {
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.once('close', () => this.#clientGone());
    this.#socket.on('drain', () => this.#current?.call?.resume());
    const { refusal, decision } = this.#decided;
    if (refusal !== undefined) this.refuse(refusal);
    else this.#send(decision.side);
  }

  #send(side: Side): void {
    const { head, policy } = this.#decided;
    const settings = this.#deps.settings.sides[side];
    const attempt = new UpgradeAttempt(this, side, () => this.#deps.clock.monotonic());
    this.#current = attempt;
    attempt.call = this.#deps.upstreams[side].request(
      {
        method: head.method,
        target: head.target,
        rawHeaders: [
          ...headersForSide(head.headers, headerPolicy(side, settings), {
            ...policy,
            conditional: head.conditional,
            credentials: head.credentials,
          }),
          'Upgrade',
          'websocket',
        ],
        body: 'none',
        upgrade: true,
        retryable: true,
      },
      attempt,
    );
  }

  isCurrent(attempt: UpgradeAttempt): boolean {
    return this.#current === attempt;
  }

  onUpgraded(attempt: UpgradeAttempt, head: ResponseHead, upstream: Socket, first: Buffer): void {
    if (flatValue(head.rawHeaders, 'upgrade')?.toLowerCase() !== 'websocket') {
      upstream.destroy();
      this.onFailed(attempt, { kind: 'reset', unsent: false, message: 'the upstream switched to another protocol' });
      return;
    }
    this.#current = undefined;
    const headers = answerHeaders(head.rawHeaders, { status: 101, chunked: false, close: false });
    headers.push('Connection', 'Upgrade', 'Upgrade', 'websocket');
    this.#socket.write(headText(head, headers), 'latin1');
    this.#record(101, attempt, false);
    if (first.length > 0) this.#socket.write(first);
    if (this.#first.length > 0) upstream.write(this.#first);
    joinSockets(this.#socket, upstream);
  }

  onHead(attempt: UpgradeAttempt, head: ResponseHead): void {
    if (isFailureStatus(head.status)) {
      if (this.#mayFailOver(attempt)) {
        this.#failOver(attempt, 'status');
        return;
      }
      this.#failure ??= 'status';
    }
    attempt.status = head.status;
    const headers = answerHeaders(head.rawHeaders, { status: head.status, chunked: false, close: true });
    this.#socket.write(headText(head, headers), 'latin1');
  }

  onData(chunk: Buffer): boolean {
    return this.#socket.write(chunk);
  }

  onEnd(attempt: UpgradeAttempt): void {
    this.#current = undefined;
    this.#record(attempt.status, attempt, false);
    this.#socket.end();
  }

  onFailed(attempt: UpgradeAttempt, failure: UpstreamFailure): void {
    if (attempt.status === 0 && this.#mayFailOver(attempt)) {
      this.#failOver(attempt, failure.kind);
      return;
    }
    this.#current = undefined;
    this.#failure = failure.kind;
    if (attempt.status !== 0) {
      this.#record(attempt.status, attempt, false);
      resetConnection(this.#socket);
      return;
    }
    this.refuse(problemFor(attempt.side, failure, this.#decided));
  }

  /** Ends the handshake with an answer of our own. */
  refuse(problem: Problem): void {
    this.#record(problem.status, undefined, false);
    this.#socket.end(rawProblem(problem));
  }

  /** I3: a handshake is a safe request. */
  #mayFailOver(attempt: UpgradeAttempt): boolean {
    return attempt.side === 'candidate' && !this.#decided.policy.retired;
  }

  #failOver(attempt: UpgradeAttempt, kind: NonNullable<ServedRecord['failure']>): void {
    this.#failure = kind;
    this.#failedOver = true;
    this.#waitedMs += this.#deps.clock.monotonic() - attempt.startedAt;
    this.#current = undefined;
    // What is left of the candidate's answer is nobody's; its connection goes with it.
    attempt.call?.abort();
    this.#send('control');
  }

  #clientGone(): void {
    const attempt = this.#current;
    this.#current = undefined;
    attempt?.call?.abort();
    if (attempt !== undefined) this.#record(attempt.status, attempt, true);
  }

  #record(status: number, attempt: UpgradeAttempt | undefined, clientAborted: boolean): void {
    if (this.#isRecorded) return;
    this.#isRecorded = true;
    const { decision, head, origin, tenant, at, arrivedAt } = this.#decided;
    const now = this.#deps.clock.monotonic();
    const record: ServedRecord = {
      at,
      tenant,
      endpoint: decision.endpoint,
      origin,
      decision,
      servedBy: status === 0 ? undefined : attempt?.side,
      method: head.method,
      status,
      failedOver: this.#failedOver,
      failure: this.#failure,
      durationMs: now - arrivedAt,
      upstreamMs: attempt?.firstByteMs ?? 0,
      overheadMs: attempt === undefined ? 0 : Math.max(0, attempt.startedAt - arrivedAt - this.#waitedMs),
      clientAborted,
    };
    this.#deps.sink.served(record, head.path);
  }
}

/** One try of a handshake on one side. */
class UpgradeAttempt implements UpstreamHandler {
  readonly side: Side;
  readonly startedAt: number;
  call: UpstreamCall | undefined;
  firstByteMs = 0;
  /** Of the answer that is being passed on; 0 before it. */
  status = 0;
  readonly #upgrade: Upgrade;
  readonly #now: () => number;

  constructor(upgrade: Upgrade, side: Side, now: () => number) {
    this.#upgrade = upgrade;
    this.#now = now;
    this.side = side;
    this.startedAt = now();
  }

  informational(): void {}

  head(head: ResponseHead): void {
    this.firstByteMs = this.#now() - this.startedAt;
    if (this.#upgrade.isCurrent(this)) this.#upgrade.onHead(this, head);
  }

  data(chunk: Buffer): boolean {
    return this.#upgrade.isCurrent(this) ? this.#upgrade.onData(chunk) : true;
  }

  end(): void {
    if (this.#upgrade.isCurrent(this)) this.#upgrade.onEnd(this);
  }

  failed(failure: UpstreamFailure): void {
    if (this.#upgrade.isCurrent(this)) this.#upgrade.onFailed(this, failure);
  }

  drained(): void {}

  upgraded(head: ResponseHead, socket: Socket, first: Buffer): void {
    this.firstByteMs = this.#now() - this.startedAt;
    if (this.#upgrade.isCurrent(this)) this.#upgrade.onUpgraded(this, head, socket, first);
    else socket.destroy();
  }
}

function headText(head: ResponseHead, headers: readonly string[]): string {
  let text = `HTTP/1.1 ${head.status} ${head.statusMessage}\r\n`;
  for (let at = 0; at + 1 < headers.length; at += 2) text += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return `${text}\r\n`;
}

/** Passes bytes both ways with backpressure; when either end is gone, so is the other. */
function joinSockets(a: Socket, b: Socket): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on('error', () => from.destroy());
    from.once('close', () => to.destroy());
    from.pipe(to);
  }
}

import type { Side } from '../core/cell.ts';
import type { ClientExchange } from './client-exchange.ts';
import type { ActiveRequest } from './connection.ts';
import { type Decided, Forward, type ForwardDeps } from './forward.ts';
import type { Problem } from './problem.ts';

/** How long a request waits for its idempotency key to be recorded: a busy disk must not become the client's latency. */
const RECORD_WAIT_MS = 50;

export interface KeyedDecision {
  /** As if the key had not been seen. */
  readonly first: Decided;
  /** The side on record, old or new. */
  readonly recorded: Promise<Side>;
  /** The side in memory, asked again when the record is late. */
  readonly remembered: () => Side | undefined;
  readonly decideFor: (side: Side) => Decided;
}

/** An unsafe request with a key nobody has seen: its side goes on record before it is forwarded. */
export class KeyedRequest implements ActiveRequest {
  readonly #deps: ForwardDeps;
  readonly #down: ClientExchange;
  readonly #keyed: KeyedDecision;
  #forward: Forward | undefined;
  #isOver = false;

  constructor(deps: ForwardDeps, down: ClientExchange, keyed: KeyedDecision) {
    this.#deps = deps;
    this.#down = down;
    this.#keyed = keyed;
    const late = deps.clock.after(RECORD_WAIT_MS, () => this.#go(keyed.remembered()));
    keyed.recorded.then(
      (side) => {
        late.cancel();
        this.#go(side);
      },
      () => {
        // Losing the store changes nothing for clients (I6); memory still knows.
        late.cancel();
        this.#go(keyed.remembered());
      },
    );
  }

  #go(side: Side | undefined): void {
    if (this.#forward !== undefined || this.#isOver) return;
    const { first } = this.#keyed;
    const decided = side === undefined || side === first.decision.side ? first : this.#keyed.decideFor(side);
    this.#forward = new Forward(this.#deps, this.#down, decided);
    this.#forward.start();
  }

  closed(): void {
    if (this.#forward !== undefined) {
      this.#forward.closed();
      return;
    }
    if (this.#isOver) return;
    this.#end(0, true);
  }

  inputBroken(problem: Problem): boolean {
    if (this.#forward !== undefined) return this.#forward.inputBroken(problem);
    if (this.#down.isComplete) return false;
    this.#end(problem.status, false);
    this.#down.problem(problem, true);
    return true;
  }

  #end(status: number, clientAborted: boolean): void {
    this.#isOver = true;
    const { head, decision, origin, tenant, at, arrivedAt } = this.#keyed.first;
    this.#deps.sink.served({
      at,
      tenant,
      endpoint: decision.endpoint,
      origin,
      decision,
      servedBy: undefined,
      method: head.method,
      status,
      failedOver: false,
      failure: undefined,
      durationMs: this.#deps.clock.monotonic() - arrivedAt,
      upstreamMs: 0,
      overheadMs: 0,
      clientAborted,
    });
  }
}

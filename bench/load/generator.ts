/**
 * A client with as little work per request as Node allows: `node generator.ts '{"port":…,"connections":…,"milliseconds":…}'`.
 * One request in flight a connection, raw sockets, answers measured by their Content-Length and checked for their id.
 * Without `rate` each connection asks again as soon as it is answered; with it so many requests a second fall due, and a
 * request that had to wait for its connection is measured from the moment at which it was due (no coordinated omission).
 * Prints one JSON object: requests, errors, elapsedMs, and the latencies' quantiles in milliseconds.
 */
import { connect } from 'node:net';

export interface LoadPlan {
  readonly port: number;
  readonly connections: number;
  readonly milliseconds: number;
  /** Bytes of a request's body; 0: a GET. */
  readonly bodyBytes: number;
  /** Requests a second, all connections together. */
  readonly rate?: number;
}

export interface Load {
  readonly requests: number;
  readonly errors: number;
  readonly elapsedMs: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

const MAX_SAMPLES = 2_000_000;
/** A connection that never answers must not hold the run. */
const PATIENCE_MS = 10_000;

class Client {
  readonly #plan: LoadPlan;
  readonly #tally: Tally;
  readonly #number: number;
  readonly #fields: string;
  readonly #body: string;
  readonly #socket: ReturnType<typeof connect>;
  #sent = 0;
  #pending = '';
  /** When the request under way began to count; 0: none is under way. */
  #since = 0;
  #isReady = false;
  /** Due times of requests that wait for this connection. */
  readonly #due: number[] = [];

  constructor(plan: LoadPlan, tally: Tally, number: number) {
    this.#plan = plan;
    this.#tally = tally;
    this.#number = number;
    const length = plan.bodyBytes === 0 ? '' : `Content-Type: text/plain\r\nContent-Length: ${plan.bodyBytes}\r\n`;
    this.#fields = ` HTTP/1.1\r\nHost: bench.localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n${length}\r\n`;
    this.#body = 'b'.repeat(plan.bodyBytes);
    this.#socket = connect({ port: plan.port, host: '127.0.0.1', noDelay: true });
    tally.open += 1;
    this.#socket.on('connect', () => {
      this.#isReady = true;
      if (plan.rate === undefined) this.#send(performance.now());
    });
    this.#socket.on('data', (chunk: Buffer) => this.#take(chunk.toString('latin1')));
    this.#socket.on('error', () => tally.fault());
    this.#socket.on('close', () => tally.closed());
  }

  /** A request falls due. */
  due(now: number): void {
    if (this.#isReady && this.#since === 0) this.#send(now);
    else this.#due.push(now);
  }

  end(): void {
    this.#due.length = 0;
    if (this.#since === 0) this.#socket.destroy();
  }

  #send(since: number): void {
    this.#sent += 1;
    this.#since = since;
    const method = this.#plan.bodyBytes === 0 ? 'GET' : 'POST';
    this.#socket.write(`${method} /bench/${this.#id()}${this.#fields}${this.#body}`, 'latin1');
  }

  #id(): string {
    return `${this.#number}-${this.#sent}`.padStart(8, '0');
  }

  #take(text: string): void {
    this.#pending = this.#pending === '' ? text : this.#pending + text;
    const pending = this.#pending;
    const head = pending.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = /\r\ncontent-length: (\d+)/i.exec(pending);
    const end = head + 4 + Number(length?.[1] ?? '0');
    if (pending.length < end) return;
    const isRight =
      pending.startsWith('HTTP/1.1 200') && pending.startsWith(`/bench/${this.#id()}`.slice(-15), head + 4);
    if (!isRight || pending.length > end) this.#tally.fault();
    const now = performance.now();
    this.#tally.answered(now - this.#since);
    this.#pending = '';
    this.#since = 0;
    if (this.#tally.isOver(now)) this.end();
    else if (this.#plan.rate === undefined) this.#send(now);
    else if (this.#due.length > 0) this.#send(this.#due.shift() ?? now);
  }
}

class Tally {
  open = 0;
  readonly #latencies = new Float64Array(MAX_SAMPLES);
  readonly #started = performance.now();
  readonly #milliseconds: number;
  #requests = 0;
  #errors = 0;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  isOver(now: number): boolean {
    return now - this.#started >= this.#milliseconds;
  }

  answered(latencyMs: number): void {
    if (this.#requests < MAX_SAMPLES) this.#latencies[this.#requests] = latencyMs;
    this.#requests += 1;
  }

  fault(): void {
    this.#errors += 1;
  }

  closed(): void {
    this.open -= 1;
    if (this.open === 0) this.#report();
  }

  #report(): void {
    const sorted = this.#latencies.subarray(0, Math.min(this.#requests, MAX_SAMPLES)).sort();
    const quantile = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
    const result: Load = {
      requests: this.#requests,
      errors: this.#errors,
      elapsedMs: performance.now() - this.#started,
      p50: quantile(0.5),
      p95: quantile(0.95),
      p99: quantile(0.99),
    };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    process.exit(0);
  }
}

/** Gives out requests at the plan's rate, a millisecond's worth at a time, connection after connection. */
function pace(clients: readonly Client[], rate: number, tally: Tally): void {
  const begun = performance.now();
  let given = 0;
  const tick = setInterval(() => {
    const now = performance.now();
    if (tally.isOver(now)) {
      clearInterval(tick);
      for (const client of clients) client.end();
      return;
    }
    for (const owed = ((now - begun) * rate) / 1_000; given < owed; given += 1) {
      clients[given % clients.length]?.due(now);
    }
  }, 1);
}

if (import.meta.main) {
  const plan = JSON.parse(process.argv[2] ?? '{}') as LoadPlan; // written by proxy.ts
  const tally = new Tally(plan.milliseconds);
  const clients = Array.from({ length: plan.connections }, (_, at) => new Client(plan, tally, at + 1));
  if (plan.rate !== undefined) pace(clients, plan.rate, tally);
  setTimeout(() => process.exit(1), plan.milliseconds + PATIENCE_MS).unref();
}

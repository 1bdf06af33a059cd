import { createHash, createHmac } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import type { EndpointId } from '../../src/core/cell.ts';
import type { CapturedRequest, Exchange, Observation } from '../../src/core/observation.ts';
import type { NoisePath } from '../../src/core/ports.ts';
import { Redactor } from '../../src/core/redact.ts';
import type { ComparisonResult, Difference } from '../../src/core/verdict.ts';
import { CompareSession, type ExchangeComparer } from '../../src/verifier/compare-session.ts';
import { READY, type WorkerData, type WorkerRequest } from '../../src/verifier/worker-protocol.ts';

/**
 * A comparing thread with a comparer small enough to reason about, and that breaks on demand.
 * Bodies are flat JSON objects; each member that differs is a difference; a member that differed in two control–control
 * pairs is noise. The request's target says what goes wrong: `/throw`, `/hang`, `/exit`, `/memory`.
 */
class MemberComparer implements ExchangeComparer {
  readonly #moves = new Map<EndpointId, Map<string, number>>();

  compare(exchange: Exchange): ComparisonResult {
    misbehave(exchange.request.target);
    const { control, candidate, cell } = exchange;
    const noise = this.#moves.get(cell.endpoint);
    const differences = differencesOf(control, candidate).map((found): Difference => {
      const isNoise = (noise?.get(found.path) ?? 0) >= 2;
      return isNoise ? { ...found, noise: 'moves' } : found;
    });
    const open = differences.find((found) => found.noise === undefined);
    const base = { differences, differenceCount: differences.length, identical: differences.length === 0 };
    if (open === undefined) return { verdict: 'match', ...base };
    const { endpoint } = cell;
    const id = createHash('sha256').update(`${endpoint} ${open.path} ${open.kind}`).digest('hex').slice(0, 12);
    const signature = { id, endpoint, pathPattern: open.path, kind: open.kind, transition: 'text → text' };
    return { verdict: 'mismatch', ...base, signature };
  }

  compareFirst(exchange: Exchange) {
    return { result: this.compare(exchange), fresh: [] };
  }

  learn(endpoint: EndpointId, _request: CapturedRequest, first: Observation, again: Observation): void {
    const moves = this.#moves.get(endpoint) ?? new Map<string, number>();
    this.#moves.set(endpoint, moves);
    for (const { path } of differencesOf(first, again)) moves.set(path, (moves.get(path) ?? 0) + 1);
  }

  /** How often sides differ is nothing it counts. */
  countAlike(): void {}

  noise(endpoint: EndpointId): readonly NoisePath[] {
    return [...(this.#moves.get(endpoint) ?? [])].map(([path, samples]) => ({
      path,
      class: 'moves',
      envelope: '',
      samples,
    }));
  }

  snapshot(endpoint: EndpointId): unknown {
    return [...(this.#moves.get(endpoint) ?? [])];
  }

  restore(endpoint: EndpointId, snapshot: unknown): void {
    this.#moves.set(endpoint, new Map(snapshot as [string, number][])); // made by `snapshot` above
  }
}

function misbehave(target: string): void {
  if (target.startsWith('/throw')) throw new Error('secret-in-a-message');
  if (target.startsWith('/hang')) for (;;) Math.random();
  if (target.startsWith('/exit')) process.exit(3);
  if (target.startsWith('/memory')) {
    const hoard: unknown[] = [];
    for (;;) hoard.push(Array.from({ length: 10_000 }, (_, index) => ({ index })));
  }
}

function differencesOf(control: Observation, candidate: Observation): Difference[] {
  if (control.kind === 'failure' || candidate.kind === 'failure') return [{ path: 'status', kind: 'failure' }];
  if (control.status !== candidate.status)
    return [{ path: 'status', kind: candidate.status >= 500 ? 'failure' : 'value' }];
  const [left, right] = [membersOf(control.body), membersOf(candidate.body)];
  return [...new Set([...left.keys(), ...right.keys()])]
    .filter((name) => left.get(name) !== right.get(name))
    .map((name) => ({
      path: `body/${name}`,
      kind: 'value',
      control: left.get(name) ?? '',
      candidate: right.get(name) ?? '',
    }));
}

function membersOf(body: Uint8Array): Map<string, string> {
  const members: unknown = JSON.parse(new TextDecoder().decode(body));
  return new Map(Object.entries(members as object).map(([name, value]) => [name, JSON.stringify(value)]));
}

const data = workerData as WorkerData; // started by WorkerPool only
const comparer = new MemberComparer();
for (const [endpoint, snapshot] of data.noise) comparer.restore(endpoint, snapshot);
const session = new CompareSession(comparer, {
  redactor: new Redactor({
    names: data.redactNames,
    hash: (name, value) => createHmac('sha256', data.redactKey).update(`${name}\0${value}`).digest('hex'),
  }),
  bodies: data.bodies,
  textOf: (_, body) => new TextDecoder().decode(body),
});
parentPort?.on('message', (request: WorkerRequest) => parentPort?.postMessage(session.handle(request)));
parentPort?.postMessage(READY);

import { type EndpointId, isOpen } from '../core/cell.ts';
import { cleanComparisonsNeeded } from '../core/sequential-test.ts';
import type { EndpointNeed, Needs } from '../core/spending/need-book.ts';
import type { CellTrack, EndpointTrack, MovementBook } from './movement-book.ts';
import { assessOwn, assessPooled, type RoundFacts } from './movement-plan.ts';
import type { MovementRules } from './movement-rules.ts';

/** Says what proofs still need, for the proxies to spend their mirrors on; each round only what changed. */
export class NeedsTeller {
  readonly #told = new Map<EndpointId, EndpointNeed>();
  /** Endpoints whose comparisons suffice and whose time does not: what they need changes without news. */
  readonly #waiting = new Set<EndpointTrack>();
  readonly #gone: EndpointId[] = [];

  /**
   * What changed since the last time; undefined: nothing. Call before the round takes note of the book's news.
   * The cost is that of the cells with news.
   */
  changed(book: MovementBook, rules: MovementRules, facts: RoundFacts): Needs | undefined {
    const endpoints: [EndpointId, EndpointNeed][] = [];
    for (const home of new Set([...book.dirtyEndpoints, ...this.#waiting])) {
      const need = this.#ofEndpoint(home, rules, facts);
      const before = this.#told.get(home.id);
      // What is on its way counts as used until it is told anew, so news is told even where nothing changed.
      if (before !== undefined && isSame(before, need) && need.pooled === 0) continue;
      this.#told.set(home.id, need);
      endpoints.push([home.id, need]);
    }
    const cells: Needs['cells'][number][] = [];
    for (const track of book.dirty) {
      if (!this.#told.has(track.cell.endpoint)) {
        const need = this.#ofEndpoint(track.home, rules, facts);
        this.#told.set(track.cell.endpoint, need);
        endpoints.push([track.cell.endpoint, need]);
      }
      cells.push([track.cell.endpoint, track.cell.tenant, ownNeed(track, rules, facts)]);
    }
    const gone = this.#gone.splice(0);
    return endpoints.length + cells.length + gone.length === 0 ? undefined : { endpoints, cells, gone };
  }

  /** Everything, for a proxy that knows nothing yet. */
  whole(book: MovementBook, rules: MovementRules, facts: RoundFacts): Needs {
    const homes = [...book.endpoints.values()];
    return {
      isWhole: true,
      endpoints: homes.map((home) => [home.id, this.#ofEndpoint(home, rules, facts)]),
      cells: [...book.tracks()].flatMap((track) => {
        const own = ownNeed(track, rules, facts);
        return own === newCellNeed(track.home.id, rules, facts) ? [] : [[track.cell.endpoint, track.cell.tenant, own]];
      }),
      gone: [],
    };
  }

  forget(ids: readonly EndpointId[]): void {
    for (const id of ids) if (this.#told.delete(id)) this.#gone.push(id);
    for (const home of this.#waiting) if (ids.includes(home.id)) this.#waiting.delete(home);
  }

  #ofEndpoint(home: EndpointTrack, rules: MovementRules, facts: RoundFacts): EndpointNeed {
    const policy = facts.policyOf(home.id);
    this.#waiting.delete(home);
    const own = newCellNeed(home.id, rules, facts);
    if (policy.proof !== 'endpoint' || policy.retired) return { pooled: 0, cells: 0, own };
    const assessment = assessPooled(home, rules, { now: facts.now, proof: policy.proof });
    const demanded = rules.pooled(policy.proof, home.cells.size);
    const missing = Math.max(
      assessment.remaining,
      demanded.minRequests - assessment.requests,
      demanded.minTenants - assessment.tenants,
      0,
    );
    if (missing === 0 && assessment.kind === 'insufficient') {
      this.#waiting.add(home);
      // Until the time is over another comparison brings nothing; after it, one does.
      const isOver = facts.now - home.pooled.firstAt >= demanded.minSpanMs;
      return { pooled: isOver ? 1 : 0, cells: Math.max(1, home.cells.size), own };
    }
    return { pooled: missing, cells: Math.max(1, home.cells.size), own };
  }
}

/** What a cell needs of which nothing is known. */
function newCellNeed(endpoint: EndpointId, rules: MovementRules, facts: RoundFacts): number {
  const policy = facts.policyOf(endpoint);
  if (policy.proof === 'none' || policy.retired) return 0;
  return policy.proof === 'endpoint' ? rules.cellPolicy.ownMatches : cleanComparisonsNeeded(rules.own.test, 0, 0);
}

/** Comparisons of its own that a cell is missing; 0 where it is open. */
function ownNeed(track: CellTrack, rules: MovementRules, facts: RoundFacts): number {
  const { evidence, cell, record } = track;
  if (record.state === 'open') return 0;
  const fresh = newCellNeed(cell.endpoint, rules, facts);
  if (evidence === undefined || fresh === 0) return fresh;
  const isBorrowing = facts.policyOf(cell.endpoint).proof === 'endpoint' && evidence.mismatches === 0;
  if (isBorrowing) return Math.max(0, rules.cellPolicy.ownMatches - evidence.matches);
  const own = assessOwn(track, rules, facts.now);
  const missing = Math.max(own.remaining, rules.own.minRequests - own.requests, 0);
  const isTimeOver = facts.now - evidence.firstAt >= rules.own.minSpanMs;
  return missing === 0 && own.kind === 'insufficient' && isTimeOver && !isOpen(record.state) ? 1 : missing;
}

function isSame(one: EndpointNeed, other: EndpointNeed): boolean {
  return one.pooled === other.pooled && one.cells === other.cells && one.own === other.own;
}

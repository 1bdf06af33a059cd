import type { CellState } from '../core/cell.ts';
import { isOpen } from '../core/cell.ts';
import type { EndpointPolicy, Proof } from '../core/routing.ts';
import { cleanComparisonsNeeded, type RateTest } from '../core/sequential-test.ts';
import type { EndpointEntry } from './ledger.ts';
import type { Tally } from './tally.ts';

/** What a proof must exclude: 1 % mismatches for a cell on its own, 0.1 % pooled over an endpoint's tenants, at 95 %. */
export const PROOF_TESTS: Readonly<Record<Exclude<Proof, 'none'>, RateTest>> = {
  cell: { limit: 0.01, confidence: 0.95 },
  endpoint: { limit: 0.001, confidence: 0.95 },
};
/** Matches of its own that a cell needs once its endpoint has passed. */
const OWN_MATCHES = 3;

const COUNT = new Intl.NumberFormat('en');

/**
 * What an endpoint lacks for a proof, as a sentence: `GET /products/{id}: 214 of 332 clean comparisons`.
 * Undefined where no proof is demanded, or the rate is proven.
 * Source: the sequential probability ratio test, n = (ln(1/α) + x·ln(p0/p1)) / ln((1-p1)/(1-p0)) for x mismatches.
 */
export function missingForEndpoint(entry: EndpointEntry, policy: EndpointPolicy): string | undefined {
  if (policy.proof === 'none' || policy.retired || policy.maxPpm === 0) return undefined;
  if (policy.proof === 'endpoint') {
    const missing = missingComparisons(entry.total, PROOF_TESTS.endpoint);
    return missing === undefined ? undefined : `${entry.id}: ${missing}`;
  }
  let closest: { readonly tenant: string; readonly total: Tally; readonly needed: number } | undefined;
  for (const { cell, total } of entry.cells.values()) {
    const needed = neededFor(total, PROOF_TESTS.cell);
    if (needed > 0 && (closest === undefined || needed < closest.needed))
      closest = { tenant: cell.tenant, total, needed };
  }
  if (closest === undefined) return undefined;
  const cells = entry.cells.size === 1 ? '' : `, the closest of ${COUNT.format(entry.cells.size)} cells`;
  return `${entry.id}: ${missingComparisons(closest.total, PROOF_TESTS.cell)} for ${closest.tenant}${cells}`;
}

/** What a cell lacks, as a sentence without its name; empty where nothing is missing. */
export function missingForCell(
  own: Tally,
  facts: { readonly endpoint: Tally; readonly policy: EndpointPolicy; readonly state: CellState },
): string {
  const { policy, state } = facts;
  if (policy.proof === 'none' || policy.retired || policy.maxPpm === 0 || isOpen(state)) return '';
  if (policy.proof === 'cell') return missingComparisons(own, PROOF_TESTS.cell) ?? '';
  const parts: string[] = [];
  const pooled = missingComparisons(facts.endpoint, PROOF_TESTS.endpoint);
  if (pooled !== undefined) parts.push(`${pooled} over all tenants`);
  const matches = own.verdict('match');
  if (matches < OWN_MATCHES) parts.push(`${matches} of ${OWN_MATCHES} matches of its own`);
  if (own.verdict('mismatch') > 0) parts.push('it has mismatches of its own');
  return parts.join('; ');
}

function neededFor(tally: Tally, test: RateTest): number {
  return cleanComparisonsNeeded(test, tally.verdict('match'), tally.verdict('mismatch'));
}

function missingComparisons(tally: Tally, test: RateTest): string | undefined {
  const needed = neededFor(tally, test);
  if (needed === 0) return undefined;
  const matches = tally.verdict('match');
  const mismatches = tally.verdict('mismatch');
  const because =
    mismatches === 0 ? '' : ` (${COUNT.format(mismatches)} ${mismatches === 1 ? 'mismatch' : 'mismatches'})`;
  return `${COUNT.format(matches)} of ${COUNT.format(matches + needed)} clean comparisons${because}`;
}

import type { TenantId } from '../core/cell.ts';
import { type Assessment, type AssessmentKind, Evidence, type Sample } from '../core/evidence.ts';
import type { Proof } from '../core/routing.ts';
import type { CellTrack, EndpointTrack } from './movement-book.ts';
import type { MovementRules } from './movement-rules.ts';

/** Names of requests that a cohort's evidence tells apart. */
const SLOTS = 2_048;

/** What the tenants of one cohort have shown together at an endpoint. */
export interface CohortPool {
  evidence: Evidence;
  /** What it said last. */
  assessed: AssessmentKind;
}

export function newCohortPool(): CohortPool {
  return { evidence: new Evidence(SLOTS), assessed: 'insufficient' };
}

/**
 * Takes a comparison into the evidence of the tenant's cohort, where that is pooled. Nobody is set aside there: a cohort has
 * few tenants, and one that is wrong speaks against all of it.
 */
export function addToCohort(home: EndpointTrack, sample: Sample, rules: MovementRules, proof: Proof): void {
  const name = rules.cohortOf(sample.tenant as TenantId); // written from one
  if (name === undefined) return;
  const pool = home.cohorts.get(name) ?? newCohortPool();
  home.cohorts.set(name, pool);
  pool.evidence.add(sample, rules.pooled(proof, 1));
}

/** What a cohort's comparisons say; all of its tenants that were seen must be among them, up to the least number. */
export function assessCohort(
  home: EndpointTrack,
  { name, pool }: { readonly name: string; readonly pool: CohortPool },
  { rules, now, proof, round }: CohortLook,
): Assessment {
  const known = round?.get(pool);
  if (known !== undefined) return known;
  let tenants = 0;
  for (const tenant of rules.cohortTenants(name)) if (home.cells.has(tenant)) tenants += 1;
  const made = pool.evidence.assess(rules.pooled(proof, tenants), now);
  round?.set(pool, made);
  return made;
}

/** What a cell may borrow: an assessment, and the cohort it is of; none: of all tenants. */
export interface Borrowed {
  readonly assessment: Assessment;
  readonly cohort?: string;
}

/** Assessments of one round: a cohort is assessed once, however many cells ask. */
export type CohortRound = Map<CohortPool, Assessment>;

export interface CohortLook {
  readonly rules: MovementRules;
  readonly now: number;
  readonly proof: Proof;
  /** Absent: nothing is kept. */
  readonly round?: CohortRound;
}

/**
 * What counts for a cell besides its own comparisons: its cohort's where they decide, for or against, because they are
 * about tenants more like it; else those of all tenants.
 */
export function borrowable({ home, cell }: CellTrack, pooled: Assessment, at: CohortLook): Borrowed {
  const name = at.rules.cohortOf(cell.tenant);
  const pool = name === undefined ? undefined : home.cohorts.get(name);
  if (name === undefined || pool === undefined) return { assessment: pooled };
  const assessment = assessCohort(home, { name, pool }, at);
  const decides = assessment.kind === 'pass' || assessment.kind === 'fail' || assessment.kind === 'conflict';
  return decides ? { assessment, cohort: name } : { assessment: pooled };
}

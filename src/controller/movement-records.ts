import type { CellKey } from '../core/cell.ts';
import type { CellRecord } from '../core/cell-machine.ts';
import type { Assessment } from '../core/evidence.ts';
import type { CellTrack } from './movement-book.ts';
import type { Move } from './movement-plan.ts';

/** The record of a cell that gathers evidence from now on. */
export function observing(track: CellTrack, now: number): CellRecord {
  return { state: 'observing', since: now, reason: 'no proof is recorded', closures: track.record.closures };
}

/** Cells that one journal entry spells out with the proof of each; assessments they share are there once. */
export function proofEvidence(moves: readonly Move[]): Readonly<Record<string, unknown>> {
  const assessments: Assessment[] = [];
  const indexOf = new Map<Assessment, number>();
  const proofs: Record<CellKey, unknown> = {};
  for (const { track, next } of moves) {
    if (next.proof === undefined) continue;
    const { assessment, ...proof } = next.proof;
    const index = indexOf.get(assessment) ?? assessments.push(assessment) - 1;
    indexOf.set(assessment, index);
    proofs[track.key] = { ...proof, assessment: index };
  }
  return { proofs, assessments };
}

/** What took cells back, cell by cell; at most 100 are spelled out. */
export function retreatEvidence(moves: readonly Move[]): Readonly<Record<string, unknown>> {
  const reasons = moves.slice(0, 100).map(({ track, reason, evidence }) => ({ cell: track.key, reason, evidence }));
  return { reasons };
}

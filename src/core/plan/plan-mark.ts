/** Where a plan came from: the file on disk, a person who applied another text, or a person who went back to an earlier one. */
export const PLAN_SOURCES = ['file', 'apply', 'revert'] as const;
export type PlanSource = (typeof PLAN_SOURCES)[number];

/** Which plan is in force. */
export interface PlanMark {
  /** 1, 2, 3 …: grows by one with each other text. Not the revision of the table, which grows with every change of who serves. */
  readonly revision: number;
  /** SHA-256 of its text, 64 hex digits. */
  readonly hash: string;
  readonly from: PlanSource;
  /** Of a revert: the revision whose text it is. */
  readonly of?: number;
  /** SHA-256 of the file on disk when this plan came into force; empty where there is none. While the file stays so, a start takes this plan again. */
  readonly fileHash: string;
  readonly at: number;
  readonly actor: string;
  readonly reason: string;
}

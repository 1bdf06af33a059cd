import type { EndpointId } from './cell.ts';

export const VERDICTS = ['match', 'ignored', 'mismatch', 'inconclusive'] as const;
/** Of one comparison. Only `match` speaks for the candidate. */
export type Verdict = (typeof VERDICTS)[number];

export const DIFFERENCE_KINDS = [
  'removed',
  'type',
  'value',
  'added',
  'order',
  'whitespace',
  'failure',
  'alias',
  'timing',
] as const;
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number];

/** One finding. */
export interface Difference {
  /** `status`, `timing`, `header:name` (lower case), or `body` + JSON pointer; for HTML `body` + element path such as `/html/body/main/p[2]/@class`; for text `body/line/12`. */
  readonly path: string;
  readonly kind: DifferenceKind;
  /** Rendered values, redacted and cut to 2,000 characters; absent where there is none on that side. */
  readonly control?: string;
  readonly candidate?: string;
  /** The noise class whose check this difference passed: `time`, `uuid`, `token`, `unordered`, `tolerance`, `normalise` and so on. */
  readonly noise?: string;
  /** The configured rule that accounts for it. */
  readonly rule?: string;
  /** True where an `ignore` rule silenced it; `rule` names which. */
  readonly ignored?: true;
}

/** What comparing one exchange gave. */
export interface ComparisonResult {
  readonly verdict: Verdict;
  /** At most 200; those that speak against the candidate first. */
  readonly differences: readonly Difference[];
  /** How many were found in all. */
  readonly differenceCount: number;
  /** Equal bytes after decoding: nothing was parsed. */
  readonly identical: boolean;
  /** Event streams that go on: only their first events were compared. */
  readonly window?: true;
  /** Why the verdict is `inconclusive`: `bothFailed`, `controlFailed`, `controlMoved`, `unparsable`, `tooLarge`, `credentialsStripped`, `fault`, `notModified`, `partial`, `streaming`. */
  readonly reason?: string;
  /** Of the gravest unexplained difference; names the cluster. Present for `mismatch` only. */
  readonly signature?: Signature;
  /** Of every cause of the mismatch, the gravest (`signature`) first; at most 12. Absent: that one alone. */
  readonly signatures?: readonly Signature[];
  /** It has more causes than `signatures` tells. */
  readonly moreCauses?: true;
  /** A mismatch the candidate did not repeat when asked again. */
  readonly intermittent?: true;
}

/** What mismatches with one cause have in common. */
export interface Signature {
  /** 12 hex digits. One cause has one id, at every endpoint it reaches. */
  readonly id: string;
  /** Where it was seen. */
  readonly endpoint: EndpointId;
  /** The difference's path with indices and keys that vary replaced by `*`. */
  readonly pathPattern: string;
  readonly kind: DifferenceKind;
  /** How values change, for example `number → text`, `present → absent`, `number: × 100`, `renamed to total`. */
  readonly transition: string;
}

/** Every cause a mismatch counts for, the gravest first; none for any other verdict. */
export function signaturesOf(result: ComparisonResult): readonly Signature[] {
  if (result.verdict !== 'mismatch' || result.signature === undefined) return [];
  return result.signatures ?? [result.signature];
}

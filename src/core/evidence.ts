import { mergedPace, NO_PACE, type Pace, paced, perMs } from './arrival-pace.ts';
import type { Side } from './cell.ts';
import { excessFailures, failsMore, NO_FAILURES, type OneSidedFailures } from './one-sided-failures.ts';
import {
  type ChangeDetector,
  cleanComparisonsNeeded,
  detect,
  hasChanged,
  isDisproven,
  logEvidence,
  NO_CHANGE,
  neededEvidence,
  type RateTest,
  upperBound,
} from './sequential-test.ts';
import { SlotCounts } from './slot-counts.ts';
import { classCompared, comparedWith, mergedCompared, PER_CLASS } from './status-coverage.ts';
import type { Verdict } from './verdict.ts';

/** One comparison as evidence sees it. */
export interface Sample {
  readonly at: number;
  readonly verdict: Verdict;
  /** False: the control's answer was no 2xx or 3xx, or the traffic was forced; it is counted, but proves nothing. */
  readonly proves: boolean;
  /** Names identical requests, tenant included. */
  readonly request: string;
  /** Names the subject; empty where there is none: all such count as one subject. */
  readonly subject: string;
  readonly tenant: string;
  /** 2 for 2xx and so on, of the control's answer. */
  readonly statusClass: number;
  /** The side that alone failed the request of a drawn pair: a mismatch of the candidate's, or what stands against one. */
  readonly failedBy?: Side;
  /** It was preferred because of its cell: pooled evidence would no longer be about the endpoint's traffic. */
  readonly preferred?: true;
}

/** What a proof demands. */
export interface EvidencePolicy {
  readonly test: RateTest;
  /** Distinct requests, at least. */
  readonly minRequests: number;
  /** Distinct tenants, at least; 1 for a cell. */
  readonly minTenants: number;
  /** Between the first and the last comparison that counts, at least. */
  readonly minSpanMs: number;
  /** Classes of status that must have been compared: 2 for 2xx and so on; absent: any will do. */
  readonly classes?: readonly number[];
  /** Share of inconclusive comparisons above which nothing passes, 0 to 1. */
  readonly maxInconclusive: number;
  /** Evidence whose newest comparison is older says `stale`. */
  readonly staleAfterMs: number;
  /** One false alarm in so many comparisons at most, as a probability; for the watch over what is open. */
  readonly falseAlarm: number;
  /** Chance that a candidate that fails as often as the control is called worse; absent: 1 %. */
  readonly failureAlarm?: number;
}

export const ASSESSMENTS = ['insufficient', 'pass', 'fail', 'conflict', 'stale', 'fault'] as const;
export type AssessmentKind = (typeof ASSESSMENTS)[number];

/** What evidence says in sum, with every number that decided it. */
export interface Assessment {
  readonly kind: AssessmentKind;
  readonly matches: number;
  /** Wrong answers, and failures of the candidate beyond those of the control. */
  readonly mismatches: number;
  readonly inconclusive: number;
  /** Requests that only one side failed; absent: none. */
  readonly failures?: OneSidedFailures;
  /** Logarithm of the evidence, and what a proof takes. */
  readonly log: number;
  readonly needed: number;
  /** Part of `log` that the epoch before supplied; at most 90 % of `needed`. Absent: nothing. */
  readonly carried?: number;
  /** Clean comparisons still missing; 0 where the rate is proven. */
  readonly remaining: number;
  /** Upper bound of the mismatch rate at this look (Clopper–Pearson), 0 to 1. */
  readonly bound: number;
  readonly requests: number;
  readonly tenants: number;
  readonly spanMs: number;
  /** Classes of the control's statuses seen: 2 and 3. */
  readonly statusClasses: readonly number[];
  /** What is missing, one sentence each; empty for `pass`. */
  readonly missing: readonly string[];
  /** Milliseconds until what is missing is there, if comparisons go on as in the last minutes; absent: it cannot be told. */
  readonly etaMs?: number;
}

/** Verdicts that identical requests may contribute. */
export const MAX_PER_REQUEST = 10;
/** Share of the counted comparisons that one subject may contribute; the first three always count. */
export const MAX_SUBJECT_SHARE = 0.1;
const FREE_PER_SUBJECT = 3;
/** Share of a proof that the epoch before may supply, and the matches that are new at least. */
export const MAX_CARRIED_SHARE = 0.9;
export const MIN_NEW_MATCHES = 30;
/**
 * Clean comparisons in a row, in proofs, after which failures are forgotten: a candidate that was down may open again. One
 * that fails as often as the limit allows gets there by chance once in 22,000 failures (0.05 to the third, less the 5 %).
 */
const PROOFS_TO_FORGET = 3;
/** Tenants told apart; more are counted as this many. */
const MAX_TENANTS = 1_000;

/**
 * The verdicts of one cell, or of one endpoint over its tenants, within one epoch.
 * What may count is decided here: only verdicts that prove, at most 10 for identical requests and a tenth for one subject;
 * a mismatch is never capped by its subject.
 */
export class Evidence {
  matches = 0;
  /** Wrong answers; failures are counted apart. */
  wrong = 0;
  /** Failures of one side alone: the candidate's count as mismatches as far as they are more than the control's. */
  failures: OneSidedFailures = NO_FAILURES;
  /** Matches since the candidate failed last. */
  private cleanRun = 0;
  inconclusive = 0;
  ignored = 0;
  /** Logarithm of evidence that the epoch before supplies. */
  carried = 0;
  /** Not counted because identical requests or the subject had contributed enough. */
  capped = 0;
  firstAt = 0;
  lastAt = 0;
  private statusClasses = 0;
  /** Comparisons by class of the control's status, also of such as prove nothing of the rate; see `status-coverage.ts`. */
  private compared = 0;
  private pace: Pace = NO_PACE;
  private detector: ChangeDetector = NO_CHANGE;
  private readonly requests: SlotCounts;
  private readonly subjects: SlotCounts;
  private readonly tenants = new Set<string>();

  /** @param slots How many names of requests are told apart: 4,096 for an endpoint, 256 for a cell. */
  constructor(slots = 256) {
    this.requests = new SlotCounts(slots);
    this.subjects = new SlotCounts(Math.max(64, slots / 8));
  }

  /** What speaks against the candidate. */
  get mismatches(): number {
    return this.wrong + excessFailures(this.failures);
  }

  /** Takes one comparison in; gives whether it counted. */
  add(sample: Sample, policy: EvidencePolicy): boolean {
    if (sample.verdict === 'inconclusive') {
      this.inconclusive += 1;
      if (sample.failedBy === 'control') this.addFailure(sample, 'control');
      return false;
    }
    if (sample.verdict === 'ignored') {
      this.ignored += 1;
      return false;
    }
    this.compared = comparedWith(this.compared, sample.statusClass);
    if (!sample.proves) return false;
    const isMismatch = sample.verdict === 'mismatch';
    const isFailure = isMismatch && sample.failedBy === 'candidate';
    // Failures have tripwires of their own, which know how often the control fails. What proves too little still tells when things turn: the watch over an open cell would go blind otherwise.
    if (!isFailure) this.detector = detect(this.detector, policy.test, isMismatch);
    if (this.requests.get(sample.request) >= MAX_PER_REQUEST || (!isMismatch && this.isSubjectFull(sample.subject))) {
      this.capped += 1;
      return false;
    }
    this.requests.add(sample.request);
    this.subjects.add(sample.subject);
    if (this.tenants.size < MAX_TENANTS) this.tenants.add(sample.tenant);
    this.statusClasses |= 1 << sample.statusClass;
    if (this.firstAt === 0 || sample.at < this.firstAt) this.firstAt = sample.at;
    if (sample.at > this.lastAt) this.lastAt = sample.at;
    this.pace = paced(this.pace, sample.at);
    if (isMismatch && !isFailure) this.wrong += 1;
    if (!isMismatch) this.matches += 1;
    this.cleanRun = isFailure ? 0 : this.cleanRun + (isMismatch ? 0 : 1);
    if (isFailure) this.failures = { ...this.failures, candidate: this.failures.candidate + 1 };
    else if (this.cleanRun >= PROOFS_TO_FORGET * cleanComparisonsNeeded(policy.test, 0, 0)) this.forgetFailures();
    return true;
  }

  /** That the candidate was down once says nothing about what it answers now. */
  forgetFailures(): void {
    this.failures = NO_FAILURES;
    this.cleanRun = 0;
  }

  /** A failure of the control, capped like one of the candidate: they are set against each other. */
  private addFailure({ request }: Sample, side: Side): void {
    if (this.requests.get(request) >= MAX_PER_REQUEST) return;
    this.requests.add(request);
    this.failures = { ...this.failures, [side]: this.failures[side] + 1 };
  }

  /** Whether the rate of wrong answers is not as low as hoped, or the candidate fails more than the control. */
  private speaksAgainst({ test, failureAlarm }: EvidencePolicy): boolean {
    return isDisproven(test, this.matches, this.wrong) || failsMore(this.failures, failureAlarm);
  }

  private isSubjectFull(subject: string): boolean {
    const allowed = Math.max(FREE_PER_SUBJECT, MAX_SUBJECT_SHARE * (this.matches + this.mismatches + 1));
    return this.subjects.get(subject) >= allowed;
  }

  /** Whether the stream of comparisons turned bad, whatever it was before. */
  hasTurned(policy: EvidencePolicy): boolean {
    return hasChanged(this.detector, policy.falseAlarm);
  }

  /** Forgets what the watch has seen, after it was acted on. */
  resetWatch(): void {
    this.detector = NO_CHANGE;
  }

  /**
   * The evidence with which the next epoch begins: nothing is counted yet, and what spoke for the candidate supplies at most
   * 90 % of a proof. What spoke against it, or had turned, supplies nothing.
   * At 1 % and 95 %: after 332 matches the next version needs 34.
   */
  renewed(policy: EvidencePolicy): Evidence {
    const next = new Evidence(this.requests.size);
    const isBad = this.hasTurned(policy) || this.speaksAgainst(policy);
    if (!isBad) next.carried = Math.max(0, Math.min(MAX_CARRIED_SHARE * neededEvidence(policy.test), this.log(policy)));
    return next;
  }

  /** Takes the share of one cell out again that a pooled evidence holds, with what the watch has seen. */
  retract(cell: Counted): void {
    this.matches = Math.max(0, this.matches - cell.matches);
    this.wrong = Math.max(0, this.wrong - cell.wrong);
    const { control, candidate } = this.failures;
    this.failures = {
      control: Math.max(0, control - cell.failures.control),
      candidate: Math.max(0, candidate - cell.failures.candidate),
    };
    this.inconclusive = Math.max(0, this.inconclusive - cell.inconclusive);
    this.ignored = Math.max(0, this.ignored - cell.ignored);
    this.resetWatch();
  }

  /**
   * Takes in what another has gathered of other comparisons in the same epoch, in any order and grouping. What is capped
   * (identical requests, one subject) was capped within each; the watch is that of whichever is closer to an alarm.
   * @param other Made with as many slots; it stays as it is.
   */
  merge(other: Evidence): void {
    this.matches += other.matches;
    const runs = [this, other].filter(({ failures }) => failures.candidate > 0).map(({ cleanRun }) => cleanRun);
    // Which came last nobody knows: the shortest run of those that saw a failure counts.
    this.cleanRun = runs.length === 0 ? this.cleanRun + other.cleanRun : Math.min(...runs);
    this.wrong += other.wrong;
    this.failures = {
      control: this.failures.control + other.failures.control,
      candidate: this.failures.candidate + other.failures.candidate,
    };
    this.inconclusive += other.inconclusive;
    this.ignored += other.ignored;
    this.capped += other.capped;
    this.carried = Math.max(this.carried, other.carried);
    this.firstAt =
      this.firstAt === 0 || other.firstAt === 0
        ? Math.max(this.firstAt, other.firstAt)
        : Math.min(this.firstAt, other.firstAt);
    this.lastAt = Math.max(this.lastAt, other.lastAt);
    this.statusClasses |= other.statusClasses;
    this.compared = mergedCompared(this.compared, other.compared);
    this.pace = mergedPace(this.pace, other.pace);
    if (other.detector.level > this.detector.level) this.detector = other.detector;
    this.requests.merge(other.requests);
    this.subjects.merge(other.subjects);
    // Of too many the first by name are kept, so that the order of merging makes no difference.
    const tenants = [...new Set([...this.tenants, ...other.tenants])].sort().slice(0, MAX_TENANTS);
    this.tenants.clear();
    for (const tenant of tenants) this.tenants.add(tenant);
  }

  private log({ test }: EvidencePolicy): number {
    return logEvidence(test, this.matches, this.mismatches) + this.carried;
  }

  /** Clean comparisons that are missing, what the epoch before supplies taken into account. */
  private remaining({ test }: EvidencePolicy): number {
    if (this.carried === 0) return cleanComparisonsNeeded(test, this.matches, this.mismatches);
    const missing = neededEvidence(test) - logEvidence(test, this.matches, this.mismatches) - this.carried;
    const byRate = missing <= 0 ? 0 : Math.ceil(missing / logEvidence(test, 1, 0));
    return Math.max(byRate, MIN_NEW_MATCHES - this.matches, 0);
  }

  /** Sum of what is known at `now`. */
  assess(policy: EvidencePolicy, now: number): Assessment {
    const { matches, mismatches, inconclusive } = this;
    const total = matches + mismatches + inconclusive + this.ignored;
    const spanMs = Math.max(0, this.lastAt - this.firstAt);
    const remaining = this.remaining(policy);
    const missing: string[] = [];
    if (remaining > 0) missing.push(more(remaining, 'clean comparison'));
    if (this.requests.distinct < policy.minRequests)
      missing.push(more(policy.minRequests - this.requests.distinct, 'distinct request'));
    if (this.tenants.size < policy.minTenants) missing.push(more(policy.minTenants - this.tenants.size, 'tenant'));
    if (spanMs < policy.minSpanMs)
      missing.push(`${Math.ceil((policy.minSpanMs - spanMs) / 1000)} s more between the first and the last comparison`);
    const unseen = this.unseen(policy);
    for (const [statusClass, left] of unseen)
      missing.push(`${more(left, 'comparison')} of answers with ${statusClass}xx`);
    const isMurky = total > 0 && inconclusive / total > policy.maxInconclusive;
    if (isMurky)
      missing.push(`fewer inconclusive comparisons (${Math.round((inconclusive / total) * 100)} % of ${total})`);
    if (remaining > 0 && this.capped > matches)
      missing.push('more variety: most comparisons were of identical requests or one subject');
    const isUncertain = isMurky || unseen.length > 0 || this.tenants.size < policy.minTenants;
    const etaMs = missing.length === 0 || isUncertain ? undefined : this.eta(policy, now);
    return {
      kind: this.kind(policy, now, missing.length === 0),
      matches,
      mismatches,
      inconclusive,
      ...(this.failures === NO_FAILURES ? {} : { failures: this.failures }),
      log: this.log(policy),
      needed: neededEvidence(policy.test),
      ...(this.carried > 0 ? { carried: this.carried } : {}),
      remaining,
      bound: upperBound(policy.test.confidence, matches, mismatches),
      requests: this.requests.distinct,
      tenants: this.tenants.size,
      spanMs,
      statusClasses: [1, 2, 3, 4, 5].filter((statusClass) => (this.statusClasses & (1 << statusClass)) !== 0),
      missing,
      ...(etaMs === undefined ? {} : { etaMs }),
    };
  }

  /** Classes of status of which too little was compared, with how much is missing. */
  private unseen({ classes = [] }: EvidencePolicy): (readonly [statusClass: number, left: number])[] {
    return classes.flatMap((one) => {
      const left = PER_CLASS - classCompared(this.compared, one);
      return left > 0 ? [[one, left] as const] : [];
    });
  }

  /** When the comparisons and the time that are missing will be there; undefined: never, as things stand. */
  private eta(policy: EvidencePolicy, now: number): number | undefined {
    const { matches, mismatches } = this;
    const rate = perMs(this.pace, this.firstAt, now);
    const remaining = this.remaining(policy);
    const gained = logEvidence(policy.test, matches, mismatches);
    const clean = logEvidence(policy.test, 1, 0);
    // Mismatches go on as they came: what each comparison gains on average, beside what a clean one would.
    const drift = mismatches === 0 ? clean : gained / (matches + mismatches);
    const comparisons = Math.max((remaining * clean) / drift, policy.minRequests - this.requests.distinct, 0);
    const isHopeless = (comparisons > 0 && rate <= 0) || (remaining > 0 && drift <= 0);
    if (this.firstAt === 0 || isHopeless) return undefined;
    const forTime = this.lastAt - this.firstAt < policy.minSpanMs ? this.firstAt + policy.minSpanMs - now : 0;
    return Math.max(0, forTime, comparisons === 0 ? 0 : comparisons / rate);
  }

  /** How long so many more comparisons that count will take, in milliseconds; undefined: nothing comes. */
  timeFor(comparisons: number, now: number): number | undefined {
    const rate = this.firstAt === 0 ? 0 : perMs(this.pace, this.firstAt, now);
    return rate > 0 ? comparisons / rate : undefined;
  }

  private kind(policy: EvidencePolicy, now: number, isComplete: boolean): AssessmentKind {
    const turned = this.hasTurned(policy);
    if (this.speaksAgainst(policy)) return 'fail';
    // Proven over the whole time and turned bad of late: a person, or more comparisons, must tell which.
    if (turned) return this.log(policy) >= neededEvidence(policy.test) ? 'conflict' : 'fail';
    if (this.lastAt > 0 && now - this.lastAt > policy.staleAfterMs) return 'stale';
    return isComplete ? 'pass' : 'insufficient';
  }

  toJSON(): object {
    const { matches, wrong, failures, inconclusive, ignored, capped, firstAt, lastAt, statusClasses, detector } = this;
    return {
      matches,
      wrong,
      failures,
      cleanRun: this.cleanRun,
      inconclusive,
      ignored,
      capped,
      carried: this.carried,
      firstAt,
      lastAt,
      statusClasses,
      compared: this.compared,
      level: detector.level,
      pace: this.pace,
      requests: this.requests.toJSON(),
      subjects: this.subjects.toJSON(),
      tenants: [...this.tenants],
    };
  }

  /** Takes over what `toJSON` gave; anything that is not of its form is left out. */
  restore(saved: unknown): void {
    if (saved === null || typeof saved !== 'object') return;
    const fields = saved as Readonly<Record<string, unknown>>; // looked at one by one
    const number = (name: string): number =>
      typeof fields[name] === 'number' && Number.isFinite(fields[name]) ? fields[name] : 0;
    this.matches = number('matches');
    this.wrong = number('wrong');
    this.failures = failuresOf(fields['failures']);
    this.cleanRun = number('cleanRun');
    this.inconclusive = number('inconclusive');
    this.ignored = number('ignored');
    this.capped = number('capped');
    this.carried = number('carried');
    this.firstAt = number('firstAt');
    this.lastAt = number('lastAt');
    this.statusClasses = number('statusClasses');
    this.compared = number('compared');
    this.detector = { level: number('level') };
    const pace = fields['pace'] as Partial<Pace> | null | undefined; // its fields are looked at
    if (Number.isFinite(pace?.weight) && Number.isFinite(pace?.at))
      this.pace = { weight: pace?.weight ?? 0, at: pace?.at ?? 0 };
    this.requests.restore(fields['requests']);
    this.subjects.restore(fields['subjects']);
    if (Array.isArray(fields['tenants'])) {
      for (const tenant of fields['tenants'].slice(0, MAX_TENANTS))
        if (typeof tenant === 'string') this.tenants.add(tenant);
    }
  }
}

/** What a cell gave to pooled evidence. */
export type Counted = Pick<Evidence, 'matches' | 'wrong' | 'failures' | 'inconclusive' | 'ignored'>;

/** Saved failures; none where they are not of their form. */
export function failuresOf(saved: unknown): OneSidedFailures {
  const { control, candidate } = (saved ?? {}) as Readonly<Record<string, unknown>>; // looked at
  const isWhole = [control, candidate].every((count) => Number.isSafeInteger(count) && Number(count) >= 0);
  if (!isWhole || (control === 0 && candidate === 0)) return NO_FAILURES;
  return { control: Number(control), candidate: Number(candidate) };
}

/** `1 more tenant`, `2 more tenants`. */
function more(missing: number, what: string): string {
  return `${missing} more ${what}${missing === 1 ? '' : 's'}`;
}

import { hash48 } from '../compare/hash.ts';
import { record } from './learner.ts';
import { discoveries, FALSE_ALARM, logEvidence, type TwoArms } from './two-arm-test.ts';

/**
 * Classes whose check says little: data that is plainly wrong passes it now and then. What they excuse is counted,
 * and they excuse nothing at a path where the candidate differs more often than the control does from itself.
 */
const WEAK: ReadonlySet<string> = new Set([
  ...['one-of', 'varying', 'absent-or-X', 'optional', 'link', 'pick', 'prefixed', 'counter', 'number', 'float'],
]);

/** Paths counted of one endpoint; as many as noise is learned of. */
const MAX_PATHS = 500;
/**
 * Candidate pairs counted for each control pair: more tell next to nothing (95 % of what endless ones would),
 * and the two arms would be of different times.
 */
const CANDIDATES_PER_CONTROL = 20;
/** Control pairs after which everything is counted anew, so that what was long ago does not speak for today. */
const MAX_CONTROL_PAIRS = 10_000;

interface Path {
  /** Pairs of the endpoint before the path was counted. */
  controlBefore: number;
  candidateBefore: number;
  controlDrifts: number;
  candidateDrifts: number;
}

/** How often the two sides of a comparison differ at the noisy paths of one endpoint, in either arm. */
export class PathArms {
  private controlPairs = 0;
  private candidatePairs = 0;
  /** Hash of the candidate's version: another one begins its arm anew. */
  private epoch = '';
  private readonly paths = new Map<string, Path>();
  /** Flagged paths; undefined since the counts changed. */
  private flagged: ReadonlySet<string> | undefined;

  /** Counts a control–control pair, by the paths at which it differed. It must have been chosen without looking at the outcome. */
  countControl(keys: ReadonlySet<string>): void {
    if (this.controlPairs >= MAX_CONTROL_PAIRS) this.beginAnew();
    this.controlPairs += 1;
    this.flagged = undefined;
    for (const [key, path] of this.paths) if (keys.has(key)) path.controlDrifts += 1;
  }

  /** Counts a control–candidate pair, only so many that the arms keep step. */
  countCandidate(version: string, keys: ReadonlySet<string>): void {
    if (this.countAlike(version, 1) === 0) return;
    for (const [key, path] of this.paths) if (keys.has(key)) path.candidateDrifts += 1;
  }

  /** Counts control–candidate pairs that differed nowhere; gives how many of them there was room for. */
  countAlike(version: string, pairs: number): number {
    this.enter(hash48(version));
    const room = CANDIDATES_PER_CONTROL * (this.controlPairs + 1) - this.candidatePairs;
    const counted = Math.min(pairs, Math.max(0, room));
    if (counted > 0) this.flagged = undefined;
    this.candidatePairs += counted;
    return counted;
  }

  /**
   * Whether a difference that a class would excuse stands against the candidate all the same.
   * The first time a weak class excuses something at a path, the path is counted from the next pair on.
   */
  overrules(key: string, noise: string): boolean {
    if (!WEAK.has(noise)) return false;
    if (this.paths.has(key)) return this.flags().has(key);
    if (this.paths.size < MAX_PATHS) {
      const { controlPairs, candidatePairs } = this;
      this.paths.set(key, {
        controlBefore: controlPairs,
        candidateBefore: candidatePairs,
        controlDrifts: 0,
        candidateDrifts: 0,
      });
    }
    return false;
  }

  /** Why a path is flagged, as a sentence; undefined where it is not. */
  reason(key: string): string | undefined {
    const path = this.paths.get(key);
    if (path === undefined || !this.flags().has(key)) return undefined;
    const { controlPairs, controlDrifts, candidatePairs, candidateDrifts } = this.armsOf(path);
    const candidate = `${percent(candidateDrifts / candidatePairs)} of ${candidatePairs} comparisons`;
    return `the candidate differs in ${candidate}, the control from itself in ${percent(controlDrifts / controlPairs)} of ${controlPairs}`;
  }

  private flags(): ReadonlySet<string> {
    if (this.flagged === undefined) {
      // Beyond the best case of a single path nothing is flagged, so the exact figure is needed only above it.
      const floor = -Math.log(FALSE_ALARM);
      const logs = new Map([...this.paths].map(([key, path]) => [key, logEvidence(this.armsOf(path), floor)]));
      this.flagged = discoveries(logs);
    }
    return this.flagged;
  }

  private armsOf(path: Path): TwoArms {
    return {
      controlPairs: this.controlPairs - path.controlBefore,
      controlDrifts: path.controlDrifts,
      candidatePairs: this.candidatePairs - path.candidateBefore,
      candidateDrifts: path.candidateDrifts,
    };
  }

  private enter(epoch: string): void {
    if (epoch === this.epoch) return;
    this.epoch = epoch;
    this.beginCandidate();
  }

  private beginCandidate(): void {
    this.candidatePairs = 0;
    this.flagged = undefined;
    for (const path of this.paths.values()) {
      path.candidateBefore = 0;
      path.candidateDrifts = 0;
    }
  }

  private beginAnew(): void {
    this.controlPairs = 0;
    this.paths.clear();
    this.beginCandidate();
  }

  /** As JSON: a list of one, so that a part which must not be kept takes nothing else along. */
  save(): unknown {
    const { controlPairs, candidatePairs, epoch } = this;
    return [
      { controlPairs, candidatePairs, epoch, paths: [...this.paths].map(([path, counts]) => ({ path, ...counts })) },
    ];
  }

  /** Takes a saved state in place of the counts; what cannot be read is counted anew. */
  load(saved: unknown): void {
    this.epoch = '';
    this.beginAnew();
    const from = record(Array.isArray(saved) ? saved[0] : undefined);
    const [controlPairs, candidatePairs] = [from?.['controlPairs'], from?.['candidatePairs']];
    const [epoch, paths] = [from?.['epoch'], from?.['paths']];
    if (!isCount(controlPairs) || !isCount(candidatePairs) || typeof epoch !== 'string' || !Array.isArray(paths))
      return;
    this.controlPairs = controlPairs;
    this.candidatePairs = candidatePairs;
    this.epoch = epoch;
    for (const entry of paths.slice(0, MAX_PATHS)) {
      const path = readPath(record(entry), { controlPairs, candidatePairs });
      if (path !== undefined) this.paths.set(...path);
    }
  }
}

function readPath(
  from: Readonly<Record<string, unknown>> | undefined,
  all: { controlPairs: number; candidatePairs: number },
): [string, Path] | undefined {
  const key = from?.['path'];
  const [controlBefore, candidateBefore] = [from?.['controlBefore'], from?.['candidateBefore']];
  const [controlDrifts, candidateDrifts] = [from?.['controlDrifts'], from?.['candidateDrifts']];
  if (typeof key !== 'string' || !isCount(controlBefore) || !isCount(candidateBefore)) return undefined;
  if (!isCount(controlDrifts) || !isCount(candidateDrifts)) return undefined;
  if (controlBefore + controlDrifts > all.controlPairs) return undefined;
  if (candidateBefore + candidateDrifts > all.candidatePairs) return undefined;
  return [key, { controlBefore, candidateBefore, controlDrifts, candidateDrifts }];
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** `41 %`, `0.4 %`. */
function percent(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`;
}

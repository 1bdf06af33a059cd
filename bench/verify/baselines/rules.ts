import type { Plain, PlainDifference } from './tree.ts';
import { isShown } from './two-threshold.ts';

/** A way to tell noise from regressions, written from its published rule. */
export interface Baseline {
  readonly name: string;
  /** Takes the differences of the learning pairs, in order. */
  learn(pairs: readonly (readonly PlainDifference[])[]): Judge;
}

export interface Judge {
  /**
   * How many of `pairs` are called mismatches. They are of one kind: all sound, or all with one fault that stays;
   * a rule that counts looks at all of them at once.
   */
  mismatches(pairs: readonly (readonly PlainDifference[])[]): readonly boolean[];
}

/** Any difference is one. */
const deepEquality: Baseline = {
  name: 'deep equality',
  learn: () => ({ mismatches: (pairs) => pairs.map((differences) => differences.length > 0) }),
};

const TIME =
  /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$|^[A-Z][a-z]{2}, \d\d[ -][A-Z][a-z]{2}[ -]\d{2,4} \d\d:\d\d:\d\d|^\d{1,2} [A-Z][a-z]+ \d{4}/;
const ID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$|^[\da-f]{16,}$|^[\dA-HJKMNP-TV-Z]{26}$/i;
const VOLATILE =
  /^\/headers\/(date|x-request-id|request-id|x-correlation-id|x-runtime|traceparent|tracestate|etag|age|expires)$/;

function looksLikeTimeOrId(value: Plain | undefined): boolean {
  if (typeof value === 'number') return /^1[4-9]\d{8}(\d{3})?(\.\d+)?$/.test(String(value));
  return typeof value === 'string' && (TIME.test(value) || ID.test(value) || /^1[4-9]\d{8}(\d{3})?$/.test(value));
}

/** A recorded value that parses as a time, or is an id, is never compared; nor are headers known to vary, nor the order of lists. */
const timeOrId: Baseline = {
  name: 'ignore times and ids',
  learn: () => ({
    mismatches: (pairs) =>
      pairs.map((differences) =>
        differences.some(({ path, kind, left }) => {
          if (kind === 'order') return false;
          if (kind === 'value' || kind === 'type') return !looksLikeTimeOrId(left) && !VOLATILE.test(path);
          return true;
        }),
      ),
  }),
};

const keyOf = ({ path, kind }: PlainDifference): string => `${path} ${kind}`;

/** Fields by path and kind, counted in as many pairs control–control as control–candidate; the whole decides for each pair. */
const twoThreshold: Baseline = {
  name: 'two thresholds',
  learn: (learned) => {
    const share = (pairs: readonly (readonly PlainDifference[])[]): Map<string, number> => {
      const counts = new Map<string, number>();
      for (const differences of pairs)
        for (const key of new Set(differences.map(keyOf))) counts.set(key, (counts.get(key) ?? 0) + 1 / pairs.length);
      return counts;
    };
    const noise = share(learned);
    const total = learned.length;
    return {
      mismatches: (pairs) => {
        const raw = share(pairs);
        const shown = new Set(
          [...raw.keys()].filter((key) =>
            isShown({
              raw: Math.round((raw.get(key) ?? 0) * total),
              noise: Math.round((noise.get(key) ?? 0) * total),
              total,
            }),
          ),
        );
        return pairs.map((differences) => differences.some((difference) => shown.has(keyOf(difference))));
      },
    };
  },
};

/** How many cases are asked twice. */
const CASES = 2;

/** What differs when two cases are asked twice is ignored from then on; a list that differs loses its order. */
const twoCases: Baseline = {
  name: 'two cases',
  learn: (learned) => {
    const ignored = new Set<string>();
    const unordered = new Set<string>();
    for (const { path, kind } of learned.slice(0, CASES).flat()) {
      if (kind === 'order') unordered.add(path);
      else ignored.add(path);
    }
    const accounted = ({ path, kind }: PlainDifference): boolean =>
      (kind === 'order' && unordered.has(path)) ||
      [...ignored].some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
    return { mismatches: (pairs) => pairs.map((differences) => differences.some((one) => !accounted(one))) };
  },
};

export const BASELINES: readonly Baseline[] = [deepEquality, timeOrId, twoThreshold, twoCases];

/** Time over which the pace is averaged. */
const MEMORY_MS = 600_000;

/** A decayed count: how often something came of late. Data, so that it can be saved. */
export interface Pace {
  /** Comparisons, those of ten minutes ago counting e times less. */
  readonly weight: number;
  readonly at: number;
}

export const NO_PACE: Pace = { weight: 0, at: 0 };

/** One more came. A clock that went back makes nothing older. */
export function paced(pace: Pace, at: number): Pace {
  return { weight: weightAt(pace, at) + 1, at: Math.max(at, pace.at) };
}

/**
 * How many come a millisecond, at `now`; what began less than ten minutes ago is taken over the time since.
 * @param since When the first came.
 */
export function perMs(pace: Pace, since: number, now: number): number {
  const age = Math.max(1_000, now - since);
  return weightAt(pace, now) / (MEMORY_MS * (1 - Math.exp(-age / MEMORY_MS)));
}

/** The count of both, as of the later one. */
export function mergedPace(one: Pace, other: Pace): Pace {
  const at = Math.max(one.at, other.at);
  return { weight: weightAt(one, at) + weightAt(other, at), at };
}

function weightAt({ weight, at }: Pace, now: number): number {
  return weight === 0 ? 0 : weight * Math.exp(-Math.max(0, now - at) / MEMORY_MS);
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `about 40 min`, for people: what is told is never more exact than it is known. */
export function about(ms: number): string {
  if (ms < MINUTE_MS) return 'less than a minute';
  if (ms < 2 * HOUR_MS) return `about ${Math.round(ms / MINUTE_MS)} min`;
  if (ms < 2 * DAY_MS) return `about ${Math.round(ms / HOUR_MS)} h`;
  return `about ${Math.round(ms / DAY_MS)} days`;
}

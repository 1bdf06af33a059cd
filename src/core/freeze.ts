/** Local time of a zone as milliseconds: what a clock on the wall there shows, counted as if it were UTC. */
type LocalMs = number;

const DAY_MS = 24 * 3_600_000;
const MINUTE_MS = 60_000;
/** Days that are looked ahead for the end of a freeze: one that never ends is told as ending then. */
const HORIZON_DAYS = 400;
/** Periods that may follow one another without a gap before the end is told. */
const MAX_CHAIN = 1_000;

/** When nothing is raised, opened or promoted. Times are those of a clock on the wall in `zone`. */
export type Freeze =
  /** Once: from an instant of the wall clock until before another. */
  | { readonly name: string; readonly zone: string; readonly fromLocal: LocalMs; readonly toLocal: LocalMs }
  /**
   * Every week: on these days (0 is Sunday), from one minute of the day until before another.
   * Where the end does not come after the beginning, it is that of the next day; 0 to 1,440 is the whole day.
   */
  | {
      readonly name: string;
      readonly zone: string;
      readonly weekdays: readonly number[];
      readonly fromMinute: number;
      readonly toMinute: number;
    };

/** What is frozen now, and until when. */
export interface Frozen {
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
  /** Who froze it; absent: the calendar. */
  readonly actor?: string;
  readonly reason?: string;
}

/** A person's word over the calendar: frozen until then, or not frozen by the calendar until then. */
export interface FreezeOrder {
  readonly kind: 'freeze' | 'thaw';
  readonly until: number;
  readonly actor: string;
  readonly reason: string;
  readonly at: number;
}

/** Milliseconds that a zone's wall clock is ahead of UTC at an instant; from outside, because the core knows no zones. */
export type OffsetOf = (zone: string, at: number) => number;

/** What is frozen by the calendar. Where several freezes overlap or follow at once, the end is that of the last. */
export function frozenByCalendar(freezes: readonly Freeze[], now: number, offsetOf: OffsetOf): Frozen | undefined {
  const first = freezes.find((freeze) => endOf(freeze, now, offsetOf) !== undefined);
  if (first === undefined) return undefined;
  let until = now;
  for (let hop = 0; hop < MAX_CHAIN; hop += 1) {
    const ends = freezes.flatMap((freeze) => endOf(freeze, until, offsetOf) ?? []);
    if (ends.length === 0 || until - now > HORIZON_DAYS * DAY_MS) break;
    until = Math.max(...ends);
  }
  return { name: first.name, until };
}

/** What is frozen, by hand or by the calendar. */
export function frozenAt(
  freezes: readonly Freeze[],
  order: FreezeOrder | undefined,
  when: { readonly now: number; readonly offsetOf: OffsetOf },
): Frozen | undefined {
  const { now, offsetOf } = when;
  const isDue = order !== undefined && now < order.until;
  const calendar = isDue && order.kind === 'thaw' ? undefined : frozenByCalendar(freezes, now, offsetOf);
  if (!isDue || order.kind === 'thaw') return calendar;
  const { until, actor, reason } = order;
  return { name: 'by hand', until: Math.max(until, calendar?.until ?? 0), actor, reason };
}

/** When the freeze that holds at `now` ends; undefined: it does not hold. */
function endOf(freeze: Freeze, now: number, offsetOf: OffsetOf): number | undefined {
  const local = now + offsetOf(freeze.zone, now);
  const endLocal = 'weekdays' in freeze ? weeklyEnd(freeze, local) : onceEnd(freeze, local);
  if (endLocal === undefined) return undefined;
  const guess = endLocal - offsetOf(freeze.zone, now);
  // The clock may have been put forward or back in between: the offset is that of the end.
  const at = endLocal - offsetOf(freeze.zone, guess);
  return Math.max(at, now + 1);
}

function onceEnd({ fromLocal, toLocal }: Extract<Freeze, { fromLocal: number }>, local: LocalMs): LocalMs | undefined {
  return local >= fromLocal && local < toLocal ? toLocal : undefined;
}

/** The end of the day's period that holds, today's or that which began yesterday. */
function weeklyEnd(
  { weekdays, fromMinute, toMinute }: Extract<Freeze, { weekdays: unknown }>,
  local: LocalMs,
): LocalMs | undefined {
  const today = Math.floor(local / DAY_MS) * DAY_MS;
  const lengthMinutes = toMinute > fromMinute ? toMinute - fromMinute : toMinute + 1_440 - fromMinute;
  for (const day of [today - DAY_MS, today]) {
    const from = day + fromMinute * MINUTE_MS;
    const to = from + lengthMinutes * MINUTE_MS;
    if (weekdays.includes(weekdayOf(day)) && local >= from && local < to) return to;
  }
  return undefined;
}

/** 0 is Sunday; 1 January 1970 was a Thursday. */
function weekdayOf(day: LocalMs): number {
  return (((Math.floor(day / DAY_MS) + 4) % 7) + 7) % 7;
}

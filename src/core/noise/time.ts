import { FlatLearner, type Learner, type NoiseContext, type Recognised, type ValuePair, withItem } from './learner.ts';
import { type Moment, readMoment } from './moment.ts';

/** A clock may differ this much from ours before it counts as wrong, as long as nothing was learned. */
const CLOCK_MS = 5 * 60_000;
/** The same for what is written without seconds, where a step is a minute or a day. */
const COARSE_CLOCK_MS = 5_000;
/** Two answers to one request, and two clocks, may be so far apart on top of what was seen. */
const SLACK_MS = 2_000;

/**
 * Two moments of the present: one format and zone, and both close to the request.
 * A frozen or shifted clock is not, nor a step of the format without its boundary between the two requests.
 * Undefined where they are not.
 *
 * @param isSteady Whether the control has never shown another value here, in enough pairs to tell: then it hardly moves.
 */
export function recogniseTime(
  control: string,
  candidate: string,
  context: NoiseContext,
  isSteady = false,
): Recognised | undefined {
  const left = readMoment(control, context.at);
  const right = left === undefined ? undefined : readMoment(candidate, context.at);
  if (left === undefined || right === undefined) return undefined;
  if (left.format !== right.format || left.zone !== right.zone || left.digits !== right.digits) return undefined;
  const here = { ...context, at: context.at + localOffsetMs(left, context) };
  if (!isPresent(left, here) || !isPresent(right, here)) return undefined;
  const gap = Math.max(0, context.gapMs);
  if (isSteady && Math.abs(left.ms - right.ms) > left.precisionMs + gap + SLACK_MS) return undefined;
  return timeOf(left, right, { at: here.at, gapMs: gap, apartMs: CLOCK_MS / 100 });
}

/** Two moments of one form, a step of it apart at most: at any distance to the request, as an expiry is. */
export function recogniseStep(control: string, candidate: string, { at, gapMs }: NoiseContext): Recognised | undefined {
  const left = readMoment(control, at);
  const right = left === undefined ? undefined : readMoment(candidate, at);
  if (left === undefined || right === undefined || left.precisionMs > 60_000) return undefined;
  if (formOf(left) !== formOf(right) || left.digits !== right.digits || Math.abs(left.ms - at) > MAX_DISTANCE_MS)
    return undefined;
  const reach = left.precisionMs + Math.max(0, gapMs);
  return Math.abs(left.ms - right.ms) <= reach ? { class: 'time' } : undefined;
}

/** Offsets of zones are multiples of this (the finest in use), and at most 14 h. */
const ZONE_STEP_MS = 15 * 60_000;
const ZONE_MOST_MS = 14 * 3_600_000;

/** How far a moment without a zone is from UTC, if it is of the present somewhere. */
function localOffsetMs({ ms, zone, precisionMs, format }: Moment, { at }: NoiseContext): number {
  if (zone !== '' || format.startsWith('epoch') || precisionMs > 60_000) return 0;
  const offset = Math.round((ms - at) / ZONE_STEP_MS) * ZONE_STEP_MS;
  return Math.abs(offset) <= ZONE_MOST_MS ? offset : 0;
}

/** Whether the moment, which lasts as long as its smallest step, was between the request and its answer. */
function isPresent({ ms, precisionMs }: Moment, { at, gapMs }: NoiseContext): boolean {
  const skew = precisionMs > 1000 ? COARSE_CLOCK_MS : CLOCK_MS;
  return ms <= at + Math.max(0, gapMs) + skew && ms + precisionMs >= at - skew;
}

function timeOf(control: Moment, candidate: Moment, near: { at: number; gapMs: number; apartMs: number }): Recognised {
  const reachMs = near.apartMs + near.gapMs + control.precisionMs;
  return { class: 'time', clock: { controlMs: control.ms, candidateMs: candidate.ms, at: near.at, reachMs } };
}

/** Numbers further from the request than this are ids that look like seconds. */
const MAX_DISTANCE_MS = 5 * 366 * 86_400_000;
/** From so many values on, it says something that hardly one of them was a whole second. */
const ROUND_VALUES = 8;

type TimeState = {
  readonly values: number;
  /** Distance to the request. */
  readonly lowMs: number;
  readonly highMs: number;
  /** Largest distance of two answers to one request, beyond the time between the two. */
  readonly apartMs: number;
  readonly precisionMs: number;
  readonly forms: readonly string[];
  /** Whether one pair showed two forms: then they are one field's. */
  readonly mixed: boolean;
  readonly fewestDigits: number;
  readonly mostDigits: number;
  /** Values whose fraction, or last digits, were all zero. */
  readonly round: number;
};

/** Moments at a distance to the request, and to the other answer: now, an expiry in an hour, an article's date. */
export class TimeLearner extends FlatLearner<TimeState> implements Learner {
  readonly name = 'time';

  constructor() {
    super({
      values: 0,
      lowMs: 0,
      highMs: 0,
      apartMs: 0,
      precisionMs: 1,
      forms: [],
      mixed: false,
      fewestDigits: 0,
      mostDigits: 0,
      round: 0,
    });
  }

  absorb({ control, candidate }: ValuePair, { at, gapMs }: NoiseContext): boolean {
    const [left, right] = [readMoment(control.text, at), readMoment(candidate.text, at)];
    if (left === undefined || right === undefined) return false;
    for (const moment of [left, right]) {
      if (moment.format.startsWith('epoch') && Math.abs(moment.ms - at) > MAX_DISTANCE_MS) return false;
      this.take(moment, moment.ms - at);
    }
    const apart = Math.abs(left.ms - right.ms) - Math.max(0, gapMs);
    this.state = {
      ...this.state,
      apartMs: Math.max(this.state.apartMs, apart),
      mixed: this.state.mixed || formOf(left) !== formOf(right),
    };
    return true;
  }

  private take(moment: Moment, distance: number): void {
    const { values, lowMs, highMs, forms, precisionMs, fewestDigits, mostDigits, round } = this.state;
    this.state = {
      ...this.state,
      values: values + 1,
      lowMs: values > 0 ? Math.min(lowMs, distance) : distance,
      highMs: values > 0 ? Math.max(highMs, distance) : distance,
      precisionMs: Math.max(precisionMs, moment.precisionMs),
      forms: withItem(forms, formOf(moment)),
      fewestDigits: values > 0 ? Math.min(fewestDigits, moment.digits) : moment.digits,
      mostDigits: Math.max(mostDigits, moment.digits),
      round: round + (isRound(moment) ? 1 : 0),
    };
  }

  recognise({ control, candidate }: ValuePair, { at, gapMs }: NoiseContext): Recognised | undefined {
    const [left, right] = [readMoment(control.text, at), readMoment(candidate.text, at)];
    if (left === undefined || right === undefined || !this.isWritten(left, right)) return undefined;
    const gap = Math.max(0, gapMs);
    if (Math.abs(left.ms - right.ms) > 2 * this.state.apartMs + this.slackMs() + gap) return undefined;
    const distance = right.ms - at;
    const [low, high] = this.range();
    if (this.isNear() && (distance < low || distance > high + gap)) return undefined;
    const found = timeOf(left, right, { at, gapMs: gap, apartMs: this.state.apartMs });
    return this.isRounder(left, right) ? { ...found, rare: 'rounded' } : found;
  }

  /** Whether only the candidate's is a whole second, and the control's hardly ever were: once is chance. */
  private isRounder(control: Moment, candidate: Moment): boolean {
    const { round, values } = this.state;
    return values >= ROUND_VALUES && round * ROUND_VALUES < values && isRound(candidate) && !isRound(control);
  }

  private isWritten(control: Moment, candidate: Moment): boolean {
    const { forms, mixed, fewestDigits, mostDigits } = this.state;
    const form = formOf(candidate);
    if (form !== formOf(control) && !(mixed && forms.includes(form))) return false;
    // Serialisers that drop trailing zeros leave fewer digits now and then, never more.
    const varies = fewestDigits !== mostDigits;
    return varies ? candidate.digits <= mostDigits : candidate.digits === control.digits;
  }

  /** Whether the distance to the request says something: dates of articles, or a clock nobody told us of, are anywhere. */
  private isNear(): boolean {
    const { lowMs, highMs, apartMs } = this.state;
    return highMs - lowMs <= Math.max(60_000, 10 * this.slackMs(), 10 * apartMs);
  }

  private slackMs(): number {
    return this.state.precisionMs + SLACK_MS;
  }

  /** Half of the seen distances once more on either side, a step of the format, and 2 s. */
  private range(): readonly [low: number, high: number] {
    const { lowMs, highMs } = this.state;
    const slack = (highMs - lowMs) / 2 + this.slackMs();
    return [lowMs - slack, highMs + slack];
  }

  envelope(): string {
    const seconds = (ms: number): string => String(Math.round(ms / 100) / 10);
    const written = this.state.forms.map((form) => form.trim()).join(' or ');
    const apart = `at most ${seconds(2 * this.state.apartMs + this.slackMs())} s from the control's`;
    const [low, high] = this.range();
    const near = this.isNear() ? `, ${seconds(low)} to ${seconds(high)} s from the request` : '';
    return `written as ${written}, ${apart}${near}, not standing still`;
  }
}

/** Format and zone; a fixed offset is part of the form, since another one is another zone. */
function formOf({ format, zone }: Moment): string {
  return `${format} ${/\d/.test(zone) ? zone : ''}`;
}

/** No finer than the next coarser unit, where the format has one to lose: one value in a thousand by chance. */
function isRound({ ms, precisionMs, format }: Moment): boolean {
  return precisionMs < 1000 && !format.startsWith('epoch seconds') && Math.floor(ms) % 1000 === 0;
}
